// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile writes a whole file or, if it fails or the program is killed, leaves what was there. A
// link stays, and the file that it leads to is written; a file that is there keeps its mode.
func WriteFile(name string, data []byte) (err error) {
	mode := fs.FileMode(0o644)
	switch resolved, err := filepath.EvalSymlinks(name); {
	case err == nil:
		name = resolved
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	_, err = part.Write(data)
	if err := errors.Join(err, part.Chmod(mode), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), name)
}

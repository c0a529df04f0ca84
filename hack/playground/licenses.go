// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// writeLicenses puts the licences of the packages in the bundle beside it, as they ask for.
func (o *options) writeLicenses() error {
	modules := filepath.Join(o.page, "node_modules")
	var out bytes.Buffer
	for _, pattern := range []string{"*/LICENSE*", "@*/*/LICENSE*"} {
		files, err := filepath.Glob(filepath.Join(modules, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(modules, filepath.Dir(file))
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "%s\n\n%s\n\n", filepath.ToSlash(name), bytes.TrimSpace(text))
		}
	}
	if out.Len() == 0 {
		return fmt.Errorf("%s: no licences, so no packages: run make playground", modules)
	}
	return os.WriteFile(filepath.Join(o.out, "LICENSES.txt"), out.Bytes(), 0o644)
}

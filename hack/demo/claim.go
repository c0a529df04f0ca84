// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// claim empties a folder, or makes it, and holds it until the file is closed: a second run does not take it from a first.
func claim(out string) (*os.File, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	folder, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another run writes to %s: wait until it ends (%w)", relative(out), err), folder.Close())
	}
	entries, err := os.ReadDir(out)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(out, entry.Name())))
	}
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return folder, nil
}

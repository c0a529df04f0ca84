// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// scratch is the folder in which everything that a cluster needs has to stay. Its path is
// short, for the sockets in it.
type scratch string

func newScratch(t *testing.T) scratch {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return scratch(dir)
}

// checkEmpty fails the test if a file is left, or a process that was started to work on one.
func (s scratch) checkEmpty(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(string(s), "*"))
	if err != nil || len(files) > 0 {
		t.Errorf("left behind: %q, %v", files, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lines {
		command, err := os.ReadFile(file)
		if err == nil && bytes.Contains(command, []byte(s)) { // one that has ended cannot be read, or is empty
			t.Errorf("still running: %s: %s", file, bytes.ReplaceAll(command, []byte{0}, []byte(" ")))
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scratch is the folder for temporary files of a test, by whose name its processes are found.
type scratch struct{ dir string }

// newScratch makes one that every user may enter, with a short name, since sockets lie in it. At the end of the test
// it must be empty, and no process may be left that knows of it.
func newScratch(t *testing.T) *scratch {
	t.Helper()
	dir, err := os.MkdirTemp("", "g")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	s := &scratch{dir}
	t.Cleanup(func() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		for _, entry := range entries {
			t.Errorf("left behind: %s", filepath.Join(dir, entry.Name()))
		}
		for _, command := range s.processes(t) {
			t.Errorf("left running: %s", command)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// holds tells whether anything is in the folder.
func (s *scratch) holds(t *testing.T) bool {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) > 0
}

// processes are the command lines that name the folder.
func (s *scratch) processes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if command, err := os.ReadFile(file); err == nil && bytes.Contains(command, []byte(s.dir)) {
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

// runsQEMU tells whether a guest is running.
func (s *scratch) runsQEMU(t *testing.T) bool {
	t.Helper()
	for _, command := range s.processes(t) {
		if strings.Contains(command, "qemu-system") && strings.Contains(command, "-kernel") {
			return true
		}
	}
	return false
}

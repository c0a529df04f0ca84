// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package scratch is for tests of what must leave nothing behind, neither files nor processes, however it ends.
package scratch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/domainpatch/domainpatch/test/processes"
)

// Folder is the folder for temporary files of a test, by whose name its processes are found.
type Folder struct{ dir string }

// New makes a folder that every user may enter, with a short name, since sockets lie in it, and makes it the one for
// temporary files. At the end of the test it must be empty, and no process may be left that names it.
func New(t *testing.T) Folder {
	t.Helper()
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	f := Folder{dir}
	t.Cleanup(func() {
		f.CheckEmpty(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return f
}

// CheckEmpty fails the test if a file is in the folder, or a process names it.
func (f Folder) CheckEmpty(t *testing.T) {
	t.Helper()
	for _, name := range f.Files(t) {
		t.Errorf("left behind: %s", filepath.Join(f.dir, name))
	}
	for _, p := range f.Processes(t) {
		t.Errorf("still running: %s", p)
	}
}

// Files are the names of what is in the folder.
func (f Folder) Files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// Processes are those that name the folder.
func (f Folder) Processes(t *testing.T) []processes.Process {
	t.Helper()
	return ProcessesOn(t, f.dir)
}

// ProcessesOn are those that name any folder.
func ProcessesOn(t *testing.T, dir string) []processes.Process {
	t.Helper()
	found, err := processes.On(dir)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteFile checks that a file is replaced as a whole: who has the old one open reads the old
// one to its end.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "want.xml"), filepath.Join(dir, "link.xml")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := WriteFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	old := make([]byte, 8)
	if n, _ := reader.Read(old); string(old[:n]) != "old" {
		t.Errorf("the file was written in place: %q", old[:n])
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "new" {
		t.Errorf("got %q, %v", got, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
	if err := WriteFile(dir, nil); err == nil {
		t.Error("a folder was replaced")
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v, want no other file", all, err)
	}
	if parts, err := filepath.Glob(dir + "/../.*-*"); err != nil || len(parts) > 0 {
		t.Errorf("%v is left, %v", parts, err)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestOriginDirty: sources that no commit has are compiled in, so the version must not be a commit's.
func TestOriginDirty(t *testing.T) {
	t.Chdir(t.TempDir())
	runGit(t, "init", "-q")
	writeFile(t, "a.go", "package a")
	runGit(t, "add", "a.go")
	runGit(t, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a")
	runGit(t, "tag", "v1.0.0")
	check := func(want string) {
		t.Helper()
		from, err := readOrigin("")
		if err != nil || from.version != want || len(from.revision) != 40 {
			t.Errorf("got version %q, revision %q, %v, want version %q", from.version, from.revision, err, want)
		}
	}
	check("v1.0.0")
	writeFile(t, "b.go", "package a")
	check("v1.0.0-dirty")
	writeFile(t, "a.go", "package b")
	check("v1.0.0-dirty")
}

func runGit(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

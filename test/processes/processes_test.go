// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package processes

import (
	"os"
	"os/exec"
	"testing"
)

// TestOn finds a process by the folder in its arguments, until that is killed.
func TestOn(t *testing.T) {
	folder := t.TempDir()
	check := func(want int) []Process {
		t.Helper()
		found, err := On(folder)
		if err != nil || len(found) != want {
			t.Fatalf("got %v and error %v, want %d processes", found, err, want)
		}
		return found
	}
	check(0)
	cmd := exec.Command("tail", "-f", "/dev/null", folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	found := check(1)[0]
	if found.PID != cmd.Process.Pid || found.Parent != os.Getpid() || found.Command != "tail -f /dev/null "+folder {
		t.Errorf("got %#v, want the child %d", found, cmd.Process.Pid)
	}
	if err := found.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	check(0)
	if err := found.Kill(); err != nil {
		t.Errorf("one that has ended: %v", err)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProgram has the test's binary run as kubectl-domainpatch, see TestMain.
func asProgram(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "kubectl-domainpatch")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), program, args...)
}

// TestInterruptedInput checks that an interrupt ends the program while it waits for its input.
func TestInterruptedInput(t *testing.T) {
	c := asProgram(t, "lint", "-f", "-")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	// What is behind the size of a pipe is taken when the program reads.
	if _, err := in.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended as if all was done")
		}
	case <-time.After(deadline):
		_ = c.Process.Kill()
		t.Error("it still waits for its input")
	}
}

// TestTerminated checks that what asks the program to end takes the script with it.
func TestTerminated(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"interrupt": syscall.SIGINT, "terminate": syscall.SIGTERM, "hangup": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			script := newScript(t, "sleep 300 & echo $! >"+pids+"; wait")
			c := asProgram(t, "generate", "--script", script.path, "--domain", "-")
			scratch := t.TempDir()
			c.Env = append(os.Environ(), "TMPDIR="+scratch)
			c.Stdin = strings.NewReader("<domain/>")
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			readPID(t, pids)
			if err := c.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(errs.String(), "interrupted") {
				t.Errorf("got %v: %s", err, errs.String())
			}
			if out.Len() > 0 {
				t.Errorf("got %q on stdout", out.String())
			}
			if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
				t.Errorf("got %v in the temporary folder, %v, want nothing", left, err)
			}
			waitForEnd(t, pids)
		})
	}
}

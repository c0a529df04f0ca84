// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newScript writes a script that sh runs.
func newScript(t *testing.T, lines string) *hookScript {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o755); err != nil {
		t.Fatal(err)
	}
	return &hookScript{path: path, name: "onDefineDomain", flag: "--domain", limit: time.Minute, errors: &bytes.Buffer{}}
}

// TestHookScriptEnds checks that a script that does not end, or not alone, is killed with all
// that it started, and that it is said why.
func TestHookScriptEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		reason, lines string
		limit         time.Duration
		want          string // of the error; empty: none
	}{
		"time":       {"KubeVirt waits no longer", "sleep 300 & echo $! >$PIDS; wait", time.Second, "it ran for 1s, the time that KubeVirt gives a hook, and was killed"},
		"output":     {"KubeVirt takes no more", "sleep 300 & echo $! >$PIDS; yes", time.Minute, "it wrote more than the 4 MiB that KubeVirt takes, and was killed"},
		"background": {"it keeps stdout open", "sleep 300 & echo $! >$PIDS; echo '<domain/>'", time.Minute, "kept its output open"},
		"daemon":     {"it keeps nothing open", "sleep 300 >/dev/null 2>&1 & echo $! >$PIDS; echo '<domain/>'", time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pids := filepath.Join(t.TempDir(), "pids")
			t.Setenv("PIDS", pids)
			script := newScript(t, tc.lines)
			script.limit = tc.limit
			_, err := script.run(t.Context(), []byte("<domain/>"), []byte("{}"))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", tc.reason, err, tc.want)
			}
			waitForEnd(t, pids)
		})
	}
}

// TestHookScriptInterrupted checks that an interrupt ends the script and what it started.
func TestHookScriptInterrupted(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	t.Setenv("PIDS", pids)
	script := newScript(t, "sleep 300 & echo $! >$PIDS; wait")
	ctx, interrupt := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := script.run(ctx, []byte("<domain/>"), []byte("{}"))
		failed <- err
	}()
	readPID(t, pids)
	interrupt()
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "interrupted: the script was killed") {
		t.Errorf("got %v, want that it was interrupted", err)
	}
	waitForEnd(t, pids)
}

// TestHookScriptScratch checks that the working directory is gone afterwards, and that what
// the script needs is not.
func TestHookScriptScratch(t *testing.T) {
	script := newScript(t, `touch left; [ "$TMPDIR" = "$(pwd)" ] && echo "<domain>$(pwd)</domain>"; cat`)
	out, err := script.run(t.Context(), []byte("<domain/>"), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(out)), "<domain>"), "</domain>")
	if _, err := os.Stat(dir); !filepath.IsAbs(dir) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the scratch folder %q: %v, want that it is gone", dir, err)
	}
}

// TestHookScriptTooLarge checks what is said of a document that no kernel takes.
func TestHookScriptTooLarge(t *testing.T) {
	_, err := newScript(t, "true").run(t.Context(), bytes.Repeat([]byte("x"), 200<<10), []byte("{}"))
	if err == nil || !strings.Contains(err.Error(), "over 128 KiB") {
		t.Errorf("got %v, want the limit of the kernel", err)
	}
}

// deadline is how long a process may take to start or to be gone, on a busy machine.
const deadline = time.Minute

// readPID waits until the script has written the number of the process that it started.
func readPID(t *testing.T, file string) int {
	t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err == nil && strings.HasSuffix(string(text), "\n") {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the script has not started")
	return 0
}

// waitForEnd waits until the process is gone, or waits for its parent alone.
func waitForEnd(t *testing.T, file string) {
	t.Helper()
	pid := readPID(t, file)
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d still runs", pid)
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFetchAtOnce is a second run while the first one has the folder: it waits, until it is interrupted.
func TestFetchAtOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bin", "guest")
	first, err := hold(t.Context(), filepath.Dir(folder))
	if err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(interrupted)
	if _, err := hold(ctx, filepath.Dir(folder)); !errors.Is(err, interrupted) {
		t.Errorf("held twice: got error %v, want %v", err, interrupted)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Fetch(ctx, folder, []string{"virtio_blk"}); !errors.Is(err, interrupted) { // and not what a killed apt says
		t.Errorf("got error %v, want %v", err, interrupted)
	}
}

// TestNoNetwork has no lists of apt's yet, as a new machine, and nothing to get them from.
func TestNoNetwork(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs apt and root")
	}
	dir := t.TempDir()
	const unreachable = "127.0.0.1:9" // the port of a protocol that discards
	config := fmt.Sprintf(`Dir::State::lists "%[1]s/lists"; Dir::Cache "%[1]s/cache"; APT::Sandbox::User "root";
Dir::Etc::sourcelist "%[1]s/sources.list"; Dir::Etc::sourceparts "-"; Acquire::Retries "0";`, dir)
	for name, text := range map[string]string{"apt.conf": config, "sources.list": "deb http://" + unreachable + "/debian stable main\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("APT_CONFIG", filepath.Join(dir, "apt.conf"))
	_, err := Fetch(t.Context(), filepath.Join(dir, "guest"), []string{"virtio_blk"})
	if err == nil || !strings.Contains(err.Error(), unreachable) {
		t.Errorf("got error %v, want one that says what cannot be reached", err)
	}
}

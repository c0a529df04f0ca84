// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClaim is a second run while the first one goes on, and one after it.
func TestClaim(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out", "demo")
	first, err := claim(out)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(out, "logs", "etcd.log")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := claim(out); err == nil || !strings.Contains(err.Error(), "wait until it ends") {
		t.Errorf("got error %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the second run has emptied the folder of the first: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := claim(out)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if entries, err := os.ReadDir(out); err != nil || len(entries) > 0 {
		t.Errorf("not emptied: %v, %v", entries, err)
	}
}

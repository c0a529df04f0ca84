// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHooksStayInTheirFolder wants no program to write to files that another run writes, too.
func TestHooksStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, goSMBIOS), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeHooks(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{sedHook, shellHook, pythonHook} {
		text, err := os.ReadFile(filepath.Join(hookFolder(dir, name), "onDefineDomain"))
		if err != nil {
			t.Fatal(err)
		}
		if elsewhere := strings.ReplaceAll(string(text), dir, "DIR"); strings.Contains(elsewhere, "/tmp/") {
			t.Errorf("%s writes to files of fixed names:\n%s", name, elsewhere)
		}
	}
}

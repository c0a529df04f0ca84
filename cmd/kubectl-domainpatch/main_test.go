// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kubectl-domainpatch": main})
}

func TestScripts(t *testing.T) {
	samples, err := filepath.Abs("../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	policies, err := filepath.Abs("../../config/policy")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SAMPLES", samples)
			e.Setenv("POLICIES", policies)
			return nil
		},
	})
}

// TestColour checks that colours are for terminals, and for who wants them.
func TestColour(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	terminal, err := os.Open("/dev/ptmx")
	if err != nil {
		t.Skipf("no pseudo terminal to test with: %v", err)
	}
	defer terminal.Close()
	const red = "\x1b[31mFAIL\x1b[0m"
	if got := verdict(streams{out: terminal}, "FAIL"); got != red {
		t.Errorf("on a terminal: %q, want %q", got, red)
	}
	if got := verdict(streams{out: &bytes.Buffer{}}, "FAIL"); got != "FAIL" {
		t.Errorf("not on a terminal: %q", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := verdict(streams{out: terminal}, "FAIL"); got != "FAIL" {
		t.Errorf("with NO_COLOR: %q", got)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestReadme runs the commands of README's first minute and compares what they print
// with what README says they do.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, block := range strings.Split(string(readme), "```console\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		command, want, _ := strings.Cut(strings.ReplaceAll(block, "\\\n", ""), "\n")
		args, ok := strings.CutPrefix(command, "$ go run ./cmd/kubectl-domainpatch ")
		if !ok {
			continue
		}
		ran++
		var out bytes.Buffer
		if code := run(context.Background(), strings.Fields(args), streams{nil, &out, &out}); code != 0 {
			t.Errorf("%s: exit code %d\n%s", command, code, &out)
		}
		if want == "" {
			continue
		}
		seconds := regexp.MustCompile(`[0-9.]+s\n`)
		if diff := cmp.Diff(seconds.ReplaceAllString(want, "0s\n"), seconds.ReplaceAllString(out.String(), "0s\n")); diff != "" {
			t.Errorf("%s (-README +printed):\n%s", command, diff)
		}
	}
	if ran < 2 {
		t.Errorf("README has %d commands of the first minute, want at least 2", ran)
	}
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

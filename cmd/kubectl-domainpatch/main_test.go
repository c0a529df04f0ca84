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

// TestMarkedCloudInit gives CloudInitData with a byte order mark, as editors on Windows write it, to all that read it.
func TestMarkedCloudInit(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../config/samples/guest-mtu")); err != nil {
		t.Fatal(err)
	}
	before, after := filepath.Join(dir, "cloud-init.json"), filepath.Join(dir, "want.json")
	want, err := os.ReadFile(after)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{before, after} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append([]byte("\ufeff"), text...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	patch, vmi := filepath.Join(dir, "patch.yaml"), filepath.Join(dir, "vmi.yaml")
	for name, args := range map[string][]string{
		"Test":     {"test", dir},
		"Render":   {"render", "-f", patch, "--vmi", vmi, "--cloud-init", before},
		"Generate": {"generate", "--before", before, "--after", after},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), args, streams{out: &out, err: &errs}); code != 0 {
				t.Fatalf("exit code %d\n%s", code, &errs)
			}
			if name == "Render" && !bytes.Equal(out.Bytes(), want) {
				t.Errorf("got %s, want %s", &out, want)
			}
		})
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// TestGenerated pins how patches look that are generated from samples, and from two domains
// in which nothing but the place tells devices apart. Each of them passes as a case.
func TestGenerated(t *testing.T) {
	golden, err := filepath.Glob("testdata/generate/*.yaml")
	if err != nil || len(golden) < 10 {
		t.Fatalf("%d patches in testdata/generate: %v, want at least 10", len(golden), err)
	}
	for _, file := range golden {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("../../config/samples", name)
			if _, err := os.Stat(dir); err != nil {
				dir = filepath.Join("testdata/generate", name)
			}
			before, after := filepath.Join(dir, "domain.xml"), filepath.Join(dir, "want.xml")
			if _, err := os.Stat(before); err != nil {
				before, after = filepath.Join(dir, "cloud-init.json"), filepath.Join(dir, "want.json")
			}
			var out, errs bytes.Buffer
			folder := filepath.Join(t.TempDir(), "case")
			args := []string{"generate", "--before", before, "--after", after, "--name", name, "--case", folder}
			if code := run(context.Background(), args, streams{out: &out, err: &errs}); code != 0 {
				t.Fatalf("exit code %d\n%s", code, &errs)
			}
			if *update {
				if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if r := offline.RunCase(t.Context(), folder); !r.Passed() {
				t.Errorf("the case fails: %v %v", r.Err, r.Mismatches)
			}
		})
	}
}

// TestPasses checks that no case is written that would fail.
func TestPasses(t *testing.T) {
	good := filepath.Join("../../config/samples", "disk-iotune")
	if err := passes(offline.RunCase(t.Context(), good)); err != nil {
		t.Errorf("a case that passes: %v", err)
	}
	wrong := t.TempDir()
	for _, name := range []string{"patch.yaml", "vmi.yaml", "domain.xml", "want.xml"} {
		data, err := os.ReadFile(filepath.Join(good, name))
		if os.IsNotExist(err) {
			continue
		}
		if name == "want.xml" {
			data = bytes.Replace(data, []byte("<domain"), []byte("<!-- another --><domain"), 1)
		}
		if err := os.WriteFile(filepath.Join(wrong, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := passes(offline.RunCase(t.Context(), wrong)); err == nil || !strings.Contains(err.Error(), "want.xml is not what came out") {
		t.Errorf("a case that wants something else: %v", err)
	}
	if err := passes(offline.RunCase(t.Context(), t.TempDir())); err == nil {
		t.Error("a folder without a case passes")
	}
}

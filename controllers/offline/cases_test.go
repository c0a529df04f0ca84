// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
)

var update = flag.Bool("update", false, "rewrite the want files of the cases")

// TestCases runs the engine's cases, and the samples that users get, as
// "kubectl domainpatch test" does.
func TestCases(t *testing.T) {
	for _, root := range []string{"../../config/samples", "../../patch/testdata/cases"} {
		dirs, err := FindCases(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			name, err := filepath.Rel(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) {
				checkCase(t, dir)
				checkEngine(t, dir)
			})
		}
	}
}

func checkCase(t *testing.T, dir string) {
	r := RunCase(context.Background(), dir)
	if *update {
		if _, err := r.Update(); err != nil {
			t.Fatal(err)
		}
	}
	if r.Err != nil {
		t.Error(r.Err)
	}
	for _, m := range r.Mismatches {
		t.Errorf("%s (-want +got):\n%s", m.Reason(), cmp.Diff(string(m.Want), string(m.Got)))
	}
}

// checkEngine checks what concerns the engine more than its users: that a call leaves its
// input alone, and that a first call on its result, as after a restart of the shim,
// changes nothing.
func checkEngine(t *testing.T, dir string) {
	c, err := readCase(dir)
	if err != nil || c.has(WantError) || !c.has(CaseDomain) {
		return
	}
	program, _, _, err := c.compile(context.Background())
	if err != nil {
		return // checkCase tells
	}
	in := bytes.Clone(c[CaseDomain])
	out, _, err := program.Domain(context.Background(), in, nil)
	if err != nil {
		return
	}
	if !bytes.Equal(in, c[CaseDomain]) {
		t.Error("the call changed its input")
	}
	again, _, err := program.Domain(context.Background(), out, nil)
	if failed := (*patch.Error)(nil); err != nil && !errors.As(err, &failed) || err == nil && !bytes.Equal(again, out) {
		t.Errorf("a first call on the result: %v (-want +got):\n%s", err, cmp.Diff(string(out), string(again)))
	}
}

const (
	simplePatch = `apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata: {name: p}
spec:
  domain:
  - {op: set, path: /domain/name, value: b}
`
	simpleDomain = "<domain><name>a</name></domain>"
	simpleWant   = "<domain><name>b</name></domain>"
	strangerVMI  = "{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: x}}"
	failingPatch = `apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata: {name: p}
spec:
  domain:
  - {op: test, path: /domain/nosuch}
`
	failure = "DomainPatch default/p: spec.domain[0]: /domain/nosuch selects nothing, at least one node is expected: /domain selects 1 node, without nosuch"
)

// TestRunCase pins what is said about folders that are wrong.
func TestRunCase(t *testing.T) {
	type files map[string]string
	for name, tc := range map[string]struct {
		reason string
		files  files
		want   string // of Err, or the reason of the one mismatch; empty: passed
	}{
		"success":        {reason: "what the format is for", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain, WantDomain: simpleWant}},
		"failure":        {reason: "a case may want an error", files: files{CasePatch: failingPatch, CaseDomain: simpleDomain, WantError: failure + "\n"}},
		"differs":        {reason: "the point of a test", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain, WantDomain: simpleDomain}, want: "want.xml is not what came out"},
		"want missing":   {reason: "nothing wanted is nothing tested", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain}, want: "want.xml is missing: this came out"},
		"error missing":  {reason: "the same for a failure", files: files{CasePatch: failingPatch, CaseDomain: simpleDomain}, want: "want.err is missing: this came out"},
		"no document":    {reason: "there is nothing to patch", files: files{CasePatch: simplePatch, WantError: "x"}, want: "neither domain.xml nor cloud-init.json: give the document that the patch is applied to"},
		"both wants":     {reason: "it cannot succeed and fail", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain, WantDomain: simpleWant, WantError: "x"}, want: "want.xml beside want.err: a case either succeeds or fails: remove one of them"},
		"stray want":     {reason: "it would never be compared", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain, WantDomain: simpleWant, WantCloudInit: "{}"}, want: "want.json without cloud-init.json"},
		"should fail":    {reason: "an expected error that is gone", files: files{CasePatch: simplePatch, CaseDomain: simpleDomain, WantError: failure}, want: "no error, but want.err wants one: " + failure},
		"should succeed": {reason: "an error that is new", files: files{CasePatch: failingPatch, CaseDomain: simpleDomain, WantDomain: simpleWant}, want: failure},
		"not bound": {
			reason: "the patch would not run at all", files: files{CasePatch: simplePatch, CaseVMI: strangerVMI, CaseDomain: simpleDomain, WantDomain: simpleDomain},
			want: "DomainPatch default/p does not bind to the VMI of vmi.yaml: give the VMI the label domainpatch.kubevirt.io/p, or the patch a selector",
		},
		"broken VMI": {reason: "no patch can bind to it", files: files{CasePatch: simplePatch, CaseVMI: "kind: Pod", CaseDomain: simpleDomain, WantError: "x"}, want: `vmi.yaml: kind "Pod" is neither VirtualMachineInstance nor VirtualMachine`},
		"no patch":   {reason: "the file may be another", files: files{CasePatch: "# nothing\n", CaseDomain: simpleDomain, WantDomain: simpleDomain}, want: "patch.yaml holds no DomainPatch and no ClusterDomainPatch"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range tc.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := RunCase(context.Background(), dir)
			got := ""
			switch {
			case r.Err != nil:
				got = r.Err.Error()
			case len(r.Mismatches) == 1:
				got = r.Mismatches[0].Reason()
			}
			if got != tc.want || r.Passed() != (tc.want == "") {
				t.Errorf("%s: %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// TestUpdate checks that an update accepts no repeated call that changes its result.
func TestUpdate(t *testing.T) {
	r := &CaseResult{Dir: t.TempDir()}
	r.compareRepeated([]byte("first"), []byte("first"))
	if !r.Passed() {
		t.Error("equal results are a mismatch")
	}
	r.compareRepeated([]byte("first"), []byte("second"))
	if updated, err := r.Update(); err != nil || len(updated) != 0 || r.Passed() {
		t.Errorf("updated %q, %v, passed: %t", updated, err, r.Passed())
	}
}

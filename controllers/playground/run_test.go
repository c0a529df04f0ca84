// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package playground

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

const (
	simplePatch = `apiVersion: domainpatch.kubevirt.io/v1alpha1
kind: DomainPatch
metadata: {name: p}
spec:
  domain:
  - {op: set, path: /domain/name, value: b}
`
	simpleDomain = "<domain>\n<name>a</name>\n</domain>\n"
)

// TestSamples runs every sample as the page does and compares with what it wants.
func TestSamples(t *testing.T) {
	dirs, err := offline.FindCases("../../config/samples")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			r := answer(t, &Request{Patches: read(t, dir, "patch.yaml"), VMI: read(t, dir, "vmi.yaml"),
				Domain: read(t, dir, "domain.xml"), CloudInit: read(t, dir, "cloud-init.json")})
			for _, p := range r.Problems {
				t.Errorf("%+v", p)
			}
			compare(t, dir, "domain.xml", "want.xml", r.Domain)
			compare(t, dir, "cloud-init.json", "want.json", r.CloudInit)
			if r.Domain != nil && r.Repeat.Diff != "" {
				t.Errorf("the second call changes something:\n%s", r.Repeat.Diff)
			}
		})
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func compare(t *testing.T, dir, document, name string, got *Result) {
	t.Helper()
	in, want := read(t, dir, document), read(t, dir, name)
	switch {
	case got == nil && want != "":
		t.Errorf("nothing came out, want %s", name)
	case got != nil && got.Output != want:
		t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, got.Output))
	case got != nil && (got.Diff == "") != (want == in):
		t.Errorf("diff %q", got.Diff)
	}
}

func answer(t *testing.T, request *Request) *Response {
	t.Helper()
	asJSON, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var r Response
	if err := json.Unmarshal(Answer(context.Background(), asJSON), &r); err != nil {
		t.Fatal(err)
	}
	if r.Fault != "" {
		t.Fatal(r.Fault)
	}
	return &r
}

// TestProblems checks the panes and the lines of what is wrong.
func TestProblems(t *testing.T) {
	valid := Request{Patches: simplePatch, Domain: simpleDomain}
	for name, tc := range map[string]struct {
		reason string
		change func(*Request)
		want   Problem
	}{
		"syntax": {
			reason: "what the editor shows while somebody types",
			change: func(r *Request) { r.Patches = strings.Replace(r.Patches, "name: p}", "name: p", 1) },
			want:   Problem{Pane: panePatches, Line: 2, Message: "this is neither YAML nor JSON: did not find expected ',' or '}'"},
		},
		"field": {
			reason: "a typo in a name",
			change: func(r *Request) { r.Patches = strings.Replace(r.Patches, "value", "valeu", 1) },
			want:   Problem{Pane: panePatches, Line: 6, Column: 35, Message: `DomainPatch p: unknown field "spec.domain[0].valeu"`},
		},
		"path": {
			reason: "the compiler knows the place in the text of the field",
			change: func(r *Request) { r.Patches = strings.Replace(r.Patches, "/domain/name", "/domain/name/", 1) },
			want:   Problem{Pane: panePatches, Line: 6},
		},
		"failure": {
			reason: "a rule that fails on the domain is a problem of the rule",
			change: func(r *Request) { r.Domain = "<domain/>"; r.Patches = strings.Replace(r.Patches, "set", "test", 1) },
			want: Problem{Pane: panePatches, Line: 6, Column: 5,
				Message: "DomainPatch default/p: spec.domain[0]: /domain/name selects nothing, at least one node is expected: /domain selects 1 node, without name"},
		},
		"XML": {
			reason: "a document that does not parse is a problem of its pane",
			change: func(r *Request) { r.Domain = "<domain>\n<é></domain>" },
			want: Problem{Pane: paneDomain, Line: 2, Column: 4,
				Message: `cannot parse the domain XML: line 2, column 5: the end tag of "domain" closes no open element`},
		},
		"JSON": {
			reason: "the same of cloud-init data",
			change: func(r *Request) {
				r.CloudInit = "{\n  x}"
				r.Patches = strings.Replace(r.Patches, "  domain:\n  - {op: set", "  cloudInit:\n  - {target: userData, op: add", 1)
			},
			want: Problem{Pane: paneCloudInit, Line: 2, Column: 3},
		},
		"VMI": {
			reason: "the same of the VMI",
			change: func(r *Request) { r.VMI = "kind: Pod" },
			want:   Problem{Pane: paneVMI, Message: `kind "Pod" is neither VirtualMachineInstance nor VirtualMachine`},
		},
		"demand": {
			reason: "a patch pasted over a sample's, whose VMI demands another",
			change: func(r *Request) {
				r.VMI = `{kind: VirtualMachineInstance, metadata: {name: x, labels: {domainpatch.kubevirt.io/gone: "true"}}}`
			},
			want: Problem{Pane: paneVMI,
				Message: "label domainpatch.kubevirt.io/gone: DomainPatch default/gone does not exist: create it, or remove the label from the VM template"},
		},
		"too long": {
			reason: "a file that somebody dropped",
			change: func(r *Request) { r.Domain = strings.Repeat(" ", maxBytes+1) },
			want:   Problem{Pane: paneDomain, Message: "4194305 bytes, over the limit of 4194304"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			request := valid
			tc.change(&request)
			r := answer(t, &request)
			if len(r.Problems) != 1 {
				t.Fatalf("%d problems, want 1: %+v", len(r.Problems), r.Problems)
			}
			got := r.Problems[0]
			if tc.want.Message == "" {
				tc.want.Message, tc.want.Column = got.Message, got.Column
			}
			tc.want.Severity = "error"
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestLint checks that findings of the linter come with their codes and lines, and alone.
func TestLint(t *testing.T) {
	position := strings.Replace(simplePatch, "/domain/name", "'/domain/devices/disk[1]/wwn'", 1)
	r := answer(t, &Request{Patches: position, Domain: "<domain><devices><disk/></devices></domain>", Lint: true})
	if len(r.Problems) != 1 || r.Domain != nil {
		t.Fatalf("%+v", r)
	}
	got := r.Problems[0]
	if got.Severity != "warning" || got.Code != "DP104" || got.Line != 6 || got.Fix == "" || !strings.HasSuffix(got.URL, "#dp104") {
		t.Errorf("%+v, want the warning DP104 in line 6", got)
	}
	if r := answer(t, &Request{Patches: "kind: [", Lint: true}); len(r.Problems) > 0 {
		t.Errorf("what a run says is said twice: %+v", r.Problems)
	}
}

// TestNotes checks that what does not run is told.
func TestNotes(t *testing.T) {
	pod := "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
	vmi := "{apiVersion: kubevirt.io/v1, kind: VirtualMachineInstance, metadata: {name: x}}"
	for name, tc := range map[string]struct {
		request Request
		want    string
		runs    bool
	}{
		"empty":   {request: Request{}, want: "there is no DomainPatch and no ClusterDomainPatch yet"},
		"skipped": {request: Request{Patches: simplePatch + pod, Domain: simpleDomain}, want: "Pod x is no patch", runs: true},
		"unbound": {request: Request{Patches: simplePatch, VMI: vmi, Domain: simpleDomain}, want: "none of the 1 patches binds", runs: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := answer(t, &tc.request)
			if len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], tc.want) {
				t.Errorf("notes %q, want %q", r.Notes, tc.want)
			}
			if got := r.Domain != nil; got != tc.runs {
				t.Errorf("the hook runs: %t, want %t", got, tc.runs)
			}
		})
	}
	all := answer(t, &Request{Patches: simplePatch, VMI: vmi, Domain: simpleDomain, All: true})
	if !strings.Contains(all.Domain.Diff, "+<name>b</name>") {
		t.Errorf("unbound, and all apply: diff %q", all.Domain.Diff)
	}
}

// TestAnswerFault checks that what is no request gets an answer.
func TestAnswerFault(t *testing.T) {
	if got := string(Answer(context.Background(), []byte("x"))); !strings.Contains(got, `"fault":"the request is no JSON`) {
		t.Error(got)
	}
}

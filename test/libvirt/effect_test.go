// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package libvirt

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

func TestEffect(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want []string }{
		"same":     {[]string{"qemu", "-S"}, []string{"qemu", "-S"}, nil},
		"option":   {[]string{"-S"}, []string{"-no-hpet"}, []string{"- -S", "+ -no-hpet"}},
		"property": {[]string{"-cpu max,a=1"}, []string{"-cpu max,a=2,b=3"}, []string{"-cpu: -a=1 +a=2 +b=3"}},
		"device by id": {
			[]string{`-device {"driver":"x","id":"one","n":1,"addr":"0x1"}`, `-device {"driver":"x","id":"two","n":1}`},
			[]string{`-device {"driver":"x","id":"one","n":1,"addr":"0x2"}`, `-device {"driver":"y","id":"two","n":1}`},
			[]string{"-device y id=two: -driver=x +driver=y"},
		},
		"large number": {
			[]string{`-device {"driver":"x","id":"one"}`}, []string{`-device {"driver":"x","id":"one","wwn":5764824127192592810}`},
			[]string{"-device x id=one: +wwn=5764824127192592810"},
		},
		"one more of a kind": {
			[]string{"-global a.b=1"}, []string{"-global a.b=1", "-global a.b=2"}, []string{"+ -global a.b=2"},
		},
		"one more of the same": {[]string{"-S"}, []string{"-S", "-S"}, []string{"+ -S"}},
		"comma in a value":     {[]string{"-smbios type=1,a=x"}, []string{"-smbios type=1,a=x,,y"}, []string{"-smbios type=1: -a=x +a=x,,y"}},
		"only its place":       {nil, []string{`-device {"driver":"pcie-root-port","id":"pci.9"}`}, nil},
	} {
		if diff := cmp.Diff(c.want, effect(virsh.CommandLine(c.before), virsh.CommandLine(c.after))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLost drops and changes what rules wrote, and wants their paths.
func TestLost(t *testing.T) {
	program, err := patch.Compile(&bundle.Bundle{Patches: []bundle.Patch{{Kind: bundle.KindDomainPatch, Name: "p", FailurePolicy: bundle.Fail, Domain: []bundle.DomainRule{
		{Op: bundle.OpSet, Path: "/domain/a/@x", Value: new("1")},
		{Op: bundle.OpAdd, Path: "/domain", XML: "<b><c>text</c></b>"},
		{Op: bundle.OpRemove, Path: "/domain/d"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	before := parse(t, "<domain><d/></domain>")
	wanted := parse(t, "<domain><a x='1'/><b><c>text</c></b></domain>")
	for kept, want := range map[string][]string{
		"<domain><a x='1' y='2'/><b y='2'><c> text </c><e/></b></domain>": nil,
		"<domain><a x='2'/><b><c>text</c></b></domain>":                   {"/domain/a/@x"},
		"<domain><a x='1'/><b><c>other</c></b></domain>":                  {"/domain/b/c"},
		"<domain><a x='1'/><b/></domain>":                                 {"/domain/b/c"},
		"<domain><a x='1'/><b><c>text</c></b><d/></domain>":               {"/domain/d"},
	} {
		got, compared, err := lost(program.Places(), before, wanted, parse(t, kept))
		if err != nil || compared < 3 {
			t.Errorf("%s: compared %d places: %v", kept, compared, err)
		}
		for _, path := range want {
			if diff := cmp.Diff(path, first(got)); diff != "" {
				t.Errorf("%s: lost %q:\n%s", kept, got, diff)
			}
		}
		if want == nil && got != nil {
			t.Errorf("%s: lost %q", kept, got)
		}
	}
}

// TestLostBehindCondition has a condition that the patch makes untrue, and one that was untrue before: only where it
// held, the rule has written something.
func TestLostBehindCondition(t *testing.T) {
	program, err := patch.Compile(&bundle.Bundle{Patches: []bundle.Patch{{Kind: bundle.KindDomainPatch, Name: "p", FailurePolicy: bundle.Fail, Domain: []bundle.DomainRule{
		{Op: bundle.OpSet, Path: "/domain/a[@x='1']/@y", Value: new("2")},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	wanted, kept := parse(t, "<domain><a x='3' y='2'/></domain>"), parse(t, "<domain><a x='3'/></domain>")
	for before, want := range map[string][]string{
		"<domain><a x='1'/></domain>": {"/domain/a/@y"},
		"<domain><a x='2'/></domain>": nil,
	} {
		got, _, err := lost(program.Places(), parse(t, before), wanted, kept)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: lost %q, want %q: error %v", before, got, want, err)
		}
	}
}

func first(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return paths[0]
}

func parse(t *testing.T, text string) *document.Document {
	t.Helper()
	doc, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

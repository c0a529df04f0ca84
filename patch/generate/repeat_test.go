// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestTryRepeats tries rules that make of the domain what they should, and of their own result something else. The
// engine's self-check finds that, but in domains that KubeVirt cannot read with or without the rules: there it
// blames no rule, and only the comparison with a repeated call is left.
func TestTryRepeats(t *testing.T) {
	for name, tc := range map[string]struct{ memory, want string }{
		"Readable":   {"1", "the rule is not idempotent"},
		"Unreadable": {"much", "would change their own result"},
	} {
		t.Run(name, func(t *testing.T) { testRepeats(t, "<memory>"+tc.memory+"</memory>", tc.want) })
	}
}

func testRepeats(t *testing.T, memory, wanted string) {
	t.Helper()
	before, after := "<domain>"+memory+"<title>a</title><description>x</description></domain>", "<domain>"+memory+"<title>b</title><description>x</description></domain>"
	a, err := parse("before", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse("after", []byte(after))
	if err != nil {
		t.Fatal(err)
	}
	root := newDigests().compare(a.Element(), b.Element(), nil)
	value := func(text string) *string { return &text }
	title := planned{at: root, DomainRule: DomainRule{DomainRule: bundle.DomainRule{Op: bundle.OpReplace, Path: "/domain/title", Value: value("b")}}}
	late := planned{at: root, DomainRule: DomainRule{DomainRule: bundle.DomainRule{
		Op: bundle.OpReplace, Path: "/domain[title='b']/description", Value: value("y"), Expect: bundle.ExpectAny}}}
	for name, tc := range map[string]struct {
		rules []planned
		want  string
	}{
		"Stays":   {[]planned{title}, ""},
		"Changes": {[]planned{late, title}, wanted},
	} {
		g := &generator{ctx: t.Context(), before: []byte(before), b: b}
		out, _, err := g.try(root, tc.rules)
		if tc.want == "" && (err != nil || out == nil) {
			t.Errorf("%s: %v, want a result", name, err)
		}
		if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

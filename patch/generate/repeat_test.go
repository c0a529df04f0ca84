// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestTryRepeats tries rules that make of the domain what they should, and of their own result something else.
func TestTryRepeats(t *testing.T) {
	before, after := "<domain><title>a</title><description>x</description></domain>", "<domain><title>b</title><description>x</description></domain>"
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
		"Changes": {[]planned{late, title}, "the rule is not idempotent"},
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

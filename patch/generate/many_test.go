// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// TestRemadeAlone removes and adds two devices: a rule that removed all of their kind would take a third one from
// another VM, which no rule brings back.
func TestRemadeAlone(t *testing.T) {
	const devices = "<domain><devices><audio id='1' type='none'/><audio id='2' type='none'/></devices></domain>"
	a, err := parse("before", []byte(devices))
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse("after", []byte(strings.ReplaceAll(devices, "none", "spice")))
	if err != nil {
		t.Fatal(err)
	}
	root := newDigests().compare(a.Element(), b.Element(), nil)
	levels := map[*xmlquery.Node]int{}
	for _, n := range named(named(b.Element(), qname{"", "devices"})[0], qname{"", "audio"}) {
		levels[n] = remade
	}
	l := newPlanner(levels)
	l.plan(root)
	if len(l.rules) != 4 {
		t.Fatalf("%d rules, want a removal and an addition of each device", len(l.rules))
	}
	if alike := l.alike(); len(alike) > 0 {
		t.Errorf("%d of these rules are to become one: %q", len(alike[0].rules), alike[0].path)
	}
}

// TestGeneraliseTries wants rules to stay as they are where one in their place would not give the wanted domain.
func TestGeneraliseTries(t *testing.T) {
	const disks = "<domain><devices><disk><target dev='vda' bus='virtio'/></disk><disk><target dev='vdb' bus='virtio'/></disk></devices></domain>"
	shared := strings.ReplaceAll(disks, "/></disk>", "/><shareable/></disk>")
	for wanted, rules := range map[string]int{shared: 1, disks: 2} {
		var of [3]*document.Document
		for i, text := range []string{disks, shared, wanted} {
			d, err := parse("the domain", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			of[i] = d
		}
		root := newDigests().compare(of[0].Element(), of[1].Element(), nil)
		l := newPlanner(map[*xmlquery.Node]int{})
		l.plan(root)
		g := &generator{ctx: t.Context(), before: []byte(disks), b: of[2]}
		if out := g.generalise(root, l); len(l.rules) != rules || (out != nil) != (rules == 1) {
			t.Errorf("%d rules with result %q, want %d", len(l.rules), out, rules)
		}
	}
}

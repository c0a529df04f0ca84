// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"
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

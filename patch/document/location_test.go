// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"testing"

	"github.com/antchfx/xmlquery"
)

func TestLocation(t *testing.T) {
	d := parse(t, `<domain xmlns:q="urn:q">a<!-- --><q:x/><x/><x><y z="1"/></x>b</domain>`)
	want := []string{"/domain", "/domain/text()[1]", "/domain/q:x", "/domain/x[1]", "/domain/x[2]", "/domain/x[2]/y", "/domain/text()[2]"}
	var got []string
	var walk func(n *xmlquery.Node)
	walk = func(n *xmlquery.Node) {
		if n.Type == xmlquery.ElementNode || n.Type == xmlquery.TextNode {
			got = append(got, Location(n, ""))
		}
		for c := range children(n) {
			walk(c)
		}
	}
	walk(d.Root())
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("Location gives %q, want %q", got, want)
		}
	}
	if got := Location(find(t, d.Root(), "y"), "z"); got != "/domain/x[2]/y/@z" {
		t.Errorf("Location of an attribute = %q", got)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"maps"
	"slices"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// TestSingles: what libvirt's schema allows once per parent is its own key in the engine, and nothing else is.
func TestSingles(t *testing.T) {
	virsh.ForTest(t)
	g := loadGrammar(t)
	for _, parent := range slices.Sorted(maps.Keys(g.children)) {
		for _, child := range slices.Sorted(maps.Keys(g.children[parent])) {
			place := parent + "/" + child
			got, want := isSingle(t, g, parent, child), g.children[parent][child] == 1
			if got != want {
				t.Errorf("%s: single for the engine: %t, for libvirt: %t", place, got, want)
			}
		}
	}
}

// isSingle asks the engine, which knows devices by their parent.
func isSingle(t *testing.T, g *grammar, parent, child string) bool {
	t.Helper()
	text := "<" + parent + "><" + child + "/></" + parent + ">"
	if parent != "domain" && g.children["devices"][parent] > 0 {
		text = "<domain><devices>" + text + "</devices></domain>"
	}
	doc, err := document.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	identities := patch.Identities(xmlquery.FindOne(doc.Root(), "//"+parent+"/"+child))
	return len(identities) == 1 && len(identities[0].Paths) == 0
}

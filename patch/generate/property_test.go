// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// TestMutations changes real domains at random, and has the rules found that do the same.
// Some changes KubeVirt's second pass undoes: these must be errors, and few.
func TestMutations(t *testing.T) {
	files, err := filepath.Glob("../testdata/domains/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	const rounds = 60
	refused, done := 0, 0
	for _, file := range files {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(rounds) {
			name := fmt.Sprintf("%s/%d", filepath.Base(file), seed)
			after := mutate(t, before, rand.New(rand.NewPCG(seed, uint64(len(before)))))
			d, err := Domains(t.Context(), before, after, nil)
			switch {
			case err == nil:
				done++
				check(t, d, after)
			case strings.Contains(err.Error(), "nothing differs"):
			default:
				refused++
				t.Logf("%s: %v", name, err)
			}
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
	t.Logf("%d done, %d refused", done, refused)
	if refused*5 > done {
		t.Errorf("%d of %d mutations were refused", refused, refused+done)
	}
}

// mutate makes one to five edits.
func mutate(t *testing.T, domain []byte, r *rand.Rand) []byte {
	t.Helper()
	d, err := document.Parse(domain)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + r.IntN(5) {
		all := below(d.Element())
		n := all[r.IntN(len(all))]
		if n == d.Element() || n.Data == "domain" || n.Data == "devices" {
			continue
		}
		edits[r.IntN(len(edits))](t, d, n, r)
	}
	return d.Bytes()
}

func below(n *xmlquery.Node) []*xmlquery.Node {
	all := []*xmlquery.Node{n}
	for c := range document.EachElement(n) {
		all = append(all, below(c)...)
	}
	return all
}

// edits are ways to change an element that is not the root.
var edits = []func(*testing.T, *document.Document, *xmlquery.Node, *rand.Rand){
	func(t *testing.T, d *document.Document, n *xmlquery.Node, r *rand.Rand) {
		if len(attributesOf(n)) > 0 && n.Parent.Data != "domain" {
			must(t, second(d.SetAttribute(n, r.IntN(len(n.Attr)), fmt.Sprintf("%d", r.IntN(9)))))
		}
	},
	func(t *testing.T, d *document.Document, n *xmlquery.Node, _ *rand.Rand) {
		if document.Attribute(n, "", "added") < 0 {
			must(t, d.AddAttribute(n, "added", "a'\"<b>$(x)"))
		}
	},
	func(_ *testing.T, d *document.Document, n *xmlquery.Node, r *rand.Rand) {
		if len(attributesOf(n)) > 0 {
			d.RemoveAttribute(n, r.IntN(len(n.Attr)))
		}
	},
	func(t *testing.T, d *document.Document, n *xmlquery.Node, _ *rand.Rand) {
		if isLeaf(n) {
			must(t, second(d.SetText(n, "text <&> $(x)")))
		}
	},
	func(t *testing.T, d *document.Document, n *xmlquery.Node, _ *rand.Rand) { must(t, d.Remove(n)) },
	func(t *testing.T, d *document.Document, n *xmlquery.Node, r *rand.Rand) {
		f, err := document.ParseFragment([]string{"<extra/>", "<extra n='1'><deep>text</deep></extra>", "<iotune><total_iops_sec>5</total_iops_sec></iotune>"}[r.IntN(3)])
		must(t, err)
		places := []document.Place{document.FirstIn, document.LastIn, document.Before, document.After}
		if isLeaf(n) && document.Text(n) != "" {
			places = places[2:]
		}
		_, _ = d.Insert(f, f.Elements()[0], n, places[r.IntN(len(places))]) // not below a default namespace
	},
	func(t *testing.T, d *document.Document, n *xmlquery.Node, r *rand.Rand) { // twice, or elsewhere
		siblings := document.Elements(n.Parent)
		f, err := document.ParseFragment(fragmentOf(wholeOf([]*xmlquery.Node{n})))
		must(t, err)
		to := siblings[r.IntN(len(siblings))]
		_, _ = d.Insert(f, f.Elements()[0], to, document.After)
		if r.IntN(2) == 0 && to != n {
			must(t, d.Remove(n))
		}
	},
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

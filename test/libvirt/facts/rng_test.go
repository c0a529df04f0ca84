// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package facts

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// many stands for any number above one.
const many = 2

// counts are how often elements may occur, at most, by name: 1 or many.
type counts map[string]int

// grammar is what libvirt's RELAX NG schema of domains says. Elements of one name in different places are one here.
type grammar struct {
	children   map[string]counts // by the name of the parent
	attributes map[string]bool

	definitions map[string][]*xmlquery.Node
	loaded      map[string]bool
	read        map[*xmlquery.Node]bool
}

func loadGrammar(t *testing.T) *grammar {
	t.Helper()
	g := &grammar{children: map[string]counts{}, attributes: map[string]bool{}, definitions: map[string][]*xmlquery.Node{},
		loaded: map[string]bool{}, read: map[*xmlquery.Node]bool{}}
	g.load(t, virsh.DomainSchema)
	for _, start := range g.definitions["domain"] {
		g.sum(start, nil)
	}
	if len(g.children["domain"]) < 30 || len(g.children["devices"]) < 20 {
		t.Fatalf("read too little of %s: %v", virsh.DomainSchema, g.children["domain"])
	}
	return g
}

// load collects the definitions of a file and of those that it includes.
func (g *grammar) load(t *testing.T, file string) {
	t.Helper()
	if g.loaded[file] {
		return
	}
	g.loaded[file] = true
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	doc, err := xmlquery.Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, n := range xmlquery.Find(doc, "//*[local-name()='include']") {
		g.load(t, filepath.Join(filepath.Dir(file), n.SelectAttr("href")))
	}
	for _, n := range xmlquery.Find(doc, "//*[local-name()='define']") {
		g.definitions[n.SelectAttr("name")] = append(g.definitions[n.SelectAttr("name")], n)
	}
}

// pattern is how often elements may occur in a pattern of RELAX NG, within references of these names.
func (g *grammar) pattern(n *xmlquery.Node, within []string) counts {
	switch n.Data {
	case "element":
		return g.element(n)
	case "attribute":
		for _, name := range names(n) {
			g.attributes[name] = true
		}
		return nil
	case "ref":
		return g.reference(n.SelectAttr("name"), within)
	case "choice":
		return g.most(n, within)
	case "zeroOrMore", "oneOrMore":
		all := g.sum(n, within)
		for name := range all {
			all[name] = many
		}
		return all
	}
	return g.sum(n, within)
}

func (g *grammar) element(n *xmlquery.Node) counts {
	self := counts{}
	for _, name := range names(n) {
		self[name] = 1
	}
	if g.read[n] {
		return self
	}
	g.read[n] = true
	content := g.sum(n, nil)
	for name := range self {
		if g.children[name] == nil {
			g.children[name] = counts{}
		}
		g.children[name].atLeast(content)
	}
	return self
}

// reference takes definitions of one name for alternatives; of those that combine it is told too little.
func (g *grammar) reference(name string, within []string) counts {
	if slices.Contains(within, name) {
		return nil
	}
	all := counts{}
	for _, d := range g.definitions[name] {
		all.atLeast(g.sum(d, append(within[:len(within):len(within)], name)))
	}
	return all
}

func (g *grammar) sum(n *xmlquery.Node, within []string) counts {
	all := counts{}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		for name, count := range g.pattern(c, within) {
			all[name] = min(all[name]+count, many)
		}
	}
	return all
}

func (g *grammar) most(n *xmlquery.Node, within []string) counts {
	all := counts{}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		all.atLeast(g.pattern(c, within))
	}
	return all
}

func (c counts) atLeast(other counts) {
	for name, count := range other {
		c[name] = max(c[name], count)
	}
}

// names are those of a pattern of an element or an attribute; none where any may stand.
func names(n *xmlquery.Node) (all []string) {
	if name := n.SelectAttr("name"); name != "" {
		return []string{name}
	}
	for _, name := range xmlquery.Find(n, "./*[local-name()='name'] | ./*[local-name()='choice'][1]/*[local-name()='name']") {
		all = append(all, name.InnerText())
	}
	return all
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// extent is how much of an element counts when it is looked for: all of it (the zero
// value), or what KubeVirt keeps of it.
type extent struct {
	lossy bool
	kept  *schema.Element
	aside bool // without the address and the alias
}

// whole is all of an element.
func whole(_, _ *xmlquery.Node) extent { return extent{} }

// keptOf is what KubeVirt keeps of an element below a parent. Where that is nothing, all of
// the element counts: either it stands there whole, or it is gone.
func keptOf(parent, e *xmlquery.Node) extent {
	kept := schema.Of(parent).Child(e.NamespaceURI, e.Data)
	return extent{lossy: kept != nil, kept: kept}
}

// keptAside is keptOf without the address and the alias, which libvirt may write in a way
// of its own.
func keptAside(parent, e *xmlquery.Node) extent {
	x := keptOf(parent, e)
	x.aside = x.lossy
	return x
}

// attribute gives what of an attribute's value counts; ok is false for nothing.
func (x extent) attribute(a *xmlquery.Attr) (value string, ok bool) {
	if !x.lossy {
		return a.Value, !document.IsDeclaration(a)
	}
	for _, kept := range x.kept.Attributes() {
		if kept.Name == a.Name.Local && a.NamespaceURI == "" {
			value, ok = kept.Kind.Written(a.Value)
			return value, ok && (kept.Presence != schema.Filled || value != kept.Kind.Zero())
		}
	}
	return "", false
}

// text gives what of the element's own text counts; empty for nothing.
func (x extent) text(e *xmlquery.Node) string {
	if !x.lossy {
		return ownText(e)
	}
	written, _ := x.kept.Text().Written(ownText(e))
	if x.kept.Text() == schema.None || written == x.kept.Text().Zero() {
		return ""
	}
	return written
}

// child gives how much of a child counts; ok is false for nothing.
func (x extent) child(c *xmlquery.Node) (_ extent, ok bool) {
	if x.aside && carriesOver(c) {
		return extent{}, false
	}
	if !x.lossy {
		return extent{}, true
	}
	for _, kept := range x.kept.Children() {
		if kept.Name == c.Data && kept.Namespace == c.NamespaceURI {
			inner := extent{lossy: true, kept: kept.Element()}
			return inner, kept.Presence != schema.Filled || inner.isFilled(c)
		}
	}
	return extent{}, false
}

// isFilled says whether KubeVirt writes an element that it writes only if it is filled.
func (x extent) isFilled(e *xmlquery.Node) bool {
	if x.kept.KeepsText() {
		return x.text(e) != ""
	}
	for c := e.FirstChild; c != nil; c = c.NextSibling {
		if _, ok := x.child(c); ok && c.Type == xmlquery.ElementNode {
			return true
		}
	}
	return false
}

// ownText is the text of an element itself, without what its children hold; white space
// beside children does not count.
func ownText(n *xmlquery.Node) string {
	if c := n.FirstChild; c != nil && c.NextSibling == nil && c.Type == xmlquery.TextNode {
		return c.Data
	}
	var b strings.Builder
	elements := false
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.TextNode:
			b.WriteString(c.Data)
		case xmlquery.ElementNode:
			elements = true
		}
	}
	if elements {
		return strings.TrimSpace(b.String())
	}
	return b.String()
}

// search looks for elements of a fragment among elements of the document. It draws on the
// budget of the rule. When that is used up, nothing is found any more and err says so.
type search struct {
	budget *selector.Budget
	err    error
}

// spend takes steps and says whether the search goes on.
func (s *search) spend(steps int) bool {
	if s.err == nil {
		s.err = s.budget.Spend(steps)
	}
	return s.err == nil
}

// contains says whether n has all of e that counts: the attributes, the text, and for every
// child one of its own that contains it. What else n has does not matter.
func (s *search) contains(n, e *xmlquery.Node, x extent) bool {
	if !s.spend(1) || n.Data != e.Data || n.NamespaceURI != e.NamespaceURI || !s.spend(effort(n, e)) {
		return false
	}
	for i := range e.Attr {
		want, counts := x.attribute(&e.Attr[i])
		if !counts {
			continue
		}
		j := document.Attribute(n, e.Attr[i].NamespaceURI, e.Attr[i].Name.Local)
		if j < 0 || !x.sameAttribute(&n.Attr[j], want) {
			return false
		}
	}
	if want := x.text(e); strings.TrimSpace(want) != "" && x.text(n) != want {
		return false
	}
	return s.containsChildren(n, e, x)
}

// effort is how many steps it takes to compare two elements without their children's content.
func effort(n, e *xmlquery.Node) int {
	const pairsPerStep, bytesPerStep = 64, 256
	steps := len(n.Attr) * len(e.Attr) / pairsPerStep
	for _, of := range []*xmlquery.Node{n, e} {
		for c := of.FirstChild; c != nil; c = c.NextSibling {
			steps++
			if c.Type == xmlquery.TextNode {
				steps += len(c.Data) / bytesPerStep
			}
		}
	}
	return steps
}

// sameAttribute compares an attribute of the document with a wanted value.
func (x extent) sameAttribute(a *xmlquery.Attr, want string) bool {
	value, _ := x.attribute(a)
	return value == want
}

func (s *search) containsChildren(n, e *xmlquery.Node, x extent) bool {
	var wanted []*xmlquery.Node
	var extents []extent
	for _, c := range document.Elements(e) {
		if inner, counts := x.child(c); counts {
			wanted, extents = append(wanted, c), append(extents, inner)
		}
	}
	if len(wanted) == 0 {
		return true
	}
	there := document.Elements(n)
	return len(wanted) <= len(there) && newMatching(len(wanted), there).extend(func(i int, c *xmlquery.Node) bool {
		return s.contains(c, wanted[i], extents[i])
	})
}

// find pairs elements of a fragment with elements of the document: those that are there in
// full first, then, on a repeated call, those of which what KubeVirt keeps is there, with
// the same address at first. Of several such the smallest is taken: what holds more is
// somebody else's.
func (s *search) find(parent *xmlquery.Node, wanted, there []*xmlquery.Node, repeat bool) *matching {
	if repeat && len(wanted) > 0 {
		there = bySize(there)
	}
	tiers := []func(parent, e *xmlquery.Node) extent{whole}
	if repeat {
		tiers = append(tiers, keptOf, keptAside)
	}
	m := newMatching(len(wanted), there)
	for _, tier := range tiers {
		if m.extend(func(i int, n *xmlquery.Node) bool { return s.contains(n, wanted[i], tier(parent, wanted[i])) }) {
			break
		}
	}
	return m
}

// bySize sorts elements by how much they hold, without what libvirt gives.
func bySize(elements []*xmlquery.Node) []*xmlquery.Node {
	sizes := make(map[*xmlquery.Node]int, len(elements))
	for _, e := range elements {
		sizes[e] = size(e)
	}
	sorted := slices.Clone(elements)
	slices.SortStableFunc(sorted, func(a, b *xmlquery.Node) int { return sizes[a] - sizes[b] })
	return sorted
}

// size counts the attributes and the elements of an element.
func size(e *xmlquery.Node) int {
	n := 1 + len(e.Attr)
	for _, c := range document.Elements(e) {
		if !carriesOver(c) {
			n += size(c)
		}
	}
	return n
}

// findKeyless finds twins for the loose elements that have none yet: each in a
// sibling of its own, which is not the twin of another element.
func (s *search) findKeyless(parent *xmlquery.Node, all []identified, there *siblings, repeat bool) error {
	taken := map[*xmlquery.Node]bool{}
	var wanted []*xmlquery.Node
	for _, id := range all {
		if id.twin != nil {
			taken[id.twin] = true
		} else if id.isLoose() {
			wanted = append(wanted, id.element)
		}
	}
	free := slices.DeleteFunc(slices.Clone(there.all), func(n *xmlquery.Node) bool { return taken[n] })
	found := s.find(parent, wanted, free, repeat)
	next := 0
	for i := range all {
		if all[i].isLoose() && all[i].twin == nil {
			all[i].twin = found.partner(next)
			next++
		}
	}
	return s.err
}

// comparison compares an element of the document with one of the fragment.
type comparison func(n, e *xmlquery.Node) bool

// equal compares all but the address and the alias that e lacks.
func (s *search) equal(n, e *xmlquery.Node) bool {
	return s.spend(1+effort(n, e)) && document.Equal(n, e, func(c *xmlquery.Node) bool { return carriesOver(c) && !hasChild(e, "", c.Data) })
}

// keeps says whether n has what KubeVirt keeps of e, address and alias aside.
func (s *search) keeps(n, e *xmlquery.Node) bool {
	return s.contains(n, e, keptAside(n.Parent, e))
}

// standing finds the run among the siblings, one right behind the other: the index of its
// first element, or -1.
func (s *search) standing(siblings, run []*xmlquery.Node, same comparison) int {
	for i := 0; i+len(run) <= len(siblings) && s.err == nil; i++ {
		if slices.EqualFunc(siblings[i:i+len(run)], run, same) {
			return i
		}
	}
	return -1
}

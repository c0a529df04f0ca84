// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"slices"
	"sort"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// pair is an element with what it becomes, and how the two differ.
type pair struct {
	a, b   *xmlquery.Node
	parent *pair

	set     []xmlquery.Attr // attributes with another value, or new ones
	dropped []xmlquery.Attr
	text    *string // of an element without elements, where it differs
	opaque  bool    // no rule can edit it: it is replaced

	kept    []*pair                  // children that differ or not, in the order of both
	moved   []*pair                  // children that stand elsewhere
	removed []*xmlquery.Node         // of a
	runs    []run                    // what is new in b or moved
	partner map[*xmlquery.Node]*pair // all children of b that have one
}

// run are neighbours in b that are to be added between two kept ones.
type run struct {
	parent      *pair
	elements    []*xmlquery.Node
	after, next *pair // nil at the edges
}

// isAlone says whether the run is all that there is of its name, and nothing identifies it.
func (r *run) isAlone() bool {
	for _, e := range r.elements {
		if nameOf(e) != nameOf(r.elements[0]) || len(patch.Identities(e)) > 0 {
			return false
		}
	}
	return len(named(r.parent.b, nameOf(r.elements[0]))) == len(r.elements)
}

// holds says whether an element stood where the run goes.
func (r *run) holds(n *xmlquery.Node) bool {
	return (r.after == nil || follows(n, r.after.a)) && (r.next == nil || follows(r.next.a, n))
}

// gap is the place of a kept child between those that are kept as well.
func (p *pair) gap(child *pair) run {
	r := run{parent: p}
	for i, k := range p.kept {
		if k == child && i > 0 {
			r.after = p.kept[i-1]
		}
		if k == child && i+1 < len(p.kept) {
			r.next = p.kept[i+1]
		}
	}
	return r
}

// compare finds how an element becomes another. It is nil for equal ones.
func (d *digests) compare(a, b *xmlquery.Node, parent *pair) *pair {
	p := &pair{a: a, b: b, parent: parent}
	if d.equal(a, b) {
		return p
	}
	p.compareAttributes()
	if p.opaque = p.opaque || !p.compareText(); p.opaque {
		return p
	}
	m := d.match(a, b)
	p.partner = map[*xmlquery.Node]*pair{}
	for n := range document.EachElement(b) {
		if partner := m.of[n]; partner != nil {
			p.partner[n] = d.compare(partner, n, p)
		}
	}
	for n := range document.EachElement(a) {
		if !m.taken[n] {
			p.removed = append(p.removed, n)
		}
	}
	p.order()
	return p
}

func (p *pair) compareAttributes() {
	for _, x := range attributesOf(p.b) {
		i := document.Attribute(p.a, x.NamespaceURI, x.Name.Local)
		if i < 0 || p.a.Attr[i].Value != x.Value {
			p.set = append(p.set, x)
			p.opaque = p.opaque || x.NamespaceURI != ""
		}
	}
	for _, x := range attributesOf(p.a) {
		if document.Attribute(p.b, x.NamespaceURI, x.Name.Local) < 0 {
			p.dropped = append(p.dropped, x)
			p.opaque = p.opaque || x.NamespaceURI != ""
		}
	}
}

// compareText is false where text and elements are mixed, or one takes the place of the other.
func (p *pair) compareText() bool {
	if isMixed(p.a) || isMixed(p.b) || !isLeaf(p.a) && hasText(p.b) || hasText(p.a) && !isLeaf(p.b) {
		return false
	}
	if isLeaf(p.a) && isLeaf(p.b) && (hasText(p.a) || hasText(p.b)) {
		if text := document.Text(p.b); text != document.Text(p.a) {
			p.text = &text
		}
	}
	return true
}

// order tells kept children, the most that stand in the same order on both sides, from moved
// ones, and lists what is to be added between the kept ones.
func (p *pair) order() {
	index := map[*xmlquery.Node]int{}
	for i, n := range document.Elements(p.a) {
		index[n] = i
	}
	var matched []*pair
	var at []int
	for n := range document.EachElement(p.b) {
		if c := p.partner[n]; c != nil {
			matched, at = append(matched, c), append(at, index[c.a])
		}
	}
	stays := map[*pair]bool{}
	for _, i := range increasing(at) {
		stays[matched[i]] = true
	}
	current := run{parent: p}
	for n := range document.EachElement(p.b) {
		c := p.partner[n]
		if stays[c] {
			p.close(current, c)
			p.kept = append(p.kept, c)
			current = run{parent: p, after: c}
			continue
		}
		if c != nil {
			p.moved = append(p.moved, c)
		}
		current.elements = append(current.elements, n)
	}
	p.close(current, nil)
}

func (p *pair) close(r run, next *pair) {
	if len(r.elements) > 0 {
		r.next = next
		p.runs = append(p.runs, r)
	}
}

// increasing gives the indices of a longest increasing subsequence.
func increasing(values []int) []int {
	var ends []int // by length: the index of the smallest value that ends such a sequence
	before := make([]int, len(values))
	for i, v := range values {
		n := sort.Search(len(ends), func(k int) bool { return values[ends[k]] >= v })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	var sequence []int
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			sequence = append(sequence, i)
		}
	}
	slices.Reverse(sequence)
	return sequence
}

// differs says whether anything is to be done.
func (p *pair) differs() bool {
	if p.opaque || len(p.set)+len(p.dropped)+len(p.moved)+len(p.removed)+len(p.runs) > 0 || p.text != nil {
		return true
	}
	return slices.ContainsFunc(p.kept, (*pair).differs)
}

// last is the run behind all that is kept, if there is one.
func (p *pair) last() []*xmlquery.Node {
	if n := len(p.runs); n > 0 && p.runs[n-1].next == nil {
		return p.runs[n-1].elements
	}
	return nil
}

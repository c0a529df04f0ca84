// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// maxCompared bounds how many pairs of elements of one name are compared with one another.
const maxCompared = 1 << 16

// matching says which element of the wanted document is which of the given one.
type matching struct {
	digests *digests
	of      map[*xmlquery.Node]*xmlquery.Node // by the wanted one
	taken   map[*xmlquery.Node]bool
}

// match pairs the children of two elements.
func (d *digests) match(a, b *xmlquery.Node) *matching {
	m := &matching{digests: d, of: map[*xmlquery.Node]*xmlquery.Node{}, taken: map[*xmlquery.Node]bool{}}
	given, wanted := map[qname][]*xmlquery.Node{}, map[qname][]*xmlquery.Node{}
	var names []qname
	for n := range document.EachElement(a) {
		given[nameOf(n)] = append(given[nameOf(n)], n)
	}
	for n := range document.EachElement(b) {
		if wanted[nameOf(n)] == nil {
			names = append(names, nameOf(n))
		}
		wanted[nameOf(n)] = append(wanted[nameOf(n)], n)
	}
	for _, name := range names {
		m.matchNamed(given[name], wanted[name])
	}
	return m
}

func (m *matching) pair(a, b *xmlquery.Node) { m.of[b], m.taken[a] = a, true }

// left are the elements that have no partner yet.
func (m *matching) left(given, wanted []*xmlquery.Node) (a, b []*xmlquery.Node) {
	a = slices.DeleteFunc(slices.Clone(given), func(n *xmlquery.Node) bool { return m.taken[n] })
	b = slices.DeleteFunc(slices.Clone(wanted), func(n *xmlquery.Node) bool { return m.of[n] != nil })
	return a, b
}

// matchNamed pairs elements of one name: what is the same and stands in the same order, what
// is the same, what has the same identity, what is alike.
func (m *matching) matchNamed(given, wanted []*xmlquery.Node) {
	if len(given) == 0 {
		return
	}
	m.matchInOrder(given, wanted)
	isList := patch.IsList(wanted[0])
	if !isList {
		m.matchEqual(m.left(given, wanted))
		m.matchIdentities(m.left(given, wanted))
	}
	a, b := m.left(given, wanted)
	switch {
	case isList && len(a) == len(b):
		for i := range a {
			m.pair(a[i], b[i])
		}
	case !isList:
		m.matchAlike(a, b, len(given) == 1 && len(wanted) == 1)
	}
}

// matchInOrder pairs the longest common subsequence of equal elements.
func (m *matching) matchInOrder(given, wanted []*xmlquery.Node) {
	for len(given) > 0 && len(wanted) > 0 && m.digests.equal(given[0], wanted[0]) {
		m.pair(given[0], wanted[0])
		given, wanted = given[1:], wanted[1:]
	}
	for len(given) > 0 && len(wanted) > 0 && m.digests.equal(given[len(given)-1], wanted[len(wanted)-1]) {
		m.pair(given[len(given)-1], wanted[len(wanted)-1])
		given, wanted = given[:len(given)-1], wanted[:len(wanted)-1]
	}
	if len(given)*len(wanted) > maxCompared {
		return
	}
	for _, p := range common(len(given), len(wanted), func(i, j int) bool { return m.digests.equal(given[i], wanted[j]) }) {
		m.pair(given[p[0]], wanted[p[1]])
	}
}

// common is the longest common subsequence of two sequences, as pairs of indices.
func common(n, m int, equal func(i, j int) bool) [][2]int {
	length := make([][]int, n+1)
	for i := range length {
		length[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if equal(i, j) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case equal(i, j):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// matchEqual pairs equal elements in whatever order.
func (m *matching) matchEqual(given, wanted []*xmlquery.Node) {
	by := map[uint64][]*xmlquery.Node{}
	for _, n := range given {
		by[m.digests.sum(n)] = append(by[m.digests.sum(n)], n)
	}
	for _, n := range wanted {
		if same := by[m.digests.sum(n)]; len(same) > 0 {
			m.pair(same[0], n)
			by[m.digests.sum(n)] = same[1:]
		}
	}
}

// matchIdentities pairs elements that one identity tells from all others on both sides.
func (m *matching) matchIdentities(given, wanted []*xmlquery.Node) {
	x, y := byIdentity(given), byIdentity(wanted)
	for _, n := range wanted {
		for _, id := range patch.Identities(n) {
			if a := x[idKey(id)]; m.of[n] == nil && len(a) == 1 && len(y[idKey(id)]) == 1 && !m.taken[a[0]] {
				m.pair(a[0], n)
			}
		}
	}
}

func byIdentity(elements []*xmlquery.Node) map[string][]*xmlquery.Node {
	by := map[string][]*xmlquery.Node{}
	for _, n := range elements {
		for _, id := range patch.Identities(n) {
			by[idKey(id)] = append(by[idKey(id)], n)
		}
	}
	return by
}

func idKey(id patch.Identity) string { return strings.Join(id.Paths, " ") + "\x00" + id.Value }

// How alike two elements must be to be taken for the same one: those of different identity,
// and one of several that nothing identifies.
const (
	alikeAsOthers = 0.6
	alikeAmong    = 0.4
)

// matchAlike pairs what is left by how much of it is the same. The only one of its name on
// both sides is the same, unless its identity says otherwise.
func (m *matching) matchAlike(given, wanted []*xmlquery.Node, only bool) {
	if len(given)*len(wanted) > maxCompared {
		return
	}
	for _, b := range wanted {
		var best *xmlquery.Node
		most := 0.0
		for _, a := range given {
			need := alikeAmong
			switch {
			case !sameIdentity(a, b):
				need = alikeAsOthers
			case only:
				need = 0
			}
			if like := likeness(a, b); !m.taken[a] && like >= need && (best == nil || like > most) {
				best, most = a, like
			}
		}
		if best != nil {
			m.pair(best, b)
		}
	}
}

// sameIdentity is false where both elements carry the same identity with another value.
func sameIdentity(a, b *xmlquery.Node) bool {
	for _, x := range patch.Identities(a) {
		for _, y := range patch.Identities(b) {
			if slices.Equal(x.Paths, y.Paths) && x.Value != y.Value {
				return false
			}
		}
	}
	return true
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import "github.com/antchfx/xmlquery"

// matching pairs wanted elements with those that are there, each used once.
type matching struct {
	there  []*xmlquery.Node
	partOf []int // per wanted element: index in there, or -1
	owner  []int // per element there: index of the wanted one, or -1
	seen   []int // per element there: the round in which it was looked at last
	round  int
}

func newMatching(wanted int, there []*xmlquery.Node) *matching {
	m := &matching{there: there, partOf: make([]int, wanted), owner: make([]int, len(there)), seen: make([]int, len(there))}
	for i := range m.partOf {
		m.partOf[i] = -1
	}
	for j := range m.owner {
		m.owner[j] = -1
	}
	return m
}

// extend pairs as many of the wanted elements as can be (augmenting paths) and says whether
// that is all of them. What is paired stays paired, if with another one.
func (m *matching) extend(fits func(i int, n *xmlquery.Node) bool) (all bool) {
	all = true
	for i := range m.partOf {
		if m.round++; m.partOf[i] < 0 && !m.augment(i, fits) {
			all = false
		}
	}
	return all
}

// augment finds a partner for a wanted element: a free one, else one whose owner can take
// another.
func (m *matching) augment(i int, fits func(i int, n *xmlquery.Node) bool) bool {
	for j, n := range m.there {
		if m.owner[j] < 0 && m.seen[j] != m.round && fits(i, n) {
			m.owner[j], m.partOf[i] = i, j
			return true
		}
	}
	for j, n := range m.there {
		if m.owner[j] < 0 || m.seen[j] == m.round || !fits(i, n) {
			continue
		}
		m.seen[j] = m.round
		if m.augment(m.owner[j], fits) {
			m.owner[j], m.partOf[i] = i, j
			return true
		}
	}
	return false
}

// partner is what a wanted element is paired with; nil for nothing.
func (m *matching) partner(i int) *xmlquery.Node {
	if m.partOf[i] < 0 {
		return nil
	}
	return m.there[m.partOf[i]]
}

// partners are what the wanted elements are paired with; nil unless each has one.
func (m *matching) partners() []*xmlquery.Node {
	all := make([]*xmlquery.Node, len(m.partOf))
	for i := range all {
		if all[i] = m.partner(i); all[i] == nil {
			return nil
		}
	}
	return all
}

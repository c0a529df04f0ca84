// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"

	"github.com/domainpatch/domainpatch/patch/selector"
)

// Limits are what the policies of a program allow, for comparison with places.
type Limits struct {
	allowed []Place
	unclear bool // a path of theirs may allow anything
}

// Limits prepares the policies of the program.
func (p *Program) Limits() *Limits {
	l := &Limits{}
	for _, a := range p.policies.allowed {
		for _, path := range a.path.Alternatives() {
			at, err := placeAt(path.Steps())
			l.unclear = l.unclear || err != nil
			l.allowed = append(l.allowed, at)
		}
	}
	return l
}

// MayAllow says whether any of the policies may allow to write a place.
func (l *Limits) MayAllow(p *Place) bool {
	return l.unclear || slices.ContainsFunc(l.allowed, func(a Place) bool { return a.mayAllow(p) })
}

// Denied says whether none of the policies can allow anything that the rule changes: where it
// changes something, its patch fails.
func (r *RulePlaces) Denied(by ...*Limits) bool {
	changes := false
	for i := range r.Places {
		p := &r.Places[i]
		if p.Incidental || p.within {
			continue
		}
		changes = true
		if slices.ContainsFunc(by, func(l *Limits) bool { return l.MayAllow(p) }) {
			return false
		}
	}
	return changes
}

// mayAllow says whether what a path of a policy selects may hold a place. An element that
// is removed may be left empty by what is allowed below it, unless it is a device.
func (p *Place) mayAllow(written *Place) bool {
	m := meet(p.steps, written.steps)
	switch {
	case written.part == partElement && !written.isDevice() && m.below():
		return true
	case p.part == partElement:
		return m.above()
	}
	return m.same() && p.part == written.part && (p.part != partAttribute || sameAttribute(p, written))
}

func sameAttribute(a, b *Place) bool {
	return a.attribute == "*" || b.attribute == "*" || a.attribute == b.attribute
}

// mayMeet says whether two places may have a node in common.
func (p *Place) mayMeet(q *Place) bool {
	m := meet(p.steps, q.steps)
	return p.part == partElement && m.above() || q.part == partElement && m.below() ||
		p.part == q.part && m.same() && (p.part != partAttribute || sameAttribute(p, q))
}

// meeting tells which beginnings of two ways through a document can lead to one element:
// meeting[i][j] for the first i steps of one and the first j of the other.
type meeting [][]bool

func meet(a, b []placeStep) meeting {
	m := make(meeting, len(a)+1)
	for i := range m {
		m[i] = make([]bool, len(b)+1)
	}
	m[0][0] = true
	for i := range m {
		for j := range m[i] {
			if !m[i][j] {
				continue
			}
			if i < len(a) && j < len(b) && a[i].mayBe(&b[j]) {
				m[i+1][j+1] = true
			}
			if i < len(a) && j < len(b) && a[i].descendant {
				m[i][j+1] = true
			}
			if i < len(a) && j < len(b) && b[j].descendant {
				m[i+1][j] = true
			}
		}
	}
	return m
}

// same says whether both ways can lead to one element.
func (m meeting) same() bool { return m[len(m)-1][len(m[0])-1] }

// above says whether the first way can lead to the element of the second or to one above it.
func (m meeting) above() bool { return slices.Contains(m[len(m)-1], true) }

// below is above with the ways exchanged.
func (m meeting) below() bool {
	return slices.ContainsFunc(m, func(row []bool) bool { return row[len(row)-1] })
}

// mayBe says whether two steps can lead to one element.
func (s *placeStep) mayBe(t *placeStep) bool {
	if s.name != "" && t.name != "" && (s.name != t.name || s.namespace != t.namespace) {
		return false
	}
	return !contradict(s.conditions, t.conditions) && !contradict(s.conditions, t.holds) && !contradict(s.holds, t.conditions)
}

// contradict says whether two lists of conditions demand different texts of one node.
func contradict(a, b []selector.Condition) bool {
	return slices.ContainsFunc(a, func(x selector.Condition) bool {
		return x.Path != "" && slices.ContainsFunc(b, func(y selector.Condition) bool { return x.Path == y.Path && x.Value != y.Value })
	})
}

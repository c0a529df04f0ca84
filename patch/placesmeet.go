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
	case written.part == partElement && !written.isDevice() && m.below:
		return true
	case p.part == partElement:
		return m.above
	}
	return m.same && p.part == written.part && (p.part != partAttribute || sameAttribute(p, written))
}

func sameAttribute(a, b *Place) bool {
	return a.attribute == "*" || b.attribute == "*" || a.attribute == b.attribute
}

// mayMeet says whether two places may have a node in common.
func (p *Place) mayMeet(q *Place) bool {
	m := meet(p.steps, q.steps)
	return p.part == partElement && m.above || q.part == partElement && m.below ||
		p.part == q.part && m.same && (p.part != partAttribute || sameAttribute(p, q))
}

// meeting tells where two ways down from the root can lead.
type meeting struct {
	same  bool // to one element
	above bool // the first to the element of the second, or to one above it
	below bool // the other way round
}

func meet(a, b []placeStep) meeting {
	jumps := func(s placeStep) bool { return s.descendant }
	if slices.ContainsFunc(a, jumps) || slices.ContainsFunc(b, jumps) {
		return meetAnywhere(a, b)
	}
	for i := range min(len(a), len(b)) {
		if !a[i].mayBe(&b[i]) {
			return meeting{}
		}
	}
	return meeting{same: len(a) == len(b), above: len(a) <= len(b), below: len(a) >= len(b)}
}

// meetAnywhere is meet for ways that leave out elements: together[i][j] says whether the first i
// steps of one and the first j of the other can lead to one element.
func meetAnywhere(a, b []placeStep) meeting {
	together := make([][]bool, len(a)+1)
	for i := range together {
		together[i] = make([]bool, len(b)+1)
	}
	together[0][0] = true
	for i := range a {
		for j := range b {
			if !together[i][j] {
				continue
			}
			together[i+1][j+1] = together[i+1][j+1] || a[i].mayBe(&b[j])
			together[i][j+1] = together[i][j+1] || a[i].descendant
			together[i+1][j] = together[i+1][j] || b[j].descendant
		}
	}
	last := func(row []bool) bool { return row[len(b)] }
	return meeting{same: together[len(a)][len(b)], above: slices.Contains(together[len(a)], true), below: slices.ContainsFunc(together, last)}
}

// mayBe says whether two steps can lead to one element.
func (s *placeStep) mayBe(t *placeStep) bool {
	if s.name != "" && t.name != "" && (s.name != t.name || s.namespace != t.namespace) {
		return false
	}
	return !s.contradict(s.conditions, t.conditions) && !s.contradict(s.conditions, t.holds) && !s.contradict(s.holds, t.conditions)
}

// contradict says whether two lists of conditions demand different texts of one node. Where the
// way there may lead to several nodes, an element can fulfil both.
func (s *placeStep) contradict(a, b []selector.Condition) bool {
	return slices.ContainsFunc(a, func(x selector.Condition) bool {
		return x.Path != "" && isOnePerElement(s.name, x.Path) && slices.ContainsFunc(b, func(y selector.Condition) bool { return x.Path == y.Path && x.Value != y.Value })
	})
}

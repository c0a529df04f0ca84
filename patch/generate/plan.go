// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

// DomainRule is a generated rule on the domain.
type DomainRule struct {
	bundle.DomainRule
	// Comment is what a reader must know; empty for nothing.
	Comment string
}

// planned is a rule with the pair that it is about.
type planned struct {
	DomainRule
	at *pair
}

// How an element is edited. What fails on one level is tried on the next.
const (
	fine     = iota // by few and short rules
	plain           // by rules that leave less to the engine
	replaced        // as a whole
	remade          // by a removal and an addition, which bring back what KubeVirt drops
)

// planner writes the rules that make of every element what it becomes.
type planner struct {
	levels map[*xmlquery.Node]int // by the wanted element
	paths  map[*pair]path
	costs  map[*pair]costs
	ids    map[*xmlquery.Node][]string // the identities of elements that were asked for
	rules  []planned
}

func newPlanner(levels map[*xmlquery.Node]int) *planner {
	return &planner{levels: levels, paths: map[*pair]path{}, costs: map[*pair]costs{}, ids: map[*xmlquery.Node][]string{}}
}

func (l *planner) level(p *pair) int { return l.levels[p.b] }

// maxPlanned is how many rules are planned at most: those for many devices may become one.
const maxPlanned = 16 * bundle.MaxRules

// isFull says whether there are more rules than that: no more are looked for.
func (l *planner) isFull() bool { return len(l.rules) > maxPlanned }

// isReplaced says whether an element is edited as a whole.
func (l *planner) isReplaced(p *pair) bool { return p.opaque || l.level(p) >= replaced }

// commentByPlace stands above a rule that selects by position.
const commentByPlace = "Selected by its place, as nothing else tells it from its siblings: on another VM the place may hold another element."

func (l *planner) rule(p *pair, at path, r bundle.DomainRule) {
	r.Path = at.text
	if at.weak && r.Expect == "" {
		r.Expect = bundle.ExpectOne
	}
	done := planned{DomainRule: DomainRule{DomainRule: r}, at: p}
	if at.byPlace {
		done.Comment = commentByPlace
	}
	l.rules = append(l.rules, done)
}

// plan writes the rules for an element and what is in it: what goes, what changes, what comes.
func (l *planner) plan(p *pair) {
	switch {
	case l.isFull() || !p.differs():
		return
	case l.level(p) == remade && p.parent != nil:
		l.rule(p, l.pathOf(p), bundle.DomainRule{Op: bundle.OpRemove})
		l.addAt(p, p.parent.gap(p), bundle.DomainRule{Op: bundle.OpAdd, XML: fragmentOf(wholeOf([]*xmlquery.Node{p.b}))})
		return
	case l.isReplaced(p):
		l.rule(p, l.pathOf(p), bundle.DomainRule{Op: bundle.OpReplace, XML: fragmentOf(wholeOf([]*xmlquery.Node{p.b}))})
		return
	}
	l.substitute(p)
	l.remove(p)
	if l.costs[p] = l.cost(p); l.costs[p].merges {
		l.merge(p)
	} else {
		l.edit(p)
	}
}

// edit writes the rules of an element that is not merged as one.
func (l *planner) edit(p *pair) {
	for _, a := range p.set {
		l.set(p, l.pathOf(p).text+"/@"+a.Name.Local, a.Value)
	}
	if p.text != nil {
		l.set(p, l.pathOf(p).text, *p.text)
	}
	for _, c := range p.kept {
		l.plan(c)
	}
	for _, r := range p.runs {
		l.add(p, r)
	}
}

func (l *planner) set(p *pair, text, value string) {
	at := l.pathOf(p)
	at.text = text
	l.rule(p, at, bundle.DomainRule{Op: bundle.OpSet, Value: &value})
}

// substitute replaces a device that nothing identifies where such devices come in its place.
func (l *planner) substitute(p *pair) {
	if !isDevices(p.b) || l.level(p) != fine {
		return
	}
	for i, r := range p.runs {
		first := r.elements[0]
		gone := slices.DeleteFunc(slices.Clone(p.removed), func(n *xmlquery.Node) bool { return nameOf(n) != nameOf(first) })
		if len(gone) != 1 || !r.isAlone() || !r.holds(gone[0]) {
			continue
		}
		at := l.pathOf(p)
		if len(named(p.a, nameOf(first))) == 1 {
			at.text += "/" + stepName(first) // a repeated call finds what came, to complete it
		} else {
			at = at.add(l.step(gone[0], nil, p))
		}
		l.rule(p, at, bundle.DomainRule{Op: bundle.OpReplace, XML: fragmentOf(wholeOf(r.elements))})
		p.removed = without(p.removed, gone[0])
		p.runs = slices.Delete(p.runs, i, i+1)
		return
	}
}

const (
	// maxUnion is the longest path, in bytes, that removes several things.
	maxUnion = 160
	// maxRemovals is how many children of one element are removed at most, or moved: they
	// would take more rules than a patch may hold.
	maxRemovals = 4 * bundle.MaxRules
)

// remove writes the rules that remove attributes and children, those from the end first, so
// that places stay what they are.
func (l *planner) remove(p *pair) {
	var all []path
	for _, a := range p.dropped {
		at := l.pathOf(p)
		at.text += "/@" + a.Name.Local
		all = append(all, at)
	}
	all = append(all, l.removals(p)...)
	for len(all) > 0 && !l.isFull() {
		joined := all[0]
		n := 1
		for ; n < len(all) && !joined.weak && !all[n].weak && len(joined.text)+len(all[n].text) < maxUnion; n++ {
			joined.text += " | " + all[n].text
		}
		l.rule(p, joined, bundle.DomainRule{Op: bundle.OpRemove})
		all = all[n:]
	}
}

// removals are the paths of the children to remove: all of one name together where none is
// left and nothing identifies them.
func (l *planner) removals(p *pair) []path {
	var all []path
	together := map[qname]bool{}
	for i := len(p.removed) - 1; i >= 0 && len(all) <= maxRemovals; i-- {
		n := p.removed[i]
		if together[nameOf(n)] {
			continue
		}
		at := l.pathOf(p)
		if len(patch.Identities(n)) == 0 && len(named(p.b, nameOf(n))) == 0 {
			together[nameOf(n)] = true
			at.text += "/" + stepName(n)
			all = append(all, at)
			continue
		}
		all = append(all, at.add(l.step(n, nil, p)))
	}
	for _, m := range p.moved[:min(len(p.moved), maxRemovals)] {
		at := l.pathOf(p).add(l.step(m.a, m.b, p))
		at.text += "[" + l.misplaced(p, m) + "]"
		all = append(all, at)
	}
	return all
}

// misplaced is a condition that is true of a moved child before it is moved.
func (l *planner) misplaced(p *pair, m *pair) string {
	before, after := l.neighbours(p, m)
	if before != nil && follows(before.a, m.a) {
		return "following-sibling::" + l.step(before.a, before.b, p).text
	}
	if after == nil {
		return "false()" // it would not have moved
	}
	return "preceding-sibling::" + l.step(after.a, after.b, p).text
}

// neighbours are the kept children before and behind the place where a moved one goes.
func (l *planner) neighbours(p *pair, m *pair) (before, after *pair) {
	for _, r := range p.runs {
		for _, e := range r.elements {
			if e == m.b {
				return r.after, r.next
			}
		}
	}
	return nil, nil
}

// follows says whether one sibling stands behind another.
func follows(n, other *xmlquery.Node) bool {
	for s := other.NextSibling; s != nil; s = s.NextSibling {
		if s == n {
			return true
		}
	}
	return false
}

// add writes the rule that adds a run.
func (l *planner) add(p *pair, r run) {
	if l.isFull() {
		return
	}
	if r.next == nil && len(r.elements) == 1 && l.level(p) == fine {
		if c, ok := chainOf(p, r.elements[0]); ok {
			l.set(p, l.pathOf(p).text+c.path, c.value)
			return
		}
	}
	elements := r.elements
	if l.level(p) != fine && isDevices(p.b) {
		elements = withAlike(r.elements)
	}
	rule := bundle.DomainRule{Op: bundle.OpAdd, XML: fragmentOf(wholeOf(elements))}
	l.addAt(p, r, rule)
}

// addAt writes a rule that adds something between two kept children.
func (l *planner) addAt(about *pair, r run, rule bundle.DomainRule) {
	parent := r.parent
	switch {
	case r.next == nil:
		l.rule(about, l.pathOf(parent), rule)
	case r.after == nil:
		rule.Position = bundle.PositionFirst
		l.rule(about, l.pathOf(parent), rule)
	default:
		at := l.pathOf(r.after)
		rule.Position = bundle.PositionAfter
		if next := l.pathOf(r.next); at.byPlace && !next.byPlace || at.weak && !next.weak {
			at, rule.Position = next, bundle.PositionBefore
		}
		l.rule(about, at, rule)
	}
}

// withAlike puts the siblings of the same names before elements that nothing identifies: the
// engine adds such an element where the document has fewer of them than the rule.
func withAlike(elements []*xmlquery.Node) []*xmlquery.Node {
	var all []*xmlquery.Node
	given := map[*xmlquery.Node]bool{}
	for _, e := range elements {
		if len(patch.Identities(e)) == 0 {
			for _, s := range named(e.Parent, nameOf(e)) {
				if !given[s] && (s == e || !slices.Contains(elements, s)) {
					all, given[s] = append(all, s), true
				}
			}
		} else if !given[e] {
			all, given[e] = append(all, e), true
		}
	}
	return all
}

// chain is a path below an element that set creates, and the text that it gives it.
type chain struct{ path, value string }

// maxChain is how many elements a path creates: more are easier to read as xml.
const maxChain = 3

// chainOf finds the path that creates an element as it is.
func chainOf(p *pair, e *xmlquery.Node) (c chain, ok bool) {
	parent := p.a
	for range maxChain {
		if e.NamespaceURI == document.KubeVirtNamespace || strings.HasPrefix(stepName(e), "*") || patch.IsList(e) || isDevices(e.Parent) || isMixed(e) {
			return chain{}, false
		}
		given, left, known := ownKey(e)
		hasNamesake := parent != nil && len(named(parent, nameOf(e))) > 0
		if !known || hasNamesake && len(given) == 0 {
			return chain{}, false
		}
		c.path += "/" + stepName(e) + predicate(given)
		children := document.Elements(e)
		switch {
		case len(children) == 1 && len(left) == 0:
			e, parent = children[0], nil
			continue
		case len(children) == 0 && !hasText(e) && len(left) == 1:
			return chain{c.path + "/@" + left[0].Name.Local, left[0].Value}, document.Text(e) == ""
		case len(children) == 0 && hasText(e) && len(left) == 0:
			return chain{c.path, document.Text(e)}, true
		}
		return chain{}, false
	}
	return chain{}, false
}

// ownKey splits the attributes of an element into the predicates of its key and the others;
// known is false where its key is something else than attributes of its own.
func ownKey(e *xmlquery.Node) (key []string, left []xmlquery.Attr, known bool) {
	left = attributesOf(e)
	for _, a := range left {
		if a.NamespaceURI != "" || !plainName.MatchString(a.Name.Local) {
			return nil, nil, false
		}
	}
	ids := patch.Identities(e)
	if len(ids) == 0 {
		return nil, left, true
	}
	for _, p := range ids[0].Paths {
		name, isAttribute := strings.CutPrefix(p, "@")
		value, there := attribute(e, name)
		if !isAttribute || !there || !quotable(value) {
			return nil, nil, false
		}
		key = append(key, fact{p, value}.condition())
		left = slices.DeleteFunc(left, func(a xmlquery.Attr) bool { return a.Name.Local == name })
	}
	return key, left, true
}

func without[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(slices.Clone(all), func(t T) bool { return t == one })
}

// place names the place of a pair in the wanted document.
func (p *pair) place() string {
	return fmt.Sprintf("%s in the wanted domain", document.Location(p.b, ""))
}

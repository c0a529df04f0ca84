// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Several edits of one element, and of elements near to it, may be one merge. What is chosen
// takes fewer lines of YAML.

// costs are those of what a merge could do, as lines of YAML.
type costs struct {
	edits  int // how many attributes, texts and elements it would set or add
	lines  int // the least
	merges bool
}

const (
	setLines   = 3 // op, path, value
	ruleLines  = 2 // op and path of a rule with xml
	mergeExtra = 1 // what a merge must save: a path says more than nested elements
)

// cost finds the better way for what of a pair a merge could do.
func (l *planner) cost(p *pair) costs {
	if known, ok := l.costs[p]; ok {
		return known
	}
	c := costs{edits: len(p.set), lines: setLines * len(p.set)}
	if p.text != nil {
		c.edits, c.lines = c.edits+1, c.lines+setLines
	}
	for _, k := range p.kept {
		if l.coverable(k) {
			inner := l.cost(k)
			c.edits, c.lines = c.edits+inner.edits, c.lines+inner.lines
		}
	}
	if last := p.last(); len(last) > 0 && !isDevices(p.b) {
		c.edits += len(last)
		c.lines += ruleLines + lines(wholeOf(last))
		if _, ok := chainOf(p, last[0]); ok && len(last) == 1 {
			c.lines += setLines - ruleLines - lines(wholeOf(last))
		}
	}
	if c.edits > 1 && l.mayMerge(p) {
		if merged := ruleLines + lines([]partial{l.partialOf(p, false)}) + mergeExtra; merged <= c.lines && !l.onlyAdds(p) {
			c.lines, c.merges = merged, true
		}
	}
	l.costs[p] = c
	return c
}

// onlyAdds says whether an add says the same as the merge, without repeating the element.
func (l *planner) onlyAdds(p *pair) bool {
	if len(p.set) > 0 || p.text != nil {
		return false
	}
	for _, k := range p.kept {
		if l.coverable(k) && l.cost(k).edits > 0 {
			return false
		}
	}
	return true
}

// mayMerge says whether a merge may begin at an element.
func (l *planner) mayMerge(p *pair) bool {
	return !l.isReplaced(p) && l.level(p) == fine && !isDevices(p.b) && (p.text == nil || strings.TrimSpace(*p.text) != "") &&
		!strings.HasPrefix(stepName(p.a), "*")
}

// coverable says whether a merge at the parent may do what is to be done in an element: it
// finds it there, and it is no device, which a path names more clearly.
func (l *planner) coverable(p *pair) bool {
	if !p.differs() || !l.mayMerge(p) || isDevices(p.parent.b) {
		return false
	}
	_, ok := l.mergeKey(p)
	return ok
}

// mergeKey are the attributes by which a merge finds an element.
func (l *planner) mergeKey(p *pair) (attributes []xmlquery.Attr, ok bool) {
	ids := patch.Identities(p.a)
	if len(ids) == 0 {
		return nil, !patch.IsList(p.a) && len(named(p.parent.a, nameOf(p.a))) == 1 && len(named(p.parent.b, nameOf(p.a))) == 1
	}
	if !l.hasIdentity(p.b, ids[0]) {
		return nil, false
	}
	for _, path := range ids[0].Paths {
		name, isAttribute := strings.CutPrefix(path, "@")
		if !isAttribute {
			return nil, false
		}
		for _, a := range attributesOf(p.b) {
			if a.NamespaceURI == "" && a.Name.Local == name {
				attributes = append(attributes, a)
			}
		}
	}
	return attributes, true
}

// partialOf is what of an element a merge names. With its key it is found below its parent.
func (l *planner) partialOf(p *pair, withKey bool) partial {
	e := partial{node: p.b}
	if withKey {
		e.attributes, _ = l.mergeKey(p)
	}
	e.attributes = append(e.attributes, p.set...)
	if p.text != nil {
		e.text = *p.text
	}
	for _, k := range p.kept {
		if l.coverable(k) && l.cost(k).edits > 0 {
			e.children = append(e.children, l.partialOf(k, true))
		}
	}
	e.children = append(e.children, wholeOf(p.last())...)
	return e
}

// merge writes the merge of an element, and the rules for the rest.
func (l *planner) merge(p *pair) {
	at := l.pathOf(p)
	l.rule(p, at, bundle.DomainRule{Op: bundle.OpMerge, XML: fragmentOf([]partial{l.partialOf(p, false)})})
	l.rest(p)
}

// rest writes the rules for what a merge of the element leaves.
func (l *planner) rest(p *pair) {
	for _, k := range p.kept {
		if l.coverable(k) {
			l.remove(k)
			l.rest(k)
		} else {
			l.plan(k)
		}
	}
	for _, r := range p.runs {
		if r.next != nil {
			l.add(p, r)
		}
	}
}

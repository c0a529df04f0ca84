// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// applyReplace puts the fragment in place of every selected element, or the text into every
// selected node. It creates nothing.
func applyReplace(r *domainRule, call *domainCall) (effect, error) {
	if r.fragment == nil {
		return r.replaceTexts(call)
	}
	return r.atElements(call, "elements can take the place of elements alone", func(m *merger, n *xmlquery.Node) error {
		m.completes = true
		return (&replacer{merger: m, old: n}).replace()
	})
}

// replaceTexts makes every selected node hold the text of the rule.
func (r *domainRule) replaceTexts(call *domainCall) (effect, error) {
	nodes, done, unexpected, err := r.places(call)
	if err != nil {
		return done, err
	}
	targets := make([]target, len(nodes))
	for i, n := range nodes {
		targets[i] = target{Node: n}
	}
	if err := r.setTexts(call, targets, &done); err != nil {
		return done, err
	}
	return done, unexpected
}

// replacer puts the fragment in place of one element.
type replacer struct {
	*merger
	old *xmlquery.Node
}

func (p *replacer) replace() error {
	if p.old.Parent.Type == xmlquery.DocumentNode {
		return errors.New("the root element cannot be replaced: merge into it, or replace its children")
	}
	if settled, err := p.settled(); settled || err != nil {
		return err
	}
	elements := p.fragment.Elements()
	last, err := p.call.replace(p.old, p.fragment, elements[0], func(*xmlquery.Node) bool { return false })
	for _, e := range elements[1:] {
		if err == nil {
			last, err = p.call.insert(p.fragment, e, last, document.After)
		}
	}
	p.changed = true
	return err
}

// settled says whether the element is a part of the fragment already, its address and alias
// aside. What KubeVirt dropped of the fragment since the first call is put back.
func (p *replacer) settled() (bool, error) {
	siblings := document.Elements(p.old.Parent)
	if p.neighbours(siblings, p.equal) != nil {
		return true, nil
	}
	if !p.call.repeat {
		return false, p.err
	}
	if run := p.neighbours(siblings, p.keeps); run != nil {
		return true, p.completeAll(run, p.fragment.Elements())
	}
	if isDevices(p.old.Parent) {
		return p.settleScattered(siblings)
	}
	return false, p.err
}

// neighbours are the siblings, the old element among them, that are the fragment as same
// compares; nil where they are something else.
func (p *replacer) neighbours(siblings []*xmlquery.Node, same comparison) []*xmlquery.Node {
	elements := p.fragment.Elements()
	at := slices.Index(siblings, p.old)
	first := max(0, at-len(elements)+1)
	window := siblings[first:min(len(siblings), at+len(elements))]
	start := p.standing(window, elements, same)
	if start < 0 {
		return nil
	}
	return window[start : start+len(elements)]
}

// settleScattered finds the fragment among devices, which KubeVirt writes in an order of its
// own: the old element as one of them, the others anywhere. What it dropped is put back.
func (p *replacer) settleScattered(siblings []*xmlquery.Node) (bool, error) {
	others := slices.DeleteFunc(siblings, func(n *xmlquery.Node) bool { return n == p.old })
	elements := p.fragment.Elements()
	for i, e := range elements {
		if !p.keeps(p.old, e) {
			continue
		}
		rest := slices.Delete(slices.Clone(elements), i, i+1)
		found := p.find(p.old.Parent, rest, others, true)
		if p.err == nil && p.isWhole(rest, found) {
			return true, p.putBack(e, rest, found)
		}
	}
	return false, p.err
}

// isWhole says whether nothing is missing but what KubeVirt drops.
func (p *replacer) isWhole(rest []*xmlquery.Node, found *matching) bool {
	kept := schema.Of(p.old.Parent)
	for i, e := range rest {
		if found.partner(i) == nil && kept.Child(e.NamespaceURI, e.Data) != nil {
			return false
		}
	}
	return true
}

// putBack completes the old element, which e is, and the others that were found, and
// inserts those that were not.
func (p *replacer) putBack(e *xmlquery.Node, rest []*xmlquery.Node, found *matching) error {
	err := p.complete(p.old, e)
	last := p.old
	for i, e := range rest {
		switch n := found.partner(i); {
		case err != nil:
			return err
		case n != nil:
			err = p.complete(n, e)
		default:
			last, err = p.call.insert(p.fragment, e, last, document.After)
			p.changed = true
		}
	}
	return err
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// target is a place whose text a rule sets: a node that exists, or one that is missing
// below an element.
type target struct {
	selector.Node
	missing []selector.Step // steps to create below Node; none where Node is the target
}

// applySet makes every target hold the text, creating what is missing.
func applySet(r *domainRule, call *domainCall) (effect, error) {
	targets, err := r.targets(call)
	if err != nil {
		return effect{}, err
	}
	done := effect{matched: len(targets)}
	targets, unexpected, err := expected(r, call, targets)
	if err != nil {
		return done, err
	}
	texts := make([]*string, len(targets)) // all before the first edit: a failure leaves no half
	left := 0
	for i, t := range targets {
		text, ok, err := r.text(call, t)
		if err != nil {
			return done, err
		}
		if ok {
			texts[i] = &text
		} else {
			left++
		}
	}
	if left > 0 && left == len(targets) {
		done.skipped = "the expression gives null"
	}
	for i, t := range targets {
		if texts[i] == nil {
			continue
		}
		changed, err := t.set(call.doc, *texts[i])
		if err != nil {
			return done, err
		}
		if changed {
			done.changed++
		}
	}
	return done, unexpected
}

// text is what the rule wants the target to hold; ok is false where it wants nothing.
func (r *domainRule) text(call *domainCall, t target) (text string, ok bool, err error) {
	if r.expression == nil {
		return *r.Value, true, nil
	}
	in := call.input
	if len(t.missing) == 0 {
		in.current = t.Text()
	}
	return r.expression.text(&in)
}

// targets follows the path: the selected part by XPath, the rest step by step, so that
// every parent gets what it misses.
func (r *domainRule) targets(call *domainCall) ([]target, error) {
	here := []target{{Node: selector.Node{Node: call.doc.Root(), Attr: -1}}}
	if r.selected != nil {
		nodes, err := r.selected.Select(call.doc, call.budget)
		if err != nil {
			return nil, err
		}
		here = here[:0]
		for _, n := range nodes {
			here = append(here, target{Node: n})
		}
	}
	for i := range r.created {
		var next []target
		for _, t := range here {
			next = append(next, t.follow(r.created[i:])...)
		}
		here = next
	}
	if len(here) > selector.MaxMatches {
		return nil, selector.ErrMatches
	}
	return here, nil
}

// follow goes one step down from an existing node, or notes that the steps are missing there.
func (t target) follow(steps []selector.Step) []target {
	if len(t.missing) > 0 {
		return []target{t}
	}
	if t.Node.Node.Type == xmlquery.TextNode {
		return nil
	}
	var next []target
	for _, n := range children(t.Node.Node, &steps[0]) {
		next = append(next, target{Node: n})
	}
	if len(next) == 0 && mayCreate(t.Node.Node, steps) {
		next = append(next, target{Node: t.Node, missing: steps})
	}
	return next
}

// children lists what a constructible step selects below an element.
func children(parent *xmlquery.Node, step *selector.Step) []selector.Node {
	if step.Kind == selector.Attribute {
		if i := document.Attribute(parent, step.Namespace(), step.Local); i >= 0 {
			return []selector.Node{{Node: parent, Attr: i}}
		}
		return nil
	}
	var nodes []selector.Node
	for _, c := range document.Elements(parent) {
		if c.Data == step.Local && c.NamespaceURI == step.Namespace() && !slices.ContainsFunc(step.Equal, func(p selector.Pair) bool { return !holds(c, &p) }) {
			nodes = append(nodes, selector.Node{Node: c, Attr: -1})
		}
	}
	return nodes
}

func holds(n *xmlquery.Node, p *selector.Pair) bool {
	if p.Attribute {
		i := document.Attribute(n, p.Namespace(), p.Name)
		return i >= 0 && n.Attr[i].Value == p.Value
	}
	return slices.ContainsFunc(document.Elements(n), func(c *xmlquery.Node) bool {
		return c.Data == p.Name && c.NamespaceURI == p.Namespace() && document.Text(c) == p.Value
	})
}

// mayCreate keeps set from inventing devices, a second root, or a second element where
// libvirt allows one.
func mayCreate(parent *xmlquery.Node, steps []selector.Step) bool {
	if steps[0].Kind == selector.Attribute {
		return parent.Type == xmlquery.ElementNode
	}
	if parent.Type == xmlquery.DocumentNode {
		return false
	}
	above := parent.Data
	for i := range steps {
		if steps[i].Kind == selector.Child && above == "devices" {
			return false
		}
		above = steps[i].Local
	}
	hasSibling := slices.ContainsFunc(document.Elements(parent), func(c *xmlquery.Node) bool {
		return c.Data == steps[0].Local && c.NamespaceURI == steps[0].Namespace()
	})
	return !hasSibling || namesKey(parent, &steps[0])
}

// namesKey says whether the step's predicates give the key that tells siblings apart.
func namesKey(parent *xmlquery.Node, step *selector.Step) bool {
	for _, k := range keysOf(parent, step.Local) {
		if len(k.attrs) == 0 || k.child != "" {
			continue
		}
		given := 0
		for _, name := range k.attrs {
			if slices.ContainsFunc(step.Equal, func(p selector.Pair) bool { return p.Attribute && p.Name == name }) {
				given++
			}
		}
		if given == len(k.attrs) {
			return true
		}
	}
	return false
}

// set writes the text, creating the missing steps first.
func (t target) set(doc *document.Document, text string) (changed bool, err error) {
	n := t.Node.Node
	switch {
	case len(t.missing) == 0 && t.IsAttribute():
		return doc.SetAttribute(n, t.Attr, text)
	case len(t.missing) == 0:
		return doc.SetText(n, text)
	case t.missing[0].Kind == selector.Attribute:
		return true, doc.AddAttribute(n, t.missing[0].Local, text)
	}
	if err := document.CheckText(text); err != nil {
		return false, err
	}
	f, err := document.ParseFragment(elementText(t.missing, text))
	if err != nil {
		return false, fmt.Errorf("cannot create <%s>: %w", t.missing[0].Local, err)
	}
	_, err = doc.Insert(f, f.Elements()[0], n, document.LastIn)
	return true, err
}

// elementText writes the missing steps as XML, with the text in the last one.
func elementText(steps []selector.Step, text string) string {
	name := steps[0].Local
	if steps[0].Prefix != "" {
		name = steps[0].Prefix + ":" + name
	}
	var attrs, inner strings.Builder
	final := ""
	if len(steps) == 2 && steps[1].Kind == selector.Attribute {
		final = steps[1].Local
		writeAttribute(&attrs, final, text)
	}
	for _, p := range steps[0].Equal {
		switch {
		case !p.Attribute:
			inner.WriteString(elementText([]selector.Step{{Local: p.Name, Prefix: p.Prefix}}, p.Value))
		case p.Name != final:
			writeAttribute(&attrs, p.Name, p.Value)
		}
	}
	switch {
	case len(steps) == 1:
		_ = xml.EscapeText(&inner, []byte(text)) // a strings.Builder never fails
	case final == "":
		inner.WriteString(elementText(steps[1:], text))
	}
	if inner.Len() == 0 {
		return "<" + name + attrs.String() + "/>"
	}
	return "<" + name + attrs.String() + ">" + inner.String() + "</" + name + ">"
}

func writeAttribute(b *strings.Builder, name, value string) {
	b.WriteString(" " + name + `="`)
	_ = xml.EscapeText(b, []byte(value)) // a strings.Builder never fails
	b.WriteString(`"`)
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
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
	if err != nil && call.refused != nil {
		err = fmt.Errorf("%w: %w", err, call.refused)
	}
	if err != nil {
		return done, err
	}
	if err := r.setTexts(call, targets, &done); err != nil {
		return done, err
	}
	return done, unexpected
}

// setTexts makes every target hold the text of the rule.
func (r *domainRule) setTexts(call *domainCall, targets []target, done *effect) error {
	texts := make([]*string, len(targets)) // all before the first edit: a failure leaves no half
	left := 0
	for i, t := range targets {
		text, ok, err := r.text(call, t)
		if err != nil {
			return err
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
		if texts[i] == nil || !call.doc.Live(t.Node.Node) { // a text may have gone with another target
			continue
		}
		if err := t.apply(call, *texts[i], done); err != nil {
			return err
		}
	}
	return nil
}

// apply sets the target and counts what that changed. What is missing is looked for once
// more: another target of the rule may have created it, or something that excludes it.
func (t target) apply(call *domainCall, text string, done *effect) (err error) {
	places := []target{t}
	if len(t.missing) > 0 {
		if places, err = t.resolve(call); err != nil {
			return err
		}
	}
	for _, place := range places {
		changed, err := place.set(call, text)
		if err != nil {
			return err
		}
		if changed {
			done.changed++
		}
		if changed && len(place.missing) > 0 {
			done.created++
		}
	}
	return nil
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

// targets are the places that the path names, each once.
func (r *domainRule) targets(call *domainCall) ([]target, error) {
	path, err := r.expandedPath(&call.input)
	if err != nil {
		return nil, err
	}
	var all []target
	for _, alternative := range path.Alternatives() {
		found, err := targetsOf(alternative, call)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(path.Alternatives()) > 1 {
		all = distinct(all)
	}
	if len(all) > selector.MaxMatches {
		return nil, selector.ErrMatches
	}
	return all, nil
}

// targetsOf follows one path: the part that is only selected as a whole, the steps behind
// it, which are created where they are missing, one by one.
func targetsOf(path *selector.Path, call *domainCall) ([]target, error) {
	steps := path.Steps()
	first := len(steps)
	for first > 0 && steps[first-1].Constructible() {
		first--
	}
	here := []selector.Node{{Node: call.doc.Root(), Attr: -1}}
	if selected := path.Prefix(first); selected != nil {
		var err error
		if here, err = selected.Select(call.doc, call.budget); err != nil {
			return nil, err
		}
	}
	var all []target
	for _, n := range here {
		t := target{Node: n, missing: steps[first:]}
		found, err := t.resolve(call)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// resolve follows the missing steps as far as they exist by now. Every parent that misses
// the next one becomes a target of its own, unless set must not create it.
func (t target) resolve(call *domainCall) ([]target, error) {
	here := []selector.Node{t.Node}
	var all []target
	for i := range t.missing {
		var next []selector.Node
		for _, n := range here {
			found, err := t.missing[i].SelectFrom(call.doc, n, call.budget)
			if err != nil {
				return nil, err
			}
			switch {
			case len(found) > 0:
			case mayCreate(n.Node, t.missing[i:]):
				all = append(all, target{Node: n, missing: t.missing[i:]})
			default:
				call.refused = cmp.Or(call.refused, whyNoSecond(n.Node, &t.missing[i]))
			}
			next = append(next, found...)
		}
		here = next
	}
	for _, n := range here {
		all = append(all, target{Node: n})
	}
	return all, nil
}

// distinct leaves out places that paths joined by | name again.
func distinct(targets []target) []target {
	type place struct {
		selector.Node
		missing string
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(targets, func(t target) bool {
		p := place{Node: t.Node}
		if len(t.missing) > 0 {
			p.missing = elementText(t.missing, "")
		}
		again := seen[p]
		seen[p] = true
		return again
	})
}

// mayCreate keeps set from inventing devices, a second root, or a second element where
// libvirt allows one.
func mayCreate(parent *xmlquery.Node, steps []selector.Step) bool {
	if parent.Type != xmlquery.ElementNode {
		return false
	}
	if steps[0].Kind == selector.Attribute {
		return true
	}
	above := parent.Data
	for i := range steps {
		if steps[i].Kind == selector.Child && above == "devices" {
			return false
		}
		above = steps[i].Local
	}
	return !hasChild(parent, steps[0].Namespace(), steps[0].Local) || namesKey(parent, &steps[0]) && mayRepeat(parent, steps[0].Namespace(), steps[0].Local) == nil
}

// whyNoSecond says how a second element of the name could come about where set creates none;
// nil where there is none of that name, or may be no second one.
func whyNoSecond(parent *xmlquery.Node, step *selector.Step) error {
	name := tableNameOf(step.Namespace(), step.Local)
	keys := keysOf(parent, name)
	switch {
	case isDevices(parent) || !hasChild(parent, step.Namespace(), step.Local):
		return nil
	case len(keys) == 0:
		return fmt.Errorf("a <%s> is there, and nothing tells a second one from it: use add", name)
	case keys[0].isSingle():
		return nil
	case namesKey(parent, step):
		return mayRepeat(parent, step.Namespace(), step.Local)
	}
	return fmt.Errorf("a <%s> is there: a path creates a second one by a predicate for %s, or use add", name, keys[0])
}

// namesKey says whether the step's predicates give the key that tells siblings apart.
func namesKey(parent *xmlquery.Node, step *selector.Step) bool {
	given := func(name string, attribute bool) bool {
		return slices.ContainsFunc(step.Equal, func(p selector.Pair) bool { return p.Attribute == attribute && p.Name == name })
	}
	return slices.ContainsFunc(keysOf(parent, tableNameOf(step.Namespace(), step.Local)), func(k key) bool {
		if k.text {
			return given(k.child, false)
		}
		names := k.attributes()
		missing := func(name string) bool { return !given(name, true) }
		return k.child == "" && len(names) > 0 && !slices.ContainsFunc(names, missing)
	})
}

// set writes the text, creating the missing steps first.
func (t target) set(call *domainCall, text string) (changed bool, err error) {
	n := t.Node.Node
	switch {
	case len(t.missing) > 0 && t.missing[0].Kind == selector.Child:
		return true, t.create(call, text)
	case len(t.missing) > 0:
		if err := checkAlias(n, t.missing[0].Local, text); err != nil {
			return false, err
		}
		return true, call.addAttribute(n, t.missing[0].Local, text)
	case t.IsAttribute():
		if a := &n.Attr[t.Attr]; a.NamespaceURI == "" {
			if err := checkAlias(n, a.Name.Local, text); err != nil {
				return false, err
			}
		}
		return call.setAttribute(n, t.Attr, text)
	case n.Type == xmlquery.TextNode && len(document.Elements(n.Parent)) > 0:
		return false, fmt.Errorf("%s is text between elements: set an element that holds text alone", document.Location(n, ""))
	}
	return call.setText(n, text)
}

// create puts the missing elements into the document, with the text in the last step.
func (t target) create(call *domainCall, text string) error {
	if err := document.CheckText(text); err != nil {
		return err
	}
	for _, s := range t.missing {
		for _, p := range s.Equal {
			if err := document.CheckText(p.Value); err != nil {
				return fmt.Errorf("cannot create <%s>: %w", t.missing[0].Local, err)
			}
		}
	}
	f, err := document.ParseFragment(elementText(t.missing, text))
	if err != nil {
		return fmt.Errorf("cannot create <%s>: %w", t.missing[0].Local, err)
	}
	created := f.Elements()[0]
	if i := document.Attribute(created, "", "name"); i >= 0 {
		if err := checkAlias(created, "name", created.Attr[i].Value); err != nil {
			return err
		}
	}
	_, err = call.insert(f, created, t.Node.Node, document.LastIn)
	return err
}

// checkAlias refuses names of aliases that libvirt would drop.
func checkAlias(n *xmlquery.Node, attribute, value string) error {
	if n.Data != "alias" || n.NamespaceURI != "" || attribute != "name" || strings.HasPrefix(value, "ua-") {
		return nil
	}
	return fmt.Errorf("the alias %.40q must start with ua-: libvirt drops others", value)
}

// checkAliasPath is checkAlias for a literal value, where the path ends in the alias.
func (r *domainRule) checkAliasPath() error {
	for _, path := range r.path.Alternatives() {
		steps := path.Steps()
		n := len(steps)
		if n < 2 || steps[n-1].Kind != selector.Attribute || !namesElement(&steps[n-2]) || steps[n-1].Prefix != "" {
			continue
		}
		if err := checkAlias(&xmlquery.Node{Data: steps[n-2].Local}, steps[n-1].Local, *r.Value); err != nil {
			return err
		}
	}
	return nil
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

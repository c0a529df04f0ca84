// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// applyMerge merges the element of the fragment into every selected element.
func applyMerge(r *domainRule, call *domainCall) (effect, error) {
	return r.atElements(call, "an element can be merged into an element alone", func(m *merger, n *xmlquery.Node) error {
		e := m.fragment.Elements()[0]
		if tableName(n) != tableName(e) {
			return errOtherName(r.Path, tableName(n), tableName(e))
		}
		m.own = r.key
		return m.merge(n, e)
	})
}

// atElements edits every selected element that is still there with a merger of its own. What
// is selected must be elements; why says so for the op.
func (r *domainRule) atElements(call *domainCall, why string, edit func(*merger, *xmlquery.Node) error) (effect, error) {
	fragment, err := r.expanded(call)
	if err != nil {
		return effect{}, err
	}
	nodes, done, unexpected, err := r.places(call)
	if err != nil {
		return done, err
	}
	for _, n := range nodes {
		if n.IsAttribute() || n.Node.Type != xmlquery.ElementNode {
			return done, fmt.Errorf("%s selects something else than an element: %s", r.Path, why)
		}
		if !call.doc.Live(n.Node) { // it went with another one, or in its place
			continue
		}
		m := newMerger(call, fragment)
		if err := edit(m, n.Node); err != nil {
			return done, err
		}
		unexpected = errors.Join(unexpected, errors.Join(m.unexpected...))
		done.replaced += m.replaced
		if m.changed {
			done.changed++
		}
	}
	return done, unexpected
}

func errOtherName(path, selected, given string) error {
	return fmt.Errorf("%s selects <%s>, and the xml is a <%s>: merge takes a partial element of the same name", path, selected, given)
}

// merger merges elements of a fragment into elements of the document: for op merge, and to
// complete what is left of an element between two calls.
type merger struct {
	*search
	call       *domainCall
	fragment   *document.Fragment
	own        *key // the key of the rule; nil for none
	completes  bool // children without a key are told apart by what they hold
	changed    bool
	replaced   int     // twins that add put another element in place of
	unexpected []error // of a repeated call
}

func newMerger(call *domainCall, f *document.Fragment) *merger {
	return &merger{search: &search{budget: call.budget}, call: call, fragment: f}
}

// complete makes an element hold all of e. An address and an alias stay that e has not.
func (m *merger) complete(n, e *xmlquery.Node) error {
	nested := merger{search: m.search, call: m.call, fragment: m.fragment, completes: true}
	err := nested.merge(n, e)
	m.changed = m.changed || nested.changed
	m.unexpected = append(m.unexpected, nested.unexpected...)
	return err
}

// completeAll completes elements one by one.
func (m *merger) completeAll(nodes, elements []*xmlquery.Node) error {
	for i, e := range elements {
		if err := m.complete(nodes[i], e); err != nil {
			return err
		}
	}
	return nil
}

// merge makes n hold the attributes, the text and the children of e.
func (m *merger) merge(n, e *xmlquery.Node) error {
	if !m.spend(1 + effort(n, e)) {
		return m.err
	}
	if err := m.mergeAttributes(n, e); err != nil {
		return err
	}
	children := document.Elements(e)
	if err := m.mergeText(n, e); err != nil || len(children) == 0 {
		return err
	}
	all, err := m.pair(n, children)
	if err != nil {
		return fmt.Errorf("%s: %w", document.Location(n, ""), err)
	}
	for _, id := range all {
		if id.twin != nil {
			err = m.merge(id.twin, id.element)
		} else {
			err = m.insertChild(n, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) mergeAttributes(n, e *xmlquery.Node) error {
	for i := range e.Attr {
		a := &e.Attr[i]
		if document.IsDeclaration(a) {
			continue
		}
		changed, err := m.mergeAttribute(n, a)
		if err != nil {
			return err
		}
		m.changed = m.changed || changed
	}
	return nil
}

func (m *merger) mergeAttribute(n *xmlquery.Node, a *xmlquery.Attr) (changed bool, err error) {
	if i := document.Attribute(n, a.NamespaceURI, a.Name.Local); i >= 0 {
		return m.call.setAttribute(n, i, a.Value)
	}
	if a.NamespaceURI != "" {
		return false, fmt.Errorf("%s: the attribute %s is in a namespace: it can be changed, not added", document.Location(n, ""), a.Name.Local)
	}
	return true, m.call.addAttribute(n, a.Name.Local, a.Value)
}

func (m *merger) mergeText(n, e *xmlquery.Node) error {
	text := ownText(e)
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if err := checkUnmixed(e); err != nil {
		return err
	}
	changed, err := m.call.setText(n, text)
	m.changed = m.changed || changed
	return err
}

// checkUnmixed refuses text beside elements, which has no place to be merged to.
func checkUnmixed(e *xmlquery.Node) error {
	if text := ownText(e); len(document.Elements(e)) > 0 && strings.TrimSpace(text) != "" {
		return fmt.Errorf("<%s> holds the text %.40q beside elements: leave it out", e.Data, text)
	}
	return nil
}

// pair finds for every child to merge the child of n that it is merged into, if there is one.
func (m *merger) pair(n *xmlquery.Node, children []*xmlquery.Node) ([]identified, error) {
	all, err := identifyChildren(n, children, m.own)
	if err != nil {
		return nil, err
	}
	there := siblingsBelow(n)
	var errs []error
	for i := range all {
		id := &all[i]
		if id.keyless {
			continue
		}
		if id.twin, err = id.findTwin(there); err == nil && id.twin != nil && !m.call.repeat {
			err = id.checkSameDevice()
		}
		errs = append(errs, err)
	}
	return all, errors.Join(append(errs, m.pairLists(n, all, there), m.pairLoose(n, all, there))...)
}

// pairLists pairs the children of a list with a run of equal siblings of that name, where it
// stands: all of them or none, since their order and number count. What is completed was
// found by what it holds, in any order, so that a list may stand scattered there.
func (m *merger) pairLists(n *xmlquery.Node, all []identified, there *siblings) error {
	lists := map[string][]*identified{}
	for i := range all {
		if id := &all[i]; id.listed {
			lists[tableName(id.element)] = append(lists[tableName(id.element)], id)
		}
	}
	for name, list := range lists {
		run := make([]*xmlquery.Node, len(list))
		for i, id := range list {
			run[i] = id.element
		}
		twins := m.standingRun(there.byName[name], run)
		if twins == nil && m.completes {
			twins = m.find(n, run, there.byName[name], m.call.repeat).partners()
		}
		for i := range twins {
			list[i].twin = twins[i]
		}
	}
	return m.err
}

// standingRun finds a run of elements among siblings, one right behind the other; nil where
// it does not stand.
func (m *merger) standingRun(siblings, run []*xmlquery.Node) []*xmlquery.Node {
	at := m.standing(siblings, run, m.equal)
	if at < 0 && m.call.repeat {
		at = m.standing(siblings, run, m.keeps)
	}
	if at < 0 {
		return nil
	}
	return siblings[at : at+len(run)]
}

// pairLoose pairs the children of which the table knows nothing: the only one of its name on
// both sides. Several are told apart by what they hold. On a first call, where op merge does
// not guess, all of them or none must be there, and devices must be one.
func (m *merger) pairLoose(n *xmlquery.Node, all []identified, there *siblings) error {
	given := map[string]int{}
	for _, id := range all {
		given[tableName(id.element)]++
	}
	several := false
	for i := range all {
		id, name := &all[i], tableName(all[i].element)
		found := there.byName[name]
		switch {
		case !id.isLoose() || len(found) == 0:
		case given[name] == 1 && len(found) == 1:
			id.twin = found[0]
		case isDevices(n) && !m.completes && !m.call.repeat:
			return errAmbiguous(name, given[name], len(found))
		default:
			several = true
		}
	}
	if !several {
		return nil
	}
	if err := m.findKeyless(n, all, there, m.call.repeat); err != nil || m.completes || m.call.repeat {
		return err
	}
	for i := range all {
		name := tableName(all[i].element)
		if found := there.byName[name]; all[i].isLoose() && all[i].twin == nil && len(found) > 0 {
			return errAmbiguous(name, given[name], len(found))
		}
	}
	return nil
}

// wayOut is how elements that nothing tells apart can be edited.
const wayOut = "nothing tells them apart: give the rule a key, merge each by a path that selects it alone, or use add for what is new"

func errAmbiguous(name string, given, found int) error {
	return fmt.Errorf("the xml has %d <%s> to merge with %d, and "+wayOut, given, name, found)
}

// insertChild adds a child that has no counterpart. Op merge invents no device.
func (m *merger) insertChild(n *xmlquery.Node, id identified) error {
	err := mayRepeat(n, id.element.NamespaceURI, id.element.Data)
	if isDevices(n) && !m.completes {
		err = id.errNoDevice()
	}
	if err != nil && m.call.repeat { // nobody waits for the message: the rest can still be merged
		m.unexpected = append(m.unexpected, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", document.Location(n, ""), err)
	}
	_, err = m.call.insert(m.fragment, id.element, n, document.LastIn)
	m.changed = m.changed || err == nil
	return err
}

// checkMergeable refuses what no document could make mergeable: other than one element,
// text beside elements, two children of one identity, several devices without one.
func checkMergeable(f *document.Fragment, own *key) error {
	if n := len(f.Elements()); n != 1 {
		return fmt.Errorf("the xml has %d elements at its top: merge takes one partial element of the selected element's name", n)
	}
	return checkMergeableElement(f.Elements()[0], own)
}

func checkMergeableElement(e *xmlquery.Node, own *key) error {
	if err := checkUnmixed(e); err != nil {
		return err
	}
	all, err := identifyChildren(e, document.Elements(e), own)
	if err != nil {
		return fmt.Errorf("<%s>: %w", e.Data, err)
	}
	seen := map[string]int{}
	for _, id := range all {
		if seen[tableName(id.element)]++; isDevices(e) && id.keyless && seen[tableName(id.element)] > 1 {
			return fmt.Errorf("<%s> has several <%s>, and "+wayOut, e.Data, id.element.Data)
		}
		if err := checkMergeableElement(id.element, own); err != nil {
			return err
		}
	}
	return nil
}

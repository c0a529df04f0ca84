// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"fmt"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

// applyAdd puts the fragment at every selected place, once. A place may be gone: it was the
// twin of an element that is at its place by now.
func applyAdd(r *domainRule, call *domainCall) (effect, error) {
	return r.atElements(call, "elements can be added to elements alone", func(m *merger, n *xmlquery.Node) error {
		return r.newAdder(m, n).add()
	})
}

// adder adds what of the fragment is missing at one place.
type adder struct {
	*merger
	parent *xmlquery.Node
	ref    *xmlquery.Node // where the next element goes, relative to place
	place  document.Place
}

func (r *domainRule) newAdder(m *merger, ref *xmlquery.Node) *adder {
	a := &adder{merger: m, parent: ref, ref: ref, place: r.place()}
	a.own, a.completes = r.key, true
	if a.place == document.Before || a.place == document.After {
		a.parent = ref.Parent
	}
	return a
}

func (r *domainRule) place() document.Place {
	return map[bundle.Position]document.Place{
		bundle.PositionFirst:  document.FirstIn,
		bundle.PositionBefore: document.Before,
		bundle.PositionAfter:  document.After,
	}[r.Position] // LastIn is the zero value
}

func (a *adder) add() error {
	if a.parent.Type == xmlquery.DocumentNode {
		return errors.New("no element can stand beside the root element")
	}
	all, err := identifyAll(a.parent, a.fragment.Elements(), a.own)
	if err != nil {
		return err
	}
	there := siblingsBelow(a.parent)
	for i := range all {
		id := &all[i]
		if id.keyless {
			continue
		}
		if id.twin, err = id.findTwin(there); err != nil {
			return err
		}
	}
	if isDevices(a.parent) {
		if err := a.findKeyless(a.parent, all, there, a.call.repeat); err != nil {
			return err
		}
	}
	var run []*xmlquery.Node
	for _, id := range all {
		if id.keyless && !isDevices(a.parent) {
			run = append(run, id.element)
		} else if err := a.put(id); err != nil {
			return err
		}
	}
	return a.putRun(run)
}

// put brings one element to its place: nothing where it stands, in place of its twin where
// it has one, else as a new sibling.
func (a *adder) put(id identified) error {
	if err := context.Cause(a.call.ctx); err != nil {
		return err
	}
	switch {
	case id.twin == nil:
		return a.insert(id.element)
	case id.keyless && a.call.repeat:
		return a.complete(id.twin, id.element)
	case id.keyless:
		return nil
	}
	if done, err := a.settled(id); done || err != nil {
		return err
	}
	n, err := a.call.replace(id.twin, a.fragment, id.element, a.lasting)
	if err != nil {
		return err
	}
	if a.ref == id.twin {
		a.ref = n
	}
	a.changed = true
	a.replaced++
	return nil
}

// settled says whether the twin needs no replacement, or, by an error, that it must not be
// replaced: by an element for another device, or by one that lacks parts of it. On a
// repeated call the first one decided that, and what is no device is completed in place if
// it is what the first call left, since others may have put something in. It may also be as
// before the first call: outside the devices KubeVirt starts its second pass again.
func (a *adder) settled(id identified) (bool, error) {
	if !a.spend(1 + effort(id.twin, id.element)) {
		return false, a.err
	}
	carried := func(c *xmlquery.Node) bool { return a.lasting(c) && !hasChild(id.element, "", c.Data) }
	if document.Equal(id.twin, id.element, carried) {
		return true, nil
	}
	if id.key.isSingle() && len(id.element.Attr) == 0 && id.element.FirstChild == nil {
		return true, nil // an empty container asks for no more than its existence
	}
	if a.call.repeat {
		if isDevices(a.parent) || !a.keeps(id.twin, id.element) && a.missingBelow(id.twin, id.element) == "" {
			return false, a.err
		}
		return true, a.complete(id.twin, id.element)
	}
	if err := id.checkSameDevice(); err != nil {
		return false, err
	}
	if isDevices(a.parent) {
		return false, nil
	}
	if lost := a.missingBelow(id.twin, id.element); lost != "" {
		return false, fmt.Errorf("<%s> is there and holds <%s>, which the fragment lacks and would remove: add the children that you want to %s itself, or use merge or replace", id.element.Data, lost, id.element.Data)
	}
	return false, a.err
}

// missingBelow names an element below the twin that the element has no counterpart of.
func (a *adder) missingBelow(twin, e *xmlquery.Node) string {
	given := siblingsBelow(e)
	taken := map[*xmlquery.Node]int{}
	for _, c := range document.Elements(twin) {
		counterpart := a.counterpart(twin, c, given, taken)
		if counterpart == nil {
			return c.Data
		}
		if lost := a.missingBelow(c, counterpart); lost != "" {
			return lost
		}
	}
	return ""
}

// counterpart finds the same child among those of another parent: agreeing on the best key
// that it has, or equal where it has none. Of several with one key each is taken once: taken
// counts them by the first.
func (a *adder) counterpart(parent, c *xmlquery.Node, given *siblings, taken map[*xmlquery.Node]int) *xmlquery.Node {
	id, _ := identify(parent, c, nil) // no key of its own that could be wrong
	if !id.keyless {
		same := given.same(&id)
		if len(same) == 0 || taken[same[0]] == len(same) {
			return nil
		}
		taken[same[0]]++
		return same[taken[same[0]]-1]
	}
	for _, d := range given.byName[tableName(c)] {
		if a.equal(c, d) {
			return d
		}
	}
	return nil
}

// carriesOver names what libvirt gave a device and a new version of it keeps.
func carriesOver(c *xmlquery.Node) bool {
	return c.NamespaceURI == "" && (c.Data == "address" || c.Data == "alias")
}

// lasting is carriesOver and, on a repeated call, the MAC address that libvirt gave an
// interface without one.
func (a *adder) lasting(c *xmlquery.Node) bool {
	return carriesOver(c) || a.call.repeat && c.NamespaceURI == "" && c.Data == "mac"
}

// putRun inserts the elements of the run together, unless they stand there as neighbours.
func (a *adder) putRun(run []*xmlquery.Node) error {
	if len(run) == 0 {
		return nil
	}
	siblings := document.Elements(a.parent)
	if a.standing(siblings, run, a.equal) >= 0 {
		return nil
	}
	if a.call.repeat {
		if at := a.standing(siblings, run, a.keeps); at >= 0 {
			return a.completeAll(siblings[at:at+len(run)], run)
		}
	}
	if a.err != nil {
		return a.err
	}
	for _, e := range run {
		if err := a.insert(e); err != nil {
			return err
		}
	}
	return nil
}

// insert puts an element at the place; further ones go behind it, in their order.
func (a *adder) insert(e *xmlquery.Node) error {
	if err := mayRepeat(a.parent, e.NamespaceURI, e.Data); err != nil {
		return err
	}
	n, err := a.call.insert(a.fragment, e, a.ref, a.place)
	if err != nil {
		return err
	}
	a.ref, a.place = n, document.After
	a.changed = true
	return nil
}

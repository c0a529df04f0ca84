// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
)

// applyAdd puts the fragment at every selected place, once.
func applyAdd(r *domainRule, call *domainCall) (effect, error) {
	nodes, done, unexpected, err := r.places(call)
	if err != nil {
		return done, err
	}
	for _, n := range nodes {
		if n.IsAttribute() || n.Node.Type != xmlquery.ElementNode {
			return done, fmt.Errorf("%s selects something else than an element: elements can be added to elements alone", r.Path)
		}
		if !call.doc.Live(n.Node) { // it was the twin of an element that is at its place by now
			continue
		}
		a, err := r.addAt(call, n.Node)
		if err != nil {
			return done, err
		}
		done.replaced += a.replaced
		if a.changed {
			done.changed++
		}
	}
	return done, unexpected
}

// addAt adds what of the fragment is missing at one place.
func (r *domainRule) addAt(call *domainCall, ref *xmlquery.Node) (*adder, error) {
	parent := ref
	if r.place() == document.Before || r.place() == document.After {
		parent = ref.Parent
	}
	a := &adder{rule: r, doc: call.doc, parent: parent, ref: ref, place: r.place(), repeat: call.repeat}
	if parent.Type == xmlquery.DocumentNode {
		return a, errors.New("no element can stand beside the root element")
	}
	identified, err := identifyAll(parent, r.fragment.Elements())
	if err != nil {
		return a, err
	}
	for _, id := range identified {
		if err := context.Cause(call.ctx); err != nil {
			return a, err
		}
		if id.run {
			a.run = append(a.run, id.element)
		} else if err := a.addKeyed(id.element, id.key); err != nil {
			return a, err
		}
	}
	return a, a.addRun()
}

// identified is an element of a fragment with what tells it from its siblings.
type identified struct {
	element *xmlquery.Node
	key     key
	run     bool
}

// identifyAll identifies the elements of a fragment, and refuses two of one identity:
// the second would replace the first.
func identifyAll(parent *xmlquery.Node, elements []*xmlquery.Node) ([]identified, error) {
	var all []identified
	var errs []error
	seen := unique{}
	for _, e := range elements {
		k, run, err := identify(parent, e)
		if value, _ := k.value(e); err == nil && !run && seen.add(tableName(e)+"\x00"+value) != nil {
			err = fmt.Errorf("the fragment has two <%s> that %s: the second would replace the first", e.Data, k.agreement())
		}
		errs = append(errs, err)
		all = append(all, identified{e, k, run})
	}
	return all, errors.Join(errs...)
}

func (r *domainRule) place() document.Place {
	return map[bundle.Position]document.Place{
		bundle.PositionFirst:  document.FirstIn,
		bundle.PositionBefore: document.Before,
		bundle.PositionAfter:  document.After,
	}[r.Position] // LastIn is the zero value
}

// identify finds the key that tells an element from its siblings, or that it belongs to
// a run, whose repetition has a meaning.
func identify(parent, element *xmlquery.Node) (k key, run bool, err error) {
	name := tableName(element)
	for _, k := range keysOf(parent, name) {
		if _, ok := k.value(element); ok {
			return k, false, nil
		}
	}
	if slices.Contains(runs, name) {
		return key{}, true, nil
	}
	if keys := keysOf(parent, name); len(keys) > 0 {
		return key{}, false, fmt.Errorf("<%s> below <%s> needs %s, by which a repeated call finds it again", name, parent.Data, keys[0])
	}
	return key{}, false, fmt.Errorf("adding <%s> below <%s> is not supported yet: no identity is known by which a repeated call would find it again", name, parent.Data)
}

// String names a key as a path.
func (k key) String() string {
	s := ""
	for i, a := range k.attrs {
		if i > 0 {
			s += " and "
		}
		if k.child != "" {
			s += k.child + "/"
		}
		s += "@" + a
	}
	return s
}

// agreement says in what two elements with this key agree.
func (k key) agreement() string {
	if len(k.attrs) == 0 {
		return "libvirt allows once per parent"
	}
	return "agree on " + k.String()
}

// adder adds the elements of one fragment at one place.
type adder struct {
	rule     *domainRule
	doc      *document.Document
	parent   *xmlquery.Node
	ref      *xmlquery.Node // where the next element goes, relative to place
	place    document.Place
	repeat   bool
	run      []*xmlquery.Node
	changed  bool
	replaced int // twins
}

// addKeyed replaces the twin of an element, or inserts the element where it has none.
func (a *adder) addKeyed(e *xmlquery.Node, k key) error {
	value, _ := k.value(e)
	twins := slices.DeleteFunc(document.Elements(a.parent), func(c *xmlquery.Node) bool {
		other, ok := k.value(c)
		return c.Data != e.Data || c.NamespaceURI != e.NamespaceURI || !ok || other != value
	})
	switch {
	case len(twins) == 0:
		return a.insert(e)
	case len(twins) > 1:
		return fmt.Errorf("%d siblings <%s> have the same %s: it is not clear which to replace", len(twins), e.Data, k)
	}
	twin := twins[0]
	if done, err := a.settled(twin, e, k); done || err != nil {
		return err
	}
	n, err := a.doc.Replace(twin, a.rule.fragment, e, carriesOver)
	if err != nil {
		return err
	}
	if a.ref == twin {
		a.ref = n
	}
	a.changed = true
	a.replaced++
	return nil
}

// settled says whether the twin needs no replacement, or, by an error, that it must not be
// replaced: by an element for another device, or by one that lacks parts of it. On a
// repeated call the first one decided that.
func (a *adder) settled(twin, e *xmlquery.Node, k key) (bool, error) {
	carried := func(c *xmlquery.Node) bool { return carriesOver(c) && !hasChild(e, c.Data) }
	if document.Equal(twin, e, carried) {
		return true, nil
	}
	if len(k.attrs) == 0 && len(e.Attr) == 0 && e.FirstChild == nil {
		return true, nil // an empty container asks for no more than its existence
	}
	if a.repeat {
		return false, nil
	}
	alias := childKey("alias", "name")
	if was, ok := alias.value(twin); ok && k.child != alias.child {
		if is, ok := alias.value(e); ok && is != was {
			return false, fmt.Errorf("a <%s> that agrees on %s is there with another alias: it is another device", e.Data, k)
		}
	}
	if lost := missingChild(twin, e); lost != "" && len(k.attrs) == 0 && a.parent.Data != "devices" {
		return false, fmt.Errorf("<%s> is there and holds <%s>, which the fragment lacks and would remove: add the children that you want to %s itself", e.Data, lost, e.Data)
	}
	return false, nil
}

// missingChild names an element child of the twin that the element has none of.
func missingChild(twin, e *xmlquery.Node) string {
	for _, c := range document.Elements(twin) {
		if !hasChild(e, c.Data) {
			return c.Data
		}
	}
	return ""
}

// carriesOver names what libvirt gave a device and a new version of it keeps.
func carriesOver(c *xmlquery.Node) bool {
	return c.NamespaceURI == "" && (c.Data == "address" || c.Data == "alias")
}

func hasChild(n *xmlquery.Node, name string) bool {
	return slices.ContainsFunc(document.Elements(n), func(c *xmlquery.Node) bool { return c.Data == name && c.NamespaceURI == "" })
}

// addRun inserts the elements of the run together, unless they stand there as neighbours.
func (a *adder) addRun() error {
	if len(a.run) == 0 || stands(document.Elements(a.parent), a.run) {
		return nil
	}
	for _, e := range a.run {
		if err := a.insert(e); err != nil {
			return err
		}
	}
	return nil
}

// stands says whether the run is a part of the siblings, one right behind the other.
func stands(siblings, run []*xmlquery.Node) bool {
	for i := 0; i+len(run) <= len(siblings); i++ {
		if slices.EqualFunc(siblings[i:i+len(run)], run, func(x, y *xmlquery.Node) bool {
			return document.Equal(x, y, func(*xmlquery.Node) bool { return false })
		}) {
			return true
		}
	}
	return false
}

// insert puts an element at the place; further ones go behind it, in their order.
func (a *adder) insert(e *xmlquery.Node) error {
	n, err := a.doc.Insert(a.rule.fragment, e, a.ref, a.place)
	if err != nil {
		return err
	}
	a.ref, a.place = n, document.After
	a.changed = true
	return nil
}

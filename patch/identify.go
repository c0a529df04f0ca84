// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// identified is an element of a fragment with what tells it from its siblings.
type identified struct {
	element *xmlquery.Node
	key     key
	keyless bool
	listed  bool           // keyless, in a list whose order and number count
	twin    *xmlquery.Node // what it is in the document; nil where it is missing
}

// isLoose says whether nothing but what it holds tells the element from its siblings.
func (id *identified) isLoose() bool { return id.keyless && !id.listed }

// identify finds the key that tells an element from its siblings: the rule's own where the
// element carries it, else the first of the table that it carries.
func identify(parent, e *xmlquery.Node, own *key) (identified, error) {
	if own != nil {
		if _, ok := own.value(e); ok {
			return identified{element: e, key: *own}, own.survives(schema.Of(parent).Child(e.NamespaceURI, e.Data))
		}
	}
	for _, k := range keysOf(parent, tableName(e)) {
		if _, ok := k.value(e); ok {
			return identified{element: e, key: k}, nil
		}
	}
	return identified{element: e, keyless: true, listed: isListed(parent, tableName(e))}, nil
}

// identifyChildren identifies elements that go below one parent, and refuses two of one
// identity: the second would replace the first.
func identifyChildren(parent *xmlquery.Node, elements []*xmlquery.Node, own *key) ([]identified, error) {
	all := make([]identified, len(elements))
	var errs []error
	seen := unique{}
	for i, e := range elements {
		id, err := identify(parent, e, own)
		if value, _ := id.key.value(e); err == nil && !id.keyless && seen.add(tableName(e)+"\x00"+id.key.String()+"\x00"+value) != nil {
			err = fmt.Errorf("the fragment has two <%s> that %s: the second would replace the first", e.Data, id.key.agreement())
		}
		errs = append(errs, err)
		all[i] = id
	}
	return all, errors.Join(errs...)
}

// identifyAll identifies the elements of a fragment that is added. They must carry the
// rule's own key, and without one what libvirt cannot do without.
func identifyAll(parent *xmlquery.Node, elements []*xmlquery.Node, own *key) ([]identified, error) {
	all, err := identifyChildren(parent, elements, own)
	if err != nil {
		return nil, err
	}
	for _, id := range all {
		if err := checkCarried(id.element, own); err != nil {
			return nil, err
		}
		if row := identityOf(parent, tableName(id.element)); id.keyless && row != nil && row.required {
			return nil, fmt.Errorf("<%s> below <%s> needs %s, by which a repeated call finds it again", id.element.Data, parent.Data, row.keys[0])
		}
	}
	return all, nil
}

// checkCarried demands the key of the rule's own.
func checkCarried(e *xmlquery.Node, own *key) error {
	if own == nil {
		return nil
	}
	if _, ok := own.value(e); !ok {
		return keyError{fmt.Errorf("<%s> in the xml does not carry %s", e.Data, own)}
	}
	return nil
}

// siblings are the element children of one node, found by name or by key without going
// through all of them each time.
type siblings struct {
	all    []*xmlquery.Node
	byName map[string][]*xmlquery.Node
	byKey  map[string]map[string][]*xmlquery.Node // by name and key, then by value
}

func siblingsBelow(parent *xmlquery.Node) *siblings {
	s := &siblings{all: document.Elements(parent), byName: map[string][]*xmlquery.Node{}, byKey: map[string]map[string][]*xmlquery.Node{}}
	for _, c := range s.all {
		s.byName[tableName(c)] = append(s.byName[tableName(c)], c)
	}
	return s
}

// same are the siblings of one identity.
func (s *siblings) same(id *identified) []*xmlquery.Node {
	name := tableName(id.element)
	by := name + "\x00" + id.key.String()
	if s.byKey[by] == nil {
		s.byKey[by] = map[string][]*xmlquery.Node{}
		for _, c := range s.byName[name] {
			if value, ok := id.key.value(c); ok {
				s.byKey[by][value] = append(s.byKey[by][value], c)
			}
		}
	}
	value, _ := id.key.value(id.element)
	return s.byKey[by][value]
}

// findTwin finds the sibling of the same identity; nil where there is none.
func (id *identified) findTwin(s *siblings) (*xmlquery.Node, error) {
	switch twins := s.same(id); len(twins) {
	case 0:
		return nil, nil
	case 1:
		return twins[0], nil
	default:
		return nil, fmt.Errorf("%d siblings <%s> %s: it is not clear which one is meant", len(twins), id.element.Data, id.key.sameness())
	}
}

// checkSameDevice refuses a twin with another alias, which is another device.
func (id *identified) checkSameDevice() error {
	alias := childKey("alias", "name")
	was, there := alias.value(id.twin)
	is, given := alias.value(id.element)
	if !there || !given || was == is {
		return nil
	}
	return fmt.Errorf("a <%s> that agrees on %s is there with another alias: it is another device", id.element.Data, id.key)
}

// errNoDevice says that a device to merge is not there.
func (id *identified) errNoDevice() error {
	if id.keyless || id.key.isSingle() {
		return fmt.Errorf("there is no <%s> to merge with: merge invents no device, use add", id.element.Data)
	}
	return fmt.Errorf("there is no <%s> with the same %s to merge with: merge invents no device, use add", id.element.Data, id.key)
}

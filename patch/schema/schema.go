// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"
)

// Element is what KubeVirt keeps of an element at one place of the domain. Its methods take
// a nil receiver, which keeps nothing: it is an element that KubeVirt drops.
type Element struct {
	attributes []Attribute
	children   []Child
	text       Kind
}

// Attribute is an attribute that KubeVirt keeps. None of them has a namespace.
type Attribute struct {
	Name     string
	Kind     Kind
	Presence Presence
}

// Child is an element that KubeVirt keeps below another.
type Child struct {
	Namespace, Name string
	Presence        Presence
	Repeats         bool // a sequence: else the second of that name is merged into the first

	element uint8 // index in elements
}

// Element is what KubeVirt keeps of the child.
func (c *Child) Element() *Element { return &elements[c.element] }

// Presence says when KubeVirt writes what it may keep.
type Presence uint8

const (
	// Kept means that it is written where it was read.
	Kept Presence = iota
	// Always means that it is written even where it was not there, empty or zero.
	Always
	// Filled means that it is written where it was read and is neither empty, zero nor false.
	Filled
)

// Kind is how KubeVirt reads a text or an attribute. What it cannot read makes the start of
// the VM fail.
type Kind uint8

// The kinds are those of the fields' Go types. Time is what package time parses as RFC 3339.
const (
	None Kind = iota
	String
	Bool
	Int32
	Int64
	Uint32
	Uint64
	Time
)

// Domain is the root element.
func Domain() *Element { return &elements[0] }

// Of finds an element by its name and the names of its ancestors; nil where KubeVirt drops it.
func Of(n *xmlquery.Node) *Element {
	if n == nil || n.Type != xmlquery.ElementNode {
		return nil
	}
	if n.Parent == nil || n.Parent.Type == xmlquery.DocumentNode {
		if n.Data == "domain" && n.NamespaceURI == "" {
			return Domain()
		}
		return nil
	}
	return Of(n.Parent).Child(n.NamespaceURI, n.Data)
}

// Child finds a child element; nil where KubeVirt drops it.
func (e *Element) Child(namespace, name string) *Element {
	if c := e.child(namespace, name); c != nil {
		return c.Element()
	}
	return nil
}

// Find finds a child element and when it is written; nil where KubeVirt drops it.
func (e *Element) Find(namespace, name string) (Presence, *Element) {
	if c := e.child(namespace, name); c != nil {
		return c.Presence, c.Element()
	}
	return Kept, nil
}

// Keeps says whether the attribute survives.
func (e *Element) Keeps(namespace, attribute string) bool {
	return namespace == "" && e.Attribute(attribute).Kind != None
}

// Attribute finds an attribute without a namespace; its Kind is None where KubeVirt drops it.
func (e *Element) Attribute(name string) Attribute {
	if e != nil {
		for i := range e.attributes {
			if e.attributes[i].Name == name {
				return e.attributes[i]
			}
		}
	}
	return Attribute{}
}

// KeepsText says whether the element's own text survives.
func (e *Element) KeepsText() bool { return e.Text() != None }

// Text is how the element's own text is read; None where it is dropped.
func (e *Element) Text() Kind {
	if e == nil {
		return None
	}
	return e.text
}

// Repeats says whether several children of that name survive.
func (e *Element) Repeats(namespace, name string) bool {
	c := e.child(namespace, name)
	return c != nil && c.Repeats
}

// Attributes lists the attributes that survive. The slice is the table's own: read it only.
func (e *Element) Attributes() []Attribute {
	if e == nil {
		return nil
	}
	return e.attributes
}

// Children lists the elements that survive, in the order in which KubeVirt writes them. The
// slice is the table's own: read it only.
func (e *Element) Children() []Child {
	if e == nil {
		return nil
	}
	return e.children
}

func (e *Element) child(namespace, name string) *Child {
	if i := e.index(namespace, name); i >= 0 {
		return &e.children[i]
	}
	return nil
}

func (e *Element) index(namespace, name string) int {
	if e == nil {
		return -1
	}
	for i := range e.children {
		if c := &e.children[i]; c.Name == name && c.Namespace == namespace {
			return i
		}
	}
	return -1
}

// Written is what KubeVirt writes for a text that it has read, which may be "" for an empty
// one; ok is false where it cannot read it.
func (k Kind) Written(text string) (written string, ok bool) {
	if k == None || k == String || k == Time {
		return text, true
	}
	if text == "" { // encoding/xml leaves the zero value
		return k.Zero(), true
	}
	text = strings.TrimSpace(text)
	var err error
	switch k {
	case Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		written = strconv.FormatBool(b)
	case Int32, Int64:
		var i int64
		i, err = strconv.ParseInt(text, 10, k.bits())
		written = strconv.FormatInt(i, 10)
	default:
		var u uint64
		u, err = strconv.ParseUint(text, 10, k.bits())
		written = strconv.FormatUint(u, 10)
	}
	return written, err == nil
}

// Zero is what KubeVirt writes for a value that it has not read.
func (k Kind) Zero() string {
	switch k {
	case None, String, Time:
		return ""
	case Bool:
		return "false"
	}
	return "0"
}

func (k Kind) bits() int {
	if k == Int32 || k == Uint32 {
		return 32
	}
	return 64
}

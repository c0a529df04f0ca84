// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// The edits of a domain call are those of its document, with the memory of which patch made
// them: the report tells when a rule overrides what another patch wrote. A bundle of one
// patch remembers nothing.

// place is a part of an element that a rule may write: an attribute by its name, the text,
// or the whole of an element that was put in.
type place struct {
	node *xmlquery.Node
	part string
}

// Parts that are no attributes: no attribute has such a name.
const (
	wholePart = "*"
	textPart  = "text()"
)

// authors are the patches that wrote something in this call.
type authors struct {
	overrides
	wrote map[place]string // nil where nothing is to be remembered
}

func (call *domainCall) setAttribute(n *xmlquery.Node, i int, value string) (bool, error) {
	at := place{n, n.Attr[i].Name.Local}
	changed, err := call.doc.SetAttribute(n, i, value)
	if changed {
		call.authors.overwrite(at)
	}
	return changed, err
}

func (call *domainCall) addAttribute(n *xmlquery.Node, local, value string) error {
	call.authors.write(place{n, local})
	return call.doc.AddAttribute(n, local, value)
}

func (call *domainCall) setText(n *xmlquery.Node, text string) (bool, error) {
	at := place{n, textPart}
	if n.Type == xmlquery.TextNode {
		at.node = n.Parent
	}
	empty := document.Text(at.node) == ""
	changed, err := call.doc.SetText(n, text)
	if changed && empty {
		call.authors.write(at)
	} else if changed {
		call.authors.overwrite(at)
	}
	return changed, err
}

func (call *domainCall) insert(f *document.Fragment, element, ref *xmlquery.Node, at document.Place) (*xmlquery.Node, error) {
	n, err := call.doc.Insert(f, element, ref, at)
	if err == nil {
		call.authors.write(place{n, wholePart})
	}
	return n, err
}

func (call *domainCall) replace(old *xmlquery.Node, f *document.Fragment, element *xmlquery.Node, carryOver func(*xmlquery.Node) bool) (*xmlquery.Node, error) {
	call.authors.overwriteAll(old)
	n, err := call.doc.Replace(old, f, element, carryOver)
	if err == nil {
		call.authors.write(place{n, wholePart})
	}
	return n, err
}

func (call *domainCall) remove(n selector.Node) error {
	if n.IsAttribute() {
		call.authors.overwrite(place{n.Node, n.Node.Attr[n.Attr].Name.Local})
		call.doc.RemoveAttribute(n.Node, n.Attr)
		return nil
	}
	if n.Node.Type == xmlquery.TextNode {
		call.authors.overwrite(place{n.Node.Parent, textPart})
	} else {
		call.authors.overwriteAll(n.Node)
	}
	return call.doc.Remove(n.Node)
}

// write notes that the current patch wrote something where nothing was.
func (a *authors) write(at place) {
	if a.wrote != nil {
		a.wrote[at] = a.current
	}
}

// overwrite notes that the current patch changed or removed what was at a place.
func (a *authors) overwrite(at place) {
	if a.wrote == nil {
		return
	}
	before, known := a.wrote[at]
	for n := at.node; n != nil && !known; n = n.Parent {
		before, known = a.wrote[place{n, wholePart}]
	}
	a.override(before, at)
	a.wrote[at] = a.current
}

// overwriteAll is overwrite for an element with all that is in it.
func (a *authors) overwriteAll(n *xmlquery.Node) {
	if a.wrote == nil {
		return
	}
	a.overwrite(place{n, wholePart})
	for at, author := range a.wrote {
		if at.node != n && isBelow(at.node, n) || at.node == n && at.part != wholePart {
			a.override(author, place{n, wholePart})
		}
	}
}

func isBelow(n, top *xmlquery.Node) bool {
	for n = n.Parent; n != nil; n = n.Parent {
		if n == top {
			return true
		}
	}
	return false
}

// String is the place as a path that selects it alone.
func (at place) String() string {
	switch at.part {
	case wholePart:
		return document.Location(at.node, "")
	case textPart:
		return document.Location(at.node, "") + "/text()"
	}
	return document.Location(at.node, at.part)
}

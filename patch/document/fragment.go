// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
)

// Fragment is one or more elements that can be put into documents. It is immutable
// and safe for concurrent use.
type Fragment struct {
	doc      *Document
	elements []*xmlquery.Node
	depth    int // levels of elements
}

// ParseFragment reads one or more elements. White space and comments beside them are
// dropped. The prefix qemu is declared already.
func ParseFragment(text string) (*Fragment, error) {
	if len(text) > MaxGrowth {
		return nil, fmt.Errorf("the fragment has %d bytes, over the limit of %d", len(text), MaxGrowth)
	}
	d := newDocument(text)
	p := newParser(d, text, MaxNodes)
	p.top, p.fragment, p.bound = d.root, true, []binding{{"qemu", QEMUNamespace}}
	if err := p.checkChars(); err != nil {
		return nil, err
	}
	if err := p.content(); err != nil {
		return nil, err
	}
	for n := range children(d.root) {
		if !isElement(n) && strings.HasPrefix(d.sourceOf(n), "<?") {
			return nil, errors.New("only elements and comments may stand at the top of a fragment")
		}
	}
	f := &Fragment{doc: d, elements: Elements(d.root)}
	if len(f.elements) == 0 {
		return nil, errors.New("the fragment has no element")
	}
	f.depth = depthBelow(d.root)
	return f, nil
}

// Elements lists the elements at the top of the fragment. They must not be changed.
func (f *Fragment) Elements() []*xmlquery.Node { return f.elements }

func depthBelow(n *xmlquery.Node) int {
	deepest := 0
	for c := range EachElement(n) {
		deepest = max(deepest, 1+depthBelow(c))
	}
	return deepest
}

// text writes an element of the fragment for a place: indented like it, with the
// declaration of qemu where the place has none.
func (f *Fragment) text(n *xmlquery.Node, place *xmlquery.Node, at indentation) (string, error) {
	if n.Prefix == "" && n.NamespaceURI == "" && Attribute(n, xmlnsNamespace, "xmlns") < 0 && namespaceOf(place, "") != "" {
		return "", fmt.Errorf("<%s> without a prefix cannot stand below %q, which is in a default namespace: use a prefix", n.Data, place.Data)
	}
	var b strings.Builder
	f.write(&b, n, at)
	text := b.String()
	if usesQEMU(n) && namespaceOf(place, "qemu") != QEMUNamespace && Attribute(n, xmlnsNamespace, "qemu") < 0 {
		name := "<" + qualified(n.Prefix, n.Data)
		text = name + ` xmlns:qemu="` + QEMUNamespace + `"` + text[len(name):]
	}
	return text, nil
}

func (f *Fragment) write(b *strings.Builder, n *xmlquery.Node, at indentation) {
	r := f.doc.record(n)
	if !at.multiline() || !elementsOnly(n) {
		b.WriteString(r.source)
		return
	}
	b.WriteString(r.startTag())
	deeper := at.deeper()
	for c := range children(n) {
		if isBlank(c) {
			continue
		}
		b.WriteString(deeper.lead)
		if isElement(c) {
			f.write(b, c, deeper)
		} else {
			b.WriteString(f.doc.sourceOf(c))
		}
	}
	b.WriteString(at.lead)
	b.WriteString(r.endTag())
}

// elementsOnly says whether an element holds elements and no text beside them.
func elementsOnly(n *xmlquery.Node) bool {
	elements := false
	for c := range children(n) {
		if c.Type == xmlquery.TextNode && !isBlank(c) {
			return false
		}
		elements = elements || isElement(c)
	}
	return elements
}

func usesQEMU(n *xmlquery.Node) bool {
	if n.NamespaceURI == QEMUNamespace && n.Prefix == "qemu" ||
		slices.ContainsFunc(n.Attr, func(a xmlquery.Attr) bool { return a.Name.Space == "qemu" }) {
		return true
	}
	for c := range EachElement(n) {
		if usesQEMU(c) {
			return true
		}
	}
	return false
}

// Place says where elements go relative to a node.
type Place int

// Places.
const (
	LastIn  Place = iota // last among the children of the node
	FirstIn              // first among them
	Before               // the sibling before the node
	After                // the sibling behind the node
)

// Insert puts an element of a fragment into the document, indented like what stands
// there, and returns it.
func (d *Document) Insert(f *Fragment, element *xmlquery.Node, ref *xmlquery.Node, place Place) (*xmlquery.Node, error) {
	parent, next, s := d.slot(ref, place)
	if parent.Type == xmlquery.DocumentNode {
		return nil, errors.New("no element can stand beside the root element")
	}
	if depthOf(parent)+f.depth > MaxDepth {
		return nil, fmt.Errorf("elements would nest deeper than %d", MaxDepth)
	}
	text, err := f.text(element, parent, s.at)
	if err != nil {
		return nil, err
	}
	if err := d.grow(len(s.before) + len(text) + len(s.after)); err != nil {
		return nil, err
	}
	n, err := d.parseInto(parent, text)
	if err != nil {
		return nil, err
	}
	if s.alone {
		for c := range children(parent) {
			unlink(c)
		}
	}
	d.blank(parent, next, s.before)
	d.insertBefore(parent, next, n)
	d.blank(parent, next, s.after)
	d.touch(parent)
	return n, nil
}

// slot finds the parent, the sibling that will follow, and the white space that goes with the new element.
func (d *Document) slot(ref *xmlquery.Node, place Place) (parent, next *xmlquery.Node, s spacing) {
	switch place {
	case LastIn, FirstIn:
		return d.slotIn(ref, place)
	case Before:
		at := d.indentation(ref)
		return ref.Parent, ref, spacing{at: at, after: at.lead}
	default:
		at := d.indentation(ref)
		return ref.Parent, ref.NextSibling, spacing{at: at, before: at.lead}
	}
}

func (d *Document) slotIn(parent *xmlquery.Node, place Place) (_, next *xmlquery.Node, s spacing) {
	ref, beside := parent.LastChild, After
	if place == FirstIn {
		ref, beside = parent.FirstChild, Before
	}
	for isBlank(ref) {
		if place == FirstIn {
			ref = ref.NextSibling
		} else {
			ref = ref.PrevSibling
		}
	}
	if ref != nil {
		return d.slot(ref, beside)
	}
	outer := d.indentation(parent)
	if !outer.multiline() {
		return parent, nil, spacing{at: outer}
	}
	inner := outer.deeper()
	return parent, nil, spacing{at: inner, before: inner.lead, after: outer.lead, alone: true}
}

// parseInto parses one element for a parent, whose namespaces are in scope, without linking it.
func (d *Document) parseInto(parent *xmlquery.Node, text string) (*xmlquery.Node, error) {
	holder := &xmlquery.Node{Type: xmlquery.DocumentNode}
	p := newParser(d, text, len(text)) // the caller has asked grow
	p.top, p.fragment, p.bound = holder, true, bindingsAt(parent)
	if err := p.content(); err != nil {
		return nil, err
	}
	n := holder.FirstChild // fragment.text writes one element without blanks around it
	unlink(n)
	return n, nil
}

// bindingsAt lists the namespace declarations in scope at an element, innermost last.
func bindingsAt(n *xmlquery.Node) []binding {
	var all []binding
	for ; n != nil; n = n.Parent {
		for i := range n.Attr {
			if a := &n.Attr[i]; IsDeclaration(a) {
				prefix := a.Name.Local
				if a.Name.Space == "" {
					prefix = ""
				}
				all = append(all, binding{prefix, a.Value})
			}
		}
	}
	slices.Reverse(all)
	return all
}

// ErrGrowth says that edits made a document too large.
var ErrGrowth = fmt.Errorf("the edits add more than %d bytes to the document", MaxGrowth)

func (d *Document) grow(n int) error {
	if d.grown += n; d.grown > MaxGrowth {
		return ErrGrowth
	}
	return nil
}

func (d *Document) blank(parent, next *xmlquery.Node, raw string) {
	if raw == "" {
		return
	}
	data := strings.ReplaceAll(raw, "\r\n", "\n")
	d.insertBefore(parent, next, d.newNode(xmlquery.TextNode, data, raw))
}

func depthOf(n *xmlquery.Node) int {
	depth := 0
	for ; n != nil && n.Type == xmlquery.ElementNode; n = n.Parent {
		depth++
	}
	return depth
}

// Replace puts an element of a fragment in place of old and returns it. The children
// of old that carry over are moved to its end, unless it has such children itself.
func (d *Document) Replace(old *xmlquery.Node, f *Fragment, element *xmlquery.Node, carryOver func(*xmlquery.Node) bool) (*xmlquery.Node, error) {
	if old.Parent.Type == xmlquery.DocumentNode {
		return nil, errors.New("the root element cannot be replaced")
	}
	n, err := d.Insert(f, element, old, Before)
	if err != nil {
		return nil, err
	}
	for c := range EachElement(old) {
		if !carryOver(c) || hasNamesake(n, c) {
			continue
		}
		if err := d.move(c, n); err != nil {
			return nil, err
		}
	}
	blank := n.NextSibling // Insert put the indentation of old between the two
	if isBlank(blank) {
		unlink(blank)
	}
	unlink(old)
	return n, nil
}

// hasNamesake says whether an element has a child of the same name as another element.
func hasNamesake(n, like *xmlquery.Node) bool {
	for c := range EachElement(n) {
		if sameName(c, like) {
			return true
		}
	}
	return false
}

// move puts an element of the document last into another one.
func (d *Document) move(c, into *xmlquery.Node) error {
	w := writer{doc: d}
	w.node(c)
	f, err := ParseFragment(string(w.buf))
	if err != nil {
		return err
	}
	_, err = d.Insert(f, f.elements[0], into, LastIn)
	return err
}

func sameName(a, b *xmlquery.Node) bool { return a.Data == b.Data && a.NamespaceURI == b.NamespaceURI }

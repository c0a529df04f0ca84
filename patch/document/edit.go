// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
)

// CheckText refuses text that XML 1.0 cannot hold, such as control characters.
func CheckText(text string) error {
	if i := firstBadChar(text); i >= 0 {
		return fmt.Errorf("XML cannot hold the character at byte %d (%#x)", i, text[i])
	}
	return nil
}

// admit checks a text that is about to be written.
func (d *Document) admit(text string) error {
	if err := CheckText(text); err != nil {
		return err
	}
	return d.grow(len(text))
}

// touch marks a node and everything above it, so that the writer looks into them.
func (d *Document) touch(n *xmlquery.Node) {
	d.edits++
	for ; n != nil; n = n.Parent {
		r := d.record(n)
		if r.touched {
			return
		}
		r.touched = true
	}
}

// Attribute gives the index of an attribute in n.Attr, or -1.
func Attribute(n *xmlquery.Node, namespace, local string) int {
	for i := range n.Attr { // slices.IndexFunc would copy each attribute
		if a := &n.Attr[i]; a.Name.Local == local && a.NamespaceURI == namespace {
			return i
		}
	}
	return -1
}

// SetAttribute sets the attribute with the given index and says whether that changed it.
func (d *Document) SetAttribute(n *xmlquery.Node, i int, value string) (bool, error) {
	if n.Attr[i].Value == value {
		return false, nil
	}
	if err := d.admit(value); err != nil {
		return false, err
	}
	d.attributes(n)[i].edited = true
	n.Attr[i].Value = value
	d.touch(n)
	return true, nil
}

// AddAttribute adds an attribute without a namespace behind the others.
func (d *Document) AddAttribute(n *xmlquery.Node, local, value string) error {
	if len(n.Attr) >= MaxAttributes {
		return fmt.Errorf("<%s> would have more than %d attributes", n.Data, MaxAttributes)
	}
	if err := d.admit(value); err != nil {
		return err
	}
	if err := d.grow(len(local)); err != nil {
		return err
	}
	d.tags[n] = append(d.attributes(n), attribute{edited: true})
	n.Attr = append(n.Attr, xmlquery.Attr{Name: xml.Name{Local: local}, Value: value})
	d.touch(n)
	return nil
}

// RemoveAttribute removes the attribute with the given index.
func (d *Document) RemoveAttribute(n *xmlquery.Node, i int) {
	d.tags[n] = slices.Delete(d.attributes(n), i, i+1)
	n.Attr = slices.Delete(n.Attr, i, i+1)
	d.touch(n)
}

// attribute is the source of one attribute, parallel to Node.Attr.
type attribute struct {
	raw    string // white space before it, name, =, quoted value; empty for a new one
	value  int    // where in raw the value starts, behind its quote
	edited bool   // raw is stale: write name and value
}

// attributes gives the sources of an element's attributes to an edit. Few elements are
// edited, so they are found by reading the start tag a second time.
func (d *Document) attributes(n *xmlquery.Node) []attribute {
	if all, ok := d.tags[n]; ok {
		return all
	}
	s := scanner{src: d.record(n).startTag(), pos: 1 + len(qualified(n.Prefix, n.Data))}
	all := make([]attribute, len(n.Attr), len(n.Attr)+1)
	for i := range all {
		start := s.pos
		s.space()
		valueAt, _ := s.attribute(&xmlquery.Attr{}) // the parser has read this tag before
		all[i] = attribute{raw: s.src[start:s.pos], value: valueAt - start}
	}
	if d.tags == nil {
		d.tags = map[*xmlquery.Node][]attribute{}
	}
	d.tags[n] = all
	return all
}

// ErrElementContent says that text was meant for an element that holds elements.
var ErrElementContent = errors.New("it has element children, so it cannot hold a text")

// SetText makes text the string value of an element without element children, or of a
// text node, and says whether that changed it. Comments in the element stay.
func (d *Document) SetText(n *xmlquery.Node, text string) (bool, error) {
	if n.Type == xmlquery.TextNode {
		return d.setTextNode(n, text)
	}
	if hasElement(n) {
		return false, fmt.Errorf("<%s>: %w", n.Data, ErrElementContent)
	}
	if Text(n) == text {
		return false, nil
	}
	if err := d.admit(text); err != nil {
		return false, err
	}
	d.touch(n)
	put := false
	for c := range children(n) {
		switch {
		case c.Type != xmlquery.TextNode:
		case !put && text != "":
			d.rewrite(c, text)
			put = true
		default:
			unlink(c)
		}
	}
	if !put && text != "" {
		d.insertBefore(n, n.FirstChild, d.newNode(xmlquery.TextNode, text, escapeText(text)))
	}
	return true, nil
}

func (d *Document) setTextNode(n *xmlquery.Node, text string) (bool, error) {
	if n.Data == text {
		return false, nil
	}
	if err := d.admit(text); err != nil {
		return false, err
	}
	d.touch(n.Parent)
	d.rewrite(n, text)
	return true, nil
}

func (d *Document) rewrite(n *xmlquery.Node, text string) {
	n.Data = text
	d.setSource(n, escapeText(text))
}

// Remove takes an element or a text out of the document, and with an element the
// indentation before it. The root element stays: removing it is an error.
func (d *Document) Remove(n *xmlquery.Node) error {
	parent := n.Parent
	if parent == nil || parent.Type == xmlquery.DocumentNode {
		return errors.New("the root element cannot be removed")
	}
	d.touch(parent)
	if before := n.PrevSibling; n.Type == xmlquery.ElementNode && isBlank(before) {
		after := n.NextSibling
		if after == nil || isBlank(after) || after.Type != xmlquery.TextNode {
			unlink(before)
		}
		if isBlank(after) && parent.FirstChild == n && parent.LastChild == after {
			unlink(after)
		}
	}
	before, after := n.PrevSibling, n.NextSibling
	unlink(n)
	d.join(before, after)
	return nil
}

// join makes one text of two that have become neighbours, as a parser would.
func (d *Document) join(before, after *xmlquery.Node) {
	if before == nil || after == nil || before.Type != xmlquery.TextNode || after.Type != xmlquery.TextNode {
		return
	}
	source := d.sourceOf(before) + d.sourceOf(after)
	before.Data += after.Data
	d.setSource(before, source)
	unlink(after)
}

// Live says whether a node still stands in the document.
func (d *Document) Live(n *xmlquery.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == d.root {
			return true
		}
	}
	return false
}

func isElement(n *xmlquery.Node) bool { return n.Type == xmlquery.ElementNode }

// isBlank says whether a node is white space only.
func isBlank(n *xmlquery.Node) bool {
	return n != nil && n.Type == xmlquery.TextNode && strings.Trim(n.Data, " \t\r\n") == ""
}

// children goes over the children of a node. The loop may unlink the child it is at.
func children(n *xmlquery.Node) iter.Seq[*xmlquery.Node] {
	return func(yield func(*xmlquery.Node) bool) {
		for c := n.FirstChild; c != nil; {
			next := c.NextSibling
			if !yield(c) {
				return
			}
			c = next
		}
	}
}

// EachElement goes over the element children of a node. The loop may edit the child it is at.
func EachElement(n *xmlquery.Node) iter.Seq[*xmlquery.Node] {
	return func(yield func(*xmlquery.Node) bool) {
		for c := range children(n) {
			if isElement(c) && !yield(c) {
				return
			}
		}
	}
}

// Elements lists the element children of a node.
func Elements(n *xmlquery.Node) []*xmlquery.Node { return slices.Collect(EachElement(n)) }

func hasElement(n *xmlquery.Node) bool {
	for range EachElement(n) {
		return true
	}
	return false
}

func appendChild(parent, n *xmlquery.Node) {
	n.Parent = parent
	n.PrevSibling = parent.LastChild
	if parent.LastChild != nil {
		parent.LastChild.NextSibling = n
	} else {
		parent.FirstChild = n
	}
	parent.LastChild = n
}

// insertBefore puts n before next, or last where next is nil.
func (d *Document) insertBefore(parent, next, n *xmlquery.Node) {
	if next == nil {
		appendChild(parent, n)
		return
	}
	n.Parent, n.NextSibling, n.PrevSibling = parent, next, next.PrevSibling
	if next.PrevSibling != nil {
		next.PrevSibling.NextSibling = n
	} else {
		parent.FirstChild = n
	}
	next.PrevSibling = n
}

func unlink(n *xmlquery.Node) {
	if n.PrevSibling != nil {
		n.PrevSibling.NextSibling = n.NextSibling
	} else {
		n.Parent.FirstChild = n.NextSibling
	}
	if n.NextSibling != nil {
		n.NextSibling.PrevSibling = n.PrevSibling
	} else {
		n.Parent.LastChild = n.PrevSibling
	}
	n.Parent, n.PrevSibling, n.NextSibling = nil, nil, nil
}

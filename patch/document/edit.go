// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/xml"
	"errors"
	"fmt"
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
	return slices.IndexFunc(n.Attr, func(a xmlquery.Attr) bool {
		return a.Name.Local == local && a.NamespaceURI == namespace
	})
}

// SetAttribute sets the attribute with the given index and says whether that changed it.
func (d *Document) SetAttribute(n *xmlquery.Node, i int, value string) (bool, error) {
	if n.Attr[i].Value == value {
		return false, nil
	}
	if err := d.admit(value); err != nil {
		return false, err
	}
	r := d.record(n)
	n.Attr[i].Value = value
	r.attrs[i].fresh, r.retagged = true, true
	d.touch(n)
	return true, nil
}

// AddAttribute adds an attribute without a namespace behind the others.
func (d *Document) AddAttribute(n *xmlquery.Node, local, value string) error {
	if err := d.admit(value); err != nil {
		return err
	}
	if len(n.Attr) >= MaxAttributes {
		return fmt.Errorf("<%s> would have more than %d attributes", n.Data, MaxAttributes)
	}
	r := d.record(n)
	n.Attr = append(n.Attr, xmlquery.Attr{Name: xml.Name{Local: local}, Value: value})
	r.attrs = append(r.attrs, attribute{fresh: true})
	r.retagged = true
	d.touch(n)
	return nil
}

// RemoveAttribute removes the attribute with the given index.
func (d *Document) RemoveAttribute(n *xmlquery.Node, i int) {
	r := d.record(n)
	n.Attr = slices.Delete(n.Attr, i, i+1)
	r.attrs = slices.Delete(r.attrs, i, i+1)
	r.retagged = true
	d.touch(n)
}

// ErrElementContent says that text was meant for an element that holds elements.
var ErrElementContent = errors.New("it has element children, so it cannot hold a text")

// SetText makes text the string value of an element without element children, or of a
// text node, and says whether that changed it. Comments in the element stay.
func (d *Document) SetText(n *xmlquery.Node, text string) (bool, error) {
	if n.Type == xmlquery.TextNode {
		return d.setTextNode(n, text)
	}
	if slices.ContainsFunc(children(n), isElement) {
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
	for _, c := range children(n) {
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
		d.insertBefore(n, n.FirstChild, d.newNode(xmlquery.TextNode, text, record{outer: escapeText(text)}))
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
	d.record(n).outer = escapeText(text)
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
	unlink(n)
	return nil
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

func children(n *xmlquery.Node) []*xmlquery.Node {
	var all []*xmlquery.Node
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		all = append(all, c)
	}
	return all
}

// Elements lists the element children of a node.
func Elements(n *xmlquery.Node) []*xmlquery.Node {
	return slices.DeleteFunc(children(n), func(c *xmlquery.Node) bool { return !isElement(c) })
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

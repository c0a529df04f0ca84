// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// content is an element or a text.
type content struct {
	element *xmlquery.Node
	text    string
}

// contentOf lists what counts of what an element holds: elements and texts in order. White
// space alone counts nowhere, and comments separate no texts.
func contentOf(n *xmlquery.Node) []content {
	var all []content
	text := ""
	flush := func() {
		if strings.TrimSpace(text) != "" {
			all = append(all, content{text: text})
		}
		text = ""
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.TextNode:
			text += c.Data
		case xmlquery.ElementNode:
			flush()
			all = append(all, content{element: c})
		}
	}
	flush()
	return all
}

// equal says whether two elements mean the same: their names, attributes in any order, and
// what counts of what they hold. It is laxer than document.Equal, for which a text is what stands
// between two comments, and white space alone is a text where there is no element.
func equal(a, b *xmlquery.Node) bool {
	x, y := attributesOf(a), attributesOf(b)
	if nameOf(a) != nameOf(b) || len(x) != len(y) {
		return false
	}
	for i := range x {
		j := document.Attribute(b, x[i].NamespaceURI, x[i].Name.Local)
		if j < 0 || b.Attr[j].Value != x[i].Value {
			return false
		}
	}
	return slices.EqualFunc(contentOf(a), contentOf(b), func(m, n content) bool {
		return m.text == n.text && (m.element == nil) == (n.element == nil) && (m.element == nil || equal(m.element, n.element))
	})
}

// digests are hashes of elements: equal for equal ones, and for others by chance alone. What
// comes of a chance is compared again in the end.
type digests struct {
	seed maphash.Seed
	of   map[*xmlquery.Node]uint64
}

func newDigests() *digests {
	return &digests{seed: maphash.MakeSeed(), of: map[*xmlquery.Node]uint64{}}
}

func (d *digests) equal(a, b *xmlquery.Node) bool { return d.sum(a) == d.sum(b) }

func (d *digests) sum(n *xmlquery.Node) uint64 {
	if h, known := d.of[n]; known {
		return h
	}
	var h maphash.Hash
	h.SetSeed(d.seed)
	write := func(parts ...string) {
		for _, p := range parts {
			_, _ = h.WriteString(p) // a hash takes everything
			_ = h.WriteByte(0)
		}
	}
	write(n.NamespaceURI, n.Data)
	var attributes []string
	for _, a := range attributesOf(n) {
		attributes = append(attributes, a.NamespaceURI+"\x00"+a.Name.Local+"\x00"+a.Value)
	}
	slices.Sort(attributes)
	write(attributes...)
	write("content")
	for _, c := range contentOf(n) {
		if c.element == nil {
			write("text", c.text)
		} else {
			_, _ = h.Write(binary.LittleEndian.AppendUint64([]byte("element"), d.sum(c.element)))
		}
	}
	d.of[n] = h.Sum64()
	return d.of[n]
}

// attributesOf are the attributes without the declarations of namespaces.
func attributesOf(n *xmlquery.Node) []xmlquery.Attr {
	return slices.DeleteFunc(slices.Clone(n.Attr), func(a xmlquery.Attr) bool { return document.IsDeclaration(&a) })
}

// attribute gives the value of an attribute without a namespace.
func attribute(n *xmlquery.Node, name string) (string, bool) {
	i := document.Attribute(n, "", name)
	if i < 0 {
		return "", false
	}
	return n.Attr[i].Value, true
}

// isLeaf says whether an element holds no elements.
func isLeaf(n *xmlquery.Node) bool {
	for range document.EachElement(n) {
		return false
	}
	return true
}

// isMixed says whether an element holds text beside elements.
func isMixed(n *xmlquery.Node) bool {
	if isLeaf(n) {
		return false
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.TextNode && strings.TrimSpace(c.Data) != "" {
			return true
		}
	}
	return false
}

// hasText says whether an element that holds no elements holds more than white space.
func hasText(n *xmlquery.Node) bool { return isLeaf(n) && strings.TrimSpace(document.Text(n)) != "" }

// qname tells elements of one name.
type qname struct{ namespace, local string }

func nameOf(n *xmlquery.Node) qname { return qname{n.NamespaceURI, n.Data} }

// named are the children of that name, in order.
func named(parent *xmlquery.Node, name qname) []*xmlquery.Node {
	return slices.DeleteFunc(document.Elements(parent), func(n *xmlquery.Node) bool { return nameOf(n) != name })
}

// isDevices says whether an element holds the devices of a domain.
func isDevices(n *xmlquery.Node) bool {
	return nameOf(n) == qname{"", "devices"} && n.Parent != nil && isRoot(n.Parent)
}

func isRoot(n *xmlquery.Node) bool { return n.Parent != nil && n.Parent.Type == xmlquery.DocumentNode }

// fact is a text that an element holds: in an attribute or an element, at a path from it.
type fact struct{ path, value string }

// maxFacts bounds how much of one element is looked at to tell it from others.
const maxFacts = 100

// facts are what an element holds, from its own attributes downwards: the places nearest to
// it first.
func facts(n *xmlquery.Node) []fact {
	var all []fact
	type level struct {
		node   *xmlquery.Node
		prefix string
	}
	for queue := []level{{n, ""}}; len(queue) > 0 && len(all) < maxFacts; queue = queue[1:] {
		at := queue[0]
		for _, a := range attributesOf(at.node) {
			if a.NamespaceURI == "" {
				all = append(all, fact{at.prefix + "@" + a.Name.Local, a.Value})
			}
		}
		if at.prefix != "" && hasText(at.node) {
			all = append(all, fact{strings.TrimSuffix(at.prefix, "/"), document.Text(at.node)})
		}
		for c := range document.EachElement(at.node) {
			if c.NamespaceURI == "" && len(queue) < maxFacts {
				queue = append(queue, level{c, at.prefix + c.Data + "/"})
			}
		}
	}
	return all[:min(len(all), maxFacts)]
}

// holds says whether a fact is true of an element.
func (f fact) holds(n *xmlquery.Node) bool {
	name, rest, deeper := strings.Cut(f.path, "/")
	if attr, isAttribute := strings.CutPrefix(name, "@"); isAttribute {
		value, ok := attribute(n, attr)
		return ok && value == f.value
	}
	for c := range document.EachElement(n) {
		if nameOf(c) != (qname{"", name}) {
			continue
		}
		if !deeper && document.Text(c) == f.value || deeper && (fact{rest, f.value}).holds(c) {
			return true
		}
	}
	return false
}

// likeness says how much of what two elements hold is the same, from 0 to 1.
func likeness(a, b *xmlquery.Node) float64 {
	x, y := facts(a), facts(b)
	if len(x)+len(y) == 0 {
		return 1
	}
	same := 0
	for _, f := range x {
		if slices.Contains(y, f) {
			same++
		}
	}
	return float64(same) / float64(max(len(x), len(y)))
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"strings"

	"github.com/antchfx/xmlquery"
)

// Document is a parsed document that can be edited. It is not safe for concurrent use.
//
// The tree may be read freely; it is changed through the methods of Document alone.
type Document struct {
	root    *xmlquery.Node
	source  string
	bom     string
	records []record
	slab    []xmlquery.Node
	parsed  int // records of the source's nodes; those of inserted nodes follow
	grown   int // bytes that edits added
	edits   int
}

// record is what a node remembers of its source. Node.LineNumber is its index.
type record struct {
	outer   string // the whole node; for elements valid while the subtree is untouched
	touched bool   // something in the subtree, the node's own tag included, was edited

	// Elements alone:
	openTag, closeTag string
	start             int // offset of the start tag while its document is parsed
	attrs             []attribute
	empty             bool // written as <name/>
	retagged          bool // attributes were edited: the start tag is put together anew
}

// attribute is the source of one attribute, parallel to Node.Attr.
type attribute struct {
	raw   string // white space before it, name, =, quoted value
	value int    // where in raw the value starts, behind its quote
	fresh bool   // raw is stale or empty: write name and value
}

func newDocument(source string) *Document {
	d := &Document{source: source}
	// Every element and comment starts with <, every text follows or precedes one: a good first guess.
	guess := min(2*strings.Count(source, "<")+2, MaxNodes)
	d.slab = make([]xmlquery.Node, 0, guess)
	d.records = make([]record, 0, guess)
	d.root = d.newNode(xmlquery.DocumentNode, "", record{outer: source})
	return d
}

func (d *Document) newNode(kind xmlquery.NodeType, data string, r record) *xmlquery.Node {
	if len(d.slab) == cap(d.slab) {
		d.slab = make([]xmlquery.Node, 0, 256)
	}
	d.slab = d.slab[:len(d.slab)+1]
	n := &d.slab[len(d.slab)-1]
	n.Type, n.Data, n.LineNumber = kind, data, len(d.records)
	d.records = append(d.records, r)
	return n
}

func (d *Document) record(n *xmlquery.Node) *record { return &d.records[n.LineNumber] }

// Root is the document node, the parent of the root element.
func (d *Document) Root() *xmlquery.Node { return d.root }

// Element is the root element.
func (d *Document) Element() *xmlquery.Node {
	for n := d.root.FirstChild; n != nil; n = n.NextSibling {
		if n.Type == xmlquery.ElementNode {
			return n
		}
	}
	return nil
}

// Hide makes an element invisible to XPath and to edits; its bytes stay.
func (d *Document) Hide(n *xmlquery.Node) {
	n.Type, n.FirstChild, n.LastChild, n.Attr = xmlquery.CommentNode, nil, nil, nil
}

// Original says whether a node was in the source. An element that replaces another was not.
func (d *Document) Original(n *xmlquery.Node) bool { return n.LineNumber < d.parsed }

// Touched says whether any edit was made.
func (d *Document) Touched() bool { return d.record(d.root).touched }

// Edits counts the edits so far: where it did not change, neither did the document.
func (d *Document) Edits() int { return d.edits }

// Bytes writes the document: the source where nothing was edited, the edits elsewhere.
func (d *Document) Bytes() []byte {
	if !d.Touched() {
		return []byte(d.source)
	}
	w := writer{doc: d}
	w.buf = make([]byte, 0, len(d.source)+1024)
	w.buf = append(w.buf, d.bom...)
	w.children(d.root)
	return w.buf
}

type writer struct {
	doc *Document
	buf []byte
}

func (w *writer) children(n *xmlquery.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
}

func (w *writer) node(n *xmlquery.Node) {
	r := w.doc.record(n)
	if n.Type != xmlquery.ElementNode || !r.touched {
		w.buf = append(w.buf, r.outer...)
		return
	}
	hasContent := n.FirstChild != nil
	w.startTag(n, r, hasContent)
	if !hasContent && r.empty {
		return
	}
	w.children(n)
	if r.closeTag != "" {
		w.buf = append(w.buf, r.closeTag...)
		return
	}
	w.buf = append(append(append(w.buf, "</"...), qualified(n.Prefix, n.Data)...), '>')
}

func (w *writer) startTag(n *xmlquery.Node, r *record, hasContent bool) {
	if !r.retagged {
		tag := r.openTag
		if r.empty && hasContent {
			tag = strings.TrimRight(strings.TrimSuffix(tag, "/>"), " \t\r\n") + ">"
		}
		w.buf = append(w.buf, tag...)
		return
	}
	w.buf = append(append(w.buf, '<'), qualified(n.Prefix, n.Data)...)
	for i := range n.Attr {
		w.attribute(&n.Attr[i], &r.attrs[i])
	}
	if r.empty && !hasContent {
		w.buf = append(w.buf, '/')
	}
	w.buf = append(w.buf, '>')
}

func (w *writer) attribute(a *xmlquery.Attr, source *attribute) {
	switch {
	case !source.fresh:
		w.buf = append(w.buf, source.raw...)
	case source.raw == "":
		w.buf = append(append(append(w.buf, ' '), qualified(a.Name.Space, a.Name.Local)...), `="`...)
		w.buf = append(append(w.buf, escapeAttribute(a.Value, '"')...), '"')
	default:
		quote := source.raw[source.value-1]
		w.buf = append(w.buf, source.raw[:source.value]...)
		w.buf = append(append(w.buf, escapeAttribute(a.Value, quote)...), quote)
	}
}

var (
	textEscaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	doubleEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
	singleEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

func escapeText(s string) string { return textEscaper.Replace(s) }

func escapeAttribute(s string, quote byte) string {
	if quote == '\'' {
		return singleEscaper.Replace(s)
	}
	return doubleEscaper.Replace(s)
}

// Text is the string value of a node as XPath defines it: all text below an element, in order.
func Text(n *xmlquery.Node) string {
	switch n.Type {
	case xmlquery.TextNode:
		return n.Data
	case xmlquery.ElementNode, xmlquery.DocumentNode:
	default:
		return ""
	}
	if c := n.FirstChild; c == nil {
		return ""
	} else if c.NextSibling == nil && c.Type == xmlquery.TextNode {
		return c.Data
	}
	var b strings.Builder
	appendText(&b, n)
	return b.String()
}

func appendText(b *strings.Builder, n *xmlquery.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.TextNode:
			b.WriteString(c.Data)
		case xmlquery.ElementNode:
			appendText(b, c)
		}
	}
}

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
	nodes   []xmlquery.Node                // the slab that new nodes come from
	tags    map[*xmlquery.Node][]attribute // of the elements whose attributes were edited
	parsed  int                            // records of the source's nodes; those of inserted nodes follow
	grown   int                            // bytes that edits added
	edits   int
}

// record is what a node remembers of its source. Node.LineNumber is its index, or plain for
// a text that is its own source: most are white space, and there are more texts than elements.
type record struct {
	source  string // of the whole node; of an element valid while its subtree is untouched
	inner   int32  // of an element: where in source its start tag ends
	end     int32  // and where its end tag begins, which an element written as <name/> has not
	touched bool   // something in the subtree, the node's own tag included, was edited
}

func (r *record) startTag() string { return r.source[:r.inner] }
func (r *record) endTag() string   { return r.source[r.end:] }

// isEmptyTag says whether the element is written as <name/>.
func (r *record) isEmptyTag() bool { return int(r.inner) == len(r.source) }

// plain is the LineNumber of a text that is its own source.
const plain = -1

// How many nodes and attributes are allocated at once: few, to waste little, and so many that
// they fill a size class of the runtime (3072 and 4096 bytes).
const (
	nodeSlabSize = 21
	attrSlabSize = 63
)

func newDocument(source string) *Document {
	// Every element and comment starts with <, and a text may stand before and behind it. Most
	// elements have an end tag, too.
	tags := strings.Count(source, "<")
	d := &Document{source: source, records: make([]record, 0, min(16+tags/2, MaxNodes))}
	d.nodes = make([]xmlquery.Node, 0, min(2+2*tags, nodeSlabSize))
	d.root = d.newNode(xmlquery.DocumentNode, "", source)
	return d
}

func (d *Document) newNode(kind xmlquery.NodeType, data, source string) *xmlquery.Node {
	if len(d.nodes) == cap(d.nodes) {
		d.nodes = make([]xmlquery.Node, 0, nodeSlabSize)
	}
	d.nodes = d.nodes[:len(d.nodes)+1]
	n := &d.nodes[len(d.nodes)-1]
	n.Type, n.Data = kind, data
	d.setSource(n, source)
	return n
}

func (d *Document) setSource(n *xmlquery.Node, source string) {
	if n.Type == xmlquery.TextNode && n.Data == source {
		n.LineNumber = plain
		return
	}
	n.LineNumber = len(d.records)
	d.records = append(d.records, record{source: source})
}

// record is that of an element, or of the document itself.
func (d *Document) record(n *xmlquery.Node) *record { return &d.records[n.LineNumber] }

// sourceOf is how a node is written, of an element while its subtree is untouched.
func (d *Document) sourceOf(n *xmlquery.Node) string {
	if n.LineNumber == plain {
		return n.Data
	}
	return d.records[n.LineNumber].source
}

// Root is the document node, the parent of the root element.
func (d *Document) Root() *xmlquery.Node { return d.root }

// Element is the root element.
func (d *Document) Element() *xmlquery.Node {
	for n := range EachElement(d.root) {
		return n
	}
	return nil
}

// Hide makes an element invisible to XPath and to edits; its bytes stay.
func (d *Document) Hide(n *xmlquery.Node) {
	n.Type, n.FirstChild, n.LastChild, n.Attr = xmlquery.CommentNode, nil, nil, nil
}

// Original says whether an element was in the source. An element that replaces another was not.
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
	w := writer{doc: d, buf: make([]byte, 0, len(d.source)+d.grown+256)}
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
	if n.Type != xmlquery.ElementNode || !w.doc.record(n).touched {
		w.buf = append(w.buf, w.doc.sourceOf(n)...)
		return
	}
	r := w.doc.record(n)
	hasContent := n.FirstChild != nil
	w.startTag(n, r, hasContent)
	switch {
	case !r.isEmptyTag():
		w.children(n)
		w.buf = append(w.buf, r.endTag()...)
	case hasContent:
		w.children(n)
		w.buf = append(append(append(w.buf, "</"...), qualified(n.Prefix, n.Data)...), '>')
	}
}

func (w *writer) startTag(n *xmlquery.Node, r *record, hasContent bool) {
	attrs, retagged := w.doc.tags[n]
	if !retagged {
		tag := r.startTag()
		if r.isEmptyTag() && hasContent {
			tag = strings.TrimRight(strings.TrimSuffix(tag, "/>"), " \t\r\n") + ">"
		}
		w.buf = append(w.buf, tag...)
		return
	}
	w.buf = append(append(w.buf, '<'), qualified(n.Prefix, n.Data)...)
	for i := range n.Attr {
		w.attribute(&n.Attr[i], &attrs[i])
	}
	if r.isEmptyTag() && !hasContent {
		w.buf = append(w.buf, '/')
	}
	w.buf = append(w.buf, '>')
}

func (w *writer) attribute(a *xmlquery.Attr, source *attribute) {
	switch {
	case !source.edited:
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

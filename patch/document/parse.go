// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
)

const byteOrderMark = "\ufeff"

// Parse reads a document within the limits of this package. Errors of syntax are of
// type *SyntaxError. The bytes are copied: src may be reused.
func Parse(src []byte) (*Document, error) {
	if len(src) > MaxBytes {
		return nil, fmt.Errorf("the document has %d bytes, over the limit of %d", len(src), MaxBytes)
	}
	return parseText(string(src), MaxNodes)
}

// Restore gives the document as it was when its Bytes were snapshot. What edits have added
// still counts towards MaxGrowth.
func (d *Document) Restore(snapshot []byte) (*Document, error) {
	before, err := parseText(string(snapshot), len(snapshot)) // edits may have taken it over the limits of an input
	if err != nil {
		return nil, err
	}
	before.grown = d.grown
	return before, nil
}

func parseText(text string, maxNodes int) (*Document, error) {
	d := newDocument(text)
	p := &parser{scanner: scanner{src: text}, doc: d, maxNodes: maxNodes}
	if i := firstBadChar(text); i >= 0 {
		return nil, p.errorAt(i, "not UTF-8, or a character that XML cannot hold")
	}
	if err := p.document(); err != nil {
		return nil, err
	}
	d.parsed = len(d.records)
	return d, nil
}

// parser builds the tree of one text into the tables of a document.
type parser struct {
	scanner
	doc      *Document
	open     []*xmlquery.Node // elements not closed yet; the first is the parent of the top level
	bound    []binding        // namespace declarations in scope, innermost last
	marks    []int            // per open element: len(bound) before it
	nodes    int
	maxNodes int
	fragment bool // several elements may stand at the top
}

type binding struct{ prefix, uri string }

// document reads: BOM? declaration? misc* root misc*
func (p *parser) document() error {
	p.open = append(p.open, p.doc.root)
	if p.has(byteOrderMark) {
		p.pos = len(byteOrderMark)
		p.doc.bom = byteOrderMark
	}
	if err := p.declaration(); err != nil {
		return err
	}
	if err := p.content(); err != nil {
		return err
	}
	if p.doc.Element() == nil {
		return p.errorAt(p.pos, "the document has no root element")
	}
	return nil
}

// declaration reads the XML declaration, if there is one.
func (p *parser) declaration() error {
	if !p.has("<?xml") || len(p.src) <= p.pos+5 || !isSpace(p.src[p.pos+5]) {
		return nil
	}
	start := p.pos
	p.pos += len("<?xml")
	body, err := p.until("?>", "XML declaration")
	if err != nil {
		return err
	}
	inner := scanner{src: body}
	want := []string{"version", "encoding", "standalone"}
	for inner.space(); inner.pos < len(body); inner.space() {
		_, name, err := inner.name("pseudo-attribute")
		if err != nil {
			return p.errorAt(start, "malformed XML declaration")
		}
		inner.space()
		if !inner.has("=") {
			return p.errorAt(start, "malformed XML declaration")
		}
		inner.pos++
		inner.space()
		value, _, err := inner.attributeValue()
		i := slices.Index(want, name)
		if err != nil || i < 0 {
			return p.errorAt(start, "malformed XML declaration")
		}
		want = want[i+1:]
		if name == "version" && value != "1.0" {
			return p.errorAt(start, "XML version %q instead of 1.0", value)
		}
		if name == "encoding" && !strings.EqualFold(value, "utf-8") {
			return p.errorAt(start, "encoding %q instead of UTF-8", value)
		}
	}
	if len(want) == 3 {
		return p.errorAt(start, "malformed XML declaration")
	}
	return p.add(xmlquery.CommentNode, "xml", p.src[start:p.pos])
}

// content reads everything up to the end of the text; elements must be closed by then.
func (p *parser) content() error {
	for p.pos < len(p.src) {
		var err error
		switch {
		case p.src[p.pos] != '<' || p.has("<![CDATA["):
			err = p.text()
		case p.has("</"):
			err = p.endTag()
		case p.has("<!--"):
			err = p.comment()
		case p.has("<?"):
			err = p.instruction()
		case p.has("<!"):
			err = p.errorAt(p.pos, "DOCTYPE and other <! declarations are refused")
		default:
			err = p.startTag()
		}
		if err != nil {
			return err
		}
	}
	if len(p.open) > 1 {
		return p.errorAt(p.pos, "the element <%s> is not closed", p.top().Data)
	}
	return nil
}

func (p *parser) top() *xmlquery.Node { return p.open[len(p.open)-1] }

func (p *parser) atDocumentLevel() bool { return p.top().Type == xmlquery.DocumentNode }

// add appends a node without children to the innermost open element.
func (p *parser) add(kind xmlquery.NodeType, data, raw string) error {
	_, err := p.node(kind, data, raw)
	return err
}

func (p *parser) node(kind xmlquery.NodeType, data, raw string) (*xmlquery.Node, error) {
	if p.nodes++; p.nodes > p.maxNodes {
		return nil, p.errorAt(p.pos, "the document has more than %d nodes", p.maxNodes)
	}
	n := p.doc.newNode(kind, data, record{outer: raw})
	appendChild(p.top(), n)
	return n, nil
}

// text reads a run of character data and CDATA sections.
func (p *parser) text() error {
	start := p.pos
	var pieces []string
	for p.pos < len(p.src) {
		piece, err := p.textPiece()
		if err != nil {
			return err
		}
		if piece == nil {
			break
		}
		pieces = append(pieces, *piece)
	}
	data := strings.Join(pieces, "")
	kind := xmlquery.TextNode
	if p.atDocumentLevel() {
		if strings.TrimLeft(p.src[start:p.pos], " \t\r\n") != "" {
			return p.errorAt(start, "text outside the root element")
		}
		kind = xmlquery.CommentNode // blanks beside the root element are no node to XPath
	}
	return p.add(kind, data, p.src[start:p.pos])
}

func (p *parser) textPiece() (*string, error) {
	start := p.pos
	if p.has("<![CDATA[") {
		p.pos += len("<![CDATA[")
		data, err := p.until("]]>", "CDATA section")
		if strings.IndexByte(data, '\r') >= 0 {
			data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
		}
		return &data, err
	}
	end := strings.IndexByte(p.src[p.pos:], '<')
	if end < 0 {
		end = len(p.src) - p.pos
	}
	if end == 0 {
		return nil, nil
	}
	raw := p.src[start : start+end]
	if i := strings.Index(raw, "]]>"); i >= 0 {
		return nil, p.errorAt(start+i, "]]> in text must be ]]&gt;")
	}
	p.pos += end
	if strings.IndexByte(raw, '&') < 0 && strings.IndexByte(raw, '\r') < 0 {
		return &raw, nil
	}
	data, err := p.unescape(raw, start, false)
	return &data, err
}

func (p *parser) comment() error {
	start := p.pos
	p.pos += len("<!--")
	data, err := p.until("--", "comment")
	if err != nil {
		return err
	}
	if !p.has(">") {
		return p.errorAt(p.pos, "-- inside a comment")
	}
	p.pos++
	return p.add(xmlquery.CommentNode, data, p.src[start:p.pos])
}

func (p *parser) instruction() error {
	start := p.pos
	p.pos += len("<?")
	prefix, target, err := p.name("processing instruction")
	if err != nil {
		return err
	}
	if prefix != "" || strings.EqualFold(target, "xml") {
		return p.errorAt(start, "an XML declaration or a reserved processing instruction inside the document")
	}
	if !p.space() && !p.has("?>") {
		return p.errorAt(p.pos, "malformed processing instruction")
	}
	if _, err := p.until("?>", "processing instruction"); err != nil {
		return err
	}
	return p.add(xmlquery.CommentNode, target, p.src[start:p.pos])
}

func (p *parser) endTag() error {
	start := p.pos
	p.pos += len("</")
	prefix, local, err := p.name("end tag")
	if err != nil {
		return err
	}
	p.space()
	if !p.has(">") {
		return p.errorAt(p.pos, "malformed end tag")
	}
	p.pos++
	n := p.top()
	if p.atDocumentLevel() || n.Data != local || n.Prefix != prefix {
		return p.errorAt(start, "the end tag </%s> closes no open element", qualified(prefix, local))
	}
	p.close(n, p.src[start:p.pos])
	return nil
}

// close ends the innermost open element, whose end tag is given.
func (p *parser) close(n *xmlquery.Node, tag string) {
	r := p.doc.record(n)
	r.closeTag = tag
	r.outer = p.src[r.start:p.pos]
	p.open = p.open[:len(p.open)-1]
	p.bound = p.bound[:p.marks[len(p.marks)-1]]
	p.marks = p.marks[:len(p.marks)-1]
}

func (p *parser) startTag() error {
	start := p.pos
	if !p.fragment && p.atDocumentLevel() && p.doc.Element() != nil {
		return p.errorAt(start, "a second root element")
	}
	if len(p.open) > MaxDepth {
		return p.errorAt(start, "elements nest deeper than %d", MaxDepth)
	}
	p.pos++
	prefix, local, err := p.name("element")
	if err != nil {
		return err
	}
	n, err := p.node(xmlquery.ElementNode, local, "")
	if err != nil {
		return err
	}
	n.Prefix = prefix
	p.open = append(p.open, n)
	p.marks = append(p.marks, len(p.bound))
	attrs, err := p.attributes(n)
	if err != nil {
		return err
	}
	empty := p.has("/>")
	p.pos += len(">")
	if empty {
		p.pos++
	}
	r := p.doc.record(n)
	r.start, r.attrs, r.openTag, r.empty = start, attrs, p.src[start:p.pos], empty
	if err := p.resolve(n, start); err != nil {
		return err
	}
	if empty {
		p.close(n, "")
	}
	return nil
}

// attributes reads up to the end of the start tag, which it leaves unread.
func (p *parser) attributes(n *xmlquery.Node) ([]attribute, error) {
	var attrs []attribute
	for {
		start := p.pos
		spaced := p.space()
		if p.has(">") || p.has("/>") {
			return attrs, nil
		}
		if p.pos >= len(p.src) {
			return nil, p.errorAt(start, "the start tag of <%s> is not closed", n.Data)
		}
		if !spaced {
			return nil, p.errorAt(p.pos, "white space or > is missing in the start tag of <%s>", n.Data)
		}
		if len(attrs) == MaxAttributes {
			return nil, p.errorAt(p.pos, "<%s> has more than %d attributes", n.Data, MaxAttributes)
		}
		prefix, local, err := p.name("attribute")
		if err != nil {
			return nil, err
		}
		p.space()
		if !p.has("=") {
			return nil, p.errorAt(p.pos, "the attribute %s has no value", qualified(prefix, local))
		}
		p.pos++
		p.space()
		value, valueAt, err := p.attributeValue()
		if err != nil {
			return nil, err
		}
		n.Attr = append(n.Attr, xmlquery.Attr{Name: xml.Name{Space: prefix, Local: local}, Value: value})
		attrs = append(attrs, attribute{raw: p.src[start:p.pos], value: valueAt - start})
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
)

const (
	byteOrderMark = "\ufeff"
	cdataStart    = "<![CDATA["
)

// Parse reads a document within the limits of this package. Errors of syntax are of
// type *SyntaxError. The bytes are copied: src may be reused.
func Parse(src []byte) (*Document, error) {
	if len(src) > MaxBytes {
		return nil, fmt.Errorf("the document has %d bytes, over the limit of %d", len(src), MaxBytes)
	}
	return parseText(string(src), MaxNodes)
}

func parseText(text string, maxNodes int) (*Document, error) {
	d := newDocument(text)
	p := newParser(d, text, maxNodes)
	if err := p.checkChars(); err != nil {
		return nil, err
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
	top      *xmlquery.Node  // the innermost open element, or what holds the top level
	open     []openElement   // elements not closed yet, outermost first
	bound    []binding       // namespace declarations in scope, innermost last
	attrs    []xmlquery.Attr // the slab that the attributes of elements are parts of
	nodes    int
	maxNodes int
	fragment bool // several elements may stand at the top
}

// openElement is what the end of an element needs to know of its start.
type openElement struct {
	start int // offset of the start tag
	bound int // len(parser.bound) before it
}

type binding struct{ prefix, uri string }

func newParser(d *Document, text string, maxNodes int) *parser {
	p := &parser{scanner: scanner{src: text}, doc: d, top: d.root, maxNodes: maxNodes}
	p.open = make([]openElement, 0, 8)
	p.attrs = make([]xmlquery.Attr, 0, min(strings.Count(text, "="), 8*attrSlabSize))
	return p
}

func (p *parser) checkChars() error {
	if i := firstBadChar(p.src); i >= 0 {
		return p.errorAt(i, "not UTF-8, or a character that XML cannot hold")
	}
	return nil
}

// document reads: BOM? declaration? misc* root misc*
func (p *parser) document() error {
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
			return p.errorAt(start, "XML version %.40q instead of 1.0", value)
		}
		if name == "encoding" && !strings.EqualFold(value, "utf-8") {
			return p.errorAt(start, "encoding %.40q instead of UTF-8", value)
		}
	}
	if len(want) == 3 {
		return p.errorAt(start, "malformed XML declaration")
	}
	_, err = p.add(xmlquery.CommentNode, "xml", p.src[start:p.pos])
	return err
}

// content reads everything up to the end of the text; elements must be closed by then.
func (p *parser) content() error {
	for p.pos < len(p.src) {
		if err := p.next(); err != nil {
			return err
		}
	}
	if !p.atTopLevel() {
		return p.errorAt(p.pos, "the element %.40q is not closed", p.top.Data)
	}
	return nil
}

// next reads one node, or the end of an element.
func (p *parser) next() error {
	if p.src[p.pos] != '<' {
		return p.text()
	}
	switch p.peek(1) {
	case '/':
		return p.endTag()
	case '?':
		return p.instruction()
	case '!':
		switch {
		case p.has("<!--"):
			return p.comment()
		case p.has(cdataStart):
			return p.text()
		}
		return p.errorAt(p.pos, "DOCTYPE and other <! declarations are refused")
	}
	return p.startTag()
}

// atTopLevel says whether no element is open.
func (p *parser) atTopLevel() bool { return len(p.open) == 0 }

// add appends a node to the innermost open element.
func (p *parser) add(kind xmlquery.NodeType, data, source string) (*xmlquery.Node, error) {
	if p.nodes++; p.nodes > p.maxNodes {
		return nil, p.errorAt(p.pos, "the document has more than %d nodes", p.maxNodes)
	}
	n := p.doc.newNode(kind, data, source)
	appendChild(p.top, n)
	return n, nil
}

// text reads a run of character data and CDATA sections.
func (p *parser) text() error {
	start := p.pos
	data, err := p.textPiece()
	if err == nil && p.atText() {
		data, err = p.moreText(data)
	}
	if err != nil {
		return err
	}
	kind := xmlquery.TextNode
	if p.atTopLevel() {
		if strings.Trim(p.src[start:p.pos], blanks) != "" {
			return p.errorAt(start, "text outside the root element")
		}
		kind = xmlquery.CommentNode // blanks beside the root element are no node to XPath
	}
	_, err = p.add(kind, data, p.src[start:p.pos])
	return err
}

// moreText reads the rest of a run behind its first piece.
func (p *parser) moreText(first string) (string, error) {
	all := []byte(first)
	for p.atText() {
		piece, err := p.textPiece()
		if err != nil {
			return "", err
		}
		all = append(all, piece...)
	}
	return string(all), nil
}

func (p *parser) atText() bool {
	return p.pos < len(p.src) && (p.src[p.pos] != '<' || p.has(cdataStart))
}

func (p *parser) textPiece() (string, error) {
	if p.src[p.pos] != '<' {
		return p.characterData()
	}
	p.pos += len(cdataStart)
	data, err := p.until("]]>", "CDATA section")
	if strings.IndexByte(data, '\r') >= 0 {
		data = strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
	}
	return data, err
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
	_, err = p.add(xmlquery.CommentNode, data, p.src[start:p.pos])
	return err
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
	_, err = p.add(xmlquery.CommentNode, target, p.src[start:p.pos])
	return err
}

func (p *parser) endTag() error {
	start := p.pos
	p.pos += len("</")
	prefix, local, err := p.name("end tag")
	if err != nil {
		return err
	}
	p.space()
	if p.peek(0) != '>' {
		return p.errorAt(p.pos, "malformed end tag")
	}
	p.pos++
	if p.atTopLevel() || p.top.Data != local || p.top.Prefix != prefix {
		return p.errorAt(start, "the end tag of %.40q closes no open element", qualified(prefix, local))
	}
	p.close(start)
	return nil
}

// close ends the innermost open element, whose end tag starts at the given offset.
func (p *parser) close(endTag int) {
	last := len(p.open) - 1
	o := p.open[last]
	p.open, p.bound = p.open[:last], p.bound[:o.bound]
	r := p.doc.record(p.top)
	r.source, r.end = p.src[o.start:p.pos], int32(endTag-o.start)
	p.top = p.top.Parent
}

func (p *parser) startTag() error {
	start := p.pos
	if !p.fragment && p.atTopLevel() && p.doc.Element() != nil {
		return p.errorAt(start, "a second root element")
	}
	if len(p.open) == MaxDepth {
		return p.errorAt(start, "elements nest deeper than %d", MaxDepth)
	}
	p.pos++
	prefix, local, err := p.name("element")
	if err != nil {
		return err
	}
	n, err := p.add(xmlquery.ElementNode, local, "")
	if err != nil {
		return err
	}
	n.Prefix = prefix
	p.open = append(p.open, openElement{start: start, bound: len(p.bound)})
	p.top = n
	if err := p.attributes(n); err != nil {
		return err
	}
	empty := p.src[p.pos] == '/'
	p.pos += len(">")
	if empty {
		p.pos++
	}
	p.doc.record(n).inner = int32(p.pos - start)
	if err := p.resolve(n, start); err != nil {
		return err
	}
	if empty {
		p.close(p.pos)
	}
	return nil
}

// attributes reads up to the end of the start tag, > or />, which it leaves unread.
func (p *parser) attributes(n *xmlquery.Node) error {
	first := len(p.attrs)
	for count := 0; ; count++ {
		start := p.pos
		spaced := p.space()
		switch c := p.peek(0); {
		case c == '>', c == '/' && p.peek(1) == '>':
			if count > 0 {
				n.Attr = slices.Clip(p.attrs[first:])
			}
			return nil
		case p.pos == len(p.src):
			return p.errorAt(start, "the start tag of %.40q is not closed", n.Data)
		case !spaced:
			return p.errorAt(p.pos, "white space or > is missing in the start tag of %.40q", n.Data)
		case count == MaxAttributes:
			return p.errorAt(p.pos, "the element %.40q has more than %d attributes", n.Data, MaxAttributes)
		}
		if len(p.attrs) == cap(p.attrs) {
			begun := p.attrs[first:] // those of one element must stand side by side
			p.attrs, first = append(make([]xmlquery.Attr, 0, len(begun)+attrSlabSize), begun...), 0
		}
		p.attrs = p.attrs[:len(p.attrs)+1]
		if _, err := p.attribute(&p.attrs[len(p.attrs)-1]); err != nil {
			return err
		}
	}
}

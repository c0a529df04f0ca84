// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Path is a compiled path. It is immutable and safe for concurrent use.
type Path struct {
	source       string
	tokens       []token
	steps        []Step  // of a path without |
	alternatives []*Path // of a union
}

// Node is a selected element, text or attribute.
type Node struct {
	// Node is the element or text, or the element that has the attribute.
	Node *xmlquery.Node
	// Attr is the index of the attribute in Node.Attr, or -1.
	Attr int
}

// IsAttribute says whether an attribute is selected.
func (n Node) IsAttribute() bool { return n.Attr >= 0 }

// Text is the node's string value.
func (n Node) Text() string {
	if n.IsAttribute() {
		return n.Node.Attr[n.Attr].Value
	}
	return document.Text(n.Node)
}

// Compile reads a path. Its errors name the byte and the construct.
func Compile(path string) (*Path, error) {
	tokens, err := scan(path)
	if err != nil {
		return nil, err
	}
	return compile(path, tokens)
}

// scan checks the length of a path and cuts it into tokens.
func scan(path string) ([]token, error) {
	if len(path) > MaxPathBytes {
		return nil, fmt.Errorf("the path has %d bytes, over the limit of %d", len(path), MaxPathBytes)
	}
	return tokenize(path)
}

func compile(source string, tokens []token) (*Path, error) {
	p := &parser{tokens: tokens}
	union, err := p.union()
	if err != nil {
		return nil, err
	}
	return newPath(source, tokens, union), nil
}

func newPath(source string, tokens []token, union []*location) *Path {
	path := &Path{source: source, tokens: tokens}
	if len(union) == 1 {
		path.steps = union[0].steps
		return path
	}
	for _, l := range union {
		path.alternatives = append(path.alternatives, &Path{source: source, steps: l.steps})
	}
	return path
}

// String is the path as it was written.
func (p *Path) String() string { return p.source }

// Alternatives are the paths that | joins; the path itself alone where there is no |.
func (p *Path) Alternatives() []*Path {
	if len(p.alternatives) == 0 {
		return []*Path{p}
	}
	return p.alternatives
}

// Steps are the steps of a path without |. They must not be changed.
func (p *Path) Steps() []Step { return p.steps }

// Prefix is the first n steps of a path without |; nil for none.
func (p *Path) Prefix(n int) *Path {
	if n == 0 {
		return nil
	}
	return &Path{source: p.source, steps: p.steps[:n]}
}

// Literals are the quoted strings of the path, without their quotes.
func (p *Path) Literals() []string { return literals(p.tokens) }

// WithLiterals is the path with what replace makes of each of its quoted strings. A string
// stays a string, whatever it holds: it can never become syntax.
func (p *Path) WithLiterals(replace func(string) (string, error)) (*Path, error) {
	tokens, err := replaceLiterals(p.tokens, replace)
	if err != nil {
		return nil, err
	}
	return compile(p.source, tokens)
}

func literals(tokens []token) []string {
	var all []string
	for _, t := range tokens {
		if t.kind == literalToken {
			all = append(all, t.text)
		}
	}
	return all
}

func replaceLiterals(tokens []token, replace func(string) (string, error)) ([]token, error) {
	out := make([]token, len(tokens))
	for i, t := range tokens {
		if t.kind == literalToken {
			var err error
			if t.text, err = replace(t.text); err != nil {
				return nil, err
			}
		}
		out[i] = t
	}
	return out, nil
}

// Select evaluates the path on a document: in document order, without duplicates.
func (p *Path) Select(d *document.Document, b *Budget) ([]Node, error) {
	e := newEvaluation(d, b)
	for _, alternative := range p.Alternatives() {
		e.selectAll(alternative.steps)
	}
	if len(p.alternatives) > 0 {
		e.order(0)
	}
	e.atMost(MaxMatches, 0)
	if e.err != nil {
		return nil, e.err
	}
	return e.stack, nil
}

// SelectFrom evaluates one step from one node of a document. MaxMatches does not apply.
func (s *Step) SelectFrom(d *document.Document, n Node, b *Budget) ([]Node, error) {
	e := newEvaluation(d, b)
	e.stack = append(e.stack, n)
	e.step(s, 0, unlimited)
	if e.err != nil {
		return nil, e.err
	}
	return e.stack, nil
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"slices"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Path is a compiled path. It is immutable and safe for concurrent use.
type Path struct {
	source string
	steps  []Step
	expr   *xpath.Expr
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
	if len(path) > MaxPathBytes {
		return nil, fmt.Errorf("the path has %d bytes, over the limit of %d", len(path), MaxPathBytes)
	}
	tokens, err := tokenize(path)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	steps, err := p.path()
	if err != nil {
		return nil, err
	}
	return compileSteps(path, steps)
}

func compileSteps(path string, steps []Step) (_ *Path, err error) {
	defer guard(&err)
	canonical := ""
	for i := range steps {
		canonical += "/"
		if steps[i].Descendant {
			canonical += "/"
		}
		canonical += steps[i].source
	}
	expr, err := xpath.CompileWithNS(canonical, namespaces)
	if err != nil {
		return nil, fmt.Errorf("cannot compile the path: %w", err)
	}
	return &Path{source: path, steps: steps, expr: expr}, nil
}

// String is the path as it was written.
func (p *Path) String() string { return p.source }

// Steps are the steps of the path. They must not be changed.
func (p *Path) Steps() []Step { return p.steps }

// Prefix is the path of the first n steps; nil for none.
func (p *Path) Prefix(n int) (*Path, error) {
	if n == 0 {
		return nil, nil
	}
	return compileSteps(p.source, p.steps[:n])
}

// Select evaluates the path on a document: in document order, without duplicates.
func (p *Path) Select(d *document.Document, b *Budget) (nodes []Node, err error) {
	defer guard(&err)
	seen := map[Node]bool{}
	for it := p.expr.Select(newNavigator(d.Root(), b)); it.MoveNext(); {
		at := it.Current().(*navigator)
		n := Node{Node: at.node, Attr: at.attr}
		if seen[n] {
			continue
		}
		if len(nodes) == MaxMatches {
			return nil, ErrMatches
		}
		seen[n] = true
		nodes = append(nodes, n)
	}
	return inDocumentOrder(d, nodes), nil
}

// inDocumentOrder sorts nodes. Most results are in order or a single node already.
func inDocumentOrder(d *document.Document, nodes []Node) []Node {
	if len(nodes) < 2 {
		return nodes
	}
	rank := make(map[*xmlquery.Node]int, len(nodes))
	for _, n := range nodes {
		rank[n.Node] = 0
	}
	next := 1
	number(d.Root(), rank, &next)
	slices.SortStableFunc(nodes, func(a, b Node) int {
		if order := rank[a.Node] - rank[b.Node]; order != 0 {
			return order
		}
		return a.Attr - b.Attr
	})
	return nodes
}

func number(n *xmlquery.Node, rank map[*xmlquery.Node]int, next *int) {
	if _, wanted := rank[n]; wanted {
		rank[n] = *next
		*next++
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		number(c, rank, next)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"errors"
	"fmt"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"

	"github.com/domainpatch/domainpatch/patch/document"
)

// ErrBudget says that an evaluation took more steps than it may.
var ErrBudget = fmt.Errorf("the path takes more than %d evaluation steps", MaxSteps)

// ErrMatches says that a path selected more nodes than it may.
var ErrMatches = fmt.Errorf("the path selects more than %d nodes", MaxMatches)

// Budget counts evaluation steps. The zero value allows MaxSteps.
type Budget struct{ used int }

func (b *Budget) spend() {
	if b.used++; b.used > MaxSteps {
		panic(errBudget{})
	}
}

// errBudget travels through the library as a panic: its interfaces know no errors.
type errBudget struct{}

// navigator walks a tree for antchfx/xpath. Namespace declarations are no attributes
// to it, comments are never selected.
type navigator struct {
	node   *xmlquery.Node
	attr   int // index in node.Attr, or -1 on the node itself
	budget *Budget
}

var _ xpath.NodeNavigator = (*navigator)(nil)

func newNavigator(n *xmlquery.Node, b *Budget) *navigator {
	return &navigator{node: n, attr: -1, budget: b}
}

func (n *navigator) NodeType() xpath.NodeType {
	if n.attr >= 0 {
		return xpath.AttributeNode
	}
	switch n.node.Type {
	case xmlquery.DocumentNode:
		return xpath.RootNode
	case xmlquery.ElementNode:
		return xpath.ElementNode
	case xmlquery.TextNode:
		return xpath.TextNode
	}
	return xpath.CommentNode
}

func (n *navigator) LocalName() string {
	if n.attr >= 0 {
		return n.node.Attr[n.attr].Name.Local
	}
	return n.node.Data
}

// Prefix tells the library, which compares prefixes where a path has none, whether a
// name is in a namespace: one in a default namespace must not match a plain name.
func (n *navigator) Prefix() string {
	if n.NamespaceURL() != "" {
		return "in a namespace"
	}
	return ""
}

// NamespaceURL is looked for by the library beside the methods of its interface.
func (n *navigator) NamespaceURL() string {
	if n.attr >= 0 {
		return n.node.Attr[n.attr].NamespaceURI
	}
	return n.node.NamespaceURI
}

func (n *navigator) Value() string {
	n.budget.spend()
	if n.attr >= 0 {
		return n.node.Attr[n.attr].Value
	}
	n.charge(n.node)
	return document.Text(n.node)
}

// charge spends a step for every node that a string value is gathered from.
func (n *navigator) charge(of *xmlquery.Node) {
	for c := of.FirstChild; c != nil; c = c.NextSibling {
		n.budget.spend()
		n.charge(c)
	}
}

func (n *navigator) Copy() xpath.NodeNavigator {
	c := *n
	return &c
}

func (n *navigator) MoveToRoot() {
	n.attr = -1
	for n.node.Parent != nil {
		n.node = n.node.Parent
	}
}

func (n *navigator) MoveToParent() bool {
	n.budget.spend()
	if n.attr >= 0 {
		n.attr = -1
		return true
	}
	return n.to(n.node.Parent)
}

func (n *navigator) MoveToNextAttribute() bool {
	n.budget.spend()
	if n.node.Type != xmlquery.ElementNode {
		return false
	}
	for i := n.attr + 1; i < len(n.node.Attr); i++ {
		if !document.IsDeclaration(&n.node.Attr[i]) {
			n.attr = i
			return true
		}
	}
	return false
}

func (n *navigator) MoveToChild() bool {
	n.budget.spend()
	return n.attr < 0 && n.to(n.node.FirstChild)
}

func (n *navigator) MoveToFirst() bool {
	if n.attr >= 0 || n.node.PrevSibling == nil {
		return false
	}
	for n.node.PrevSibling != nil {
		n.budget.spend()
		n.node = n.node.PrevSibling
	}
	return true
}

func (n *navigator) MoveToNext() bool {
	n.budget.spend()
	return n.attr < 0 && n.to(n.node.NextSibling)
}

func (n *navigator) MoveToPrevious() bool {
	n.budget.spend()
	return n.attr < 0 && n.to(n.node.PrevSibling)
}

func (n *navigator) to(node *xmlquery.Node) bool {
	if node == nil {
		return false
	}
	n.node = node
	return true
}

func (n *navigator) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*navigator)
	if !ok {
		return false
	}
	n.node, n.attr = o.node, o.attr
	return true
}

// guard turns the library's panics, and the end of a budget, into errors. It is the
// one place that recovers.
func guard(err *error) {
	switch r := recover().(type) {
	case nil:
	case errBudget:
		*err = ErrBudget
	default:
		*err = errors.Join(errPanic, fmt.Errorf("%v", r))
	}
}

var errPanic = errors.New("the path cannot be evaluated")

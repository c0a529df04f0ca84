// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"math"
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// evaluation is one evaluation on one document. Node-sets lie on a stack: whoever evaluates
// a path notes its height, finds the nodes above that, in document order and without
// duplicates, and takes them off. The first error sticks; from then on nothing is evaluated.
type evaluation struct {
	root   *xmlquery.Node
	budget *Budget
	err    error
	stack  []Node
	text   []byte // where string values of several texts are put together
}

func newEvaluation(d *document.Document, b *Budget) *evaluation {
	return &evaluation{root: d.Root(), budget: b, stack: make([]Node, 0, 32)}
}

// focus is what an expression is evaluated for: what XPath 1.0 calls the context.
type focus struct {
	node           Node
	position, size int // of the node among the candidates of its step
}

// spend takes steps from the budget and says whether the evaluation goes on.
func (e *evaluation) spend(steps int) bool {
	if e.err == nil {
		e.err = e.budget.spend(steps)
	}
	return e.err == nil
}

// unlimited is the limit of node-sets that are not a result.
const unlimited = math.MaxInt

// selectAll puts what an absolute path selects onto the stack, and stops soon after
// MaxMatches nodes.
func (e *evaluation) selectAll(steps []Step) {
	base := len(e.stack)
	e.stack = append(e.stack, Node{Node: e.root, Attr: -1})
	for i := range steps {
		limit := unlimited
		if i == len(steps)-1 {
			limit = MaxMatches
		}
		e.step(&steps[i], base, limit)
	}
}

// evaluate puts the nodes of a path onto the stack, above the height that it returns.
func (e *evaluation) evaluate(l *location, c focus) (base int) {
	base = len(e.stack)
	if l.absolute {
		c.node = Node{Node: e.root, Attr: -1}
	}
	e.stack = append(e.stack, c.node)
	for i := range l.steps {
		e.step(&l.steps[i], base, unlimited)
	}
	return base
}

// step replaces the nodes above base by what the step selects from them. It stops with
// ErrMatches where more than limit nodes are certain.
func (e *evaluation) step(s *Step, base, limit int) {
	from := len(e.stack)
	several := from-base > 1
	unordered := false // or with duplicates
	switch s.Kind {
	case Child:
		unordered = s.Descendant && s.positional || !s.Descendant && several && e.nested(base, from)
	case Parent, FollowingSibling, PrecedingSibling:
		unordered = several
		limit = unlimited // duplicates do not count
	}
	var top *xmlquery.Node // of the last tree that // went through
	for i := base; i < from && e.err == nil; i++ {
		c := e.stack[i]
		switch {
		case !s.Descendant:
			e.look(s, c)
		case !inside(c.Node, top):
			top = c.Node
			e.descend(s, c, from, limit)
		}
		e.atMost(limit, from)
	}
	found := copy(e.stack[base:], e.stack[from:])
	e.stack = e.stack[:base+found]
	if unordered {
		e.order(base)
	}
}

// atMost ends the evaluation where there are more than limit nodes from a height on.
func (e *evaluation) atMost(limit, from int) {
	if e.err == nil && len(e.stack)-from > limit {
		e.err = ErrMatches
	}
}

// nested says whether of the nodes in a part of the stack one holds another.
func (e *evaluation) nested(from, to int) bool {
	var top *xmlquery.Node
	for i := from; i < to; i++ {
		if inside(e.stack[i].Node, top) {
			return true
		}
		top = e.stack[i].Node
	}
	return false
}

// inside says whether a node is top or below it.
func inside(n, top *xmlquery.Node) bool {
	if top == nil {
		return false
	}
	for ; n != nil; n = n.Parent {
		if n == top {
			return true
		}
	}
	return false
}

// descend does a step behind // from everything in the tree of c.
func (e *evaluation) descend(s *Step, c Node, from, limit int) {
	if c.IsAttribute() {
		return
	}
	for n := c.Node; n != nil && e.spend(1); n = following(n, c.Node) {
		switch {
		case s.Kind == Attribute || s.positional:
			e.look(s, Node{Node: n, Attr: -1})
		case n != c.Node && s.takes(n):
			e.stack = append(e.stack, Node{Node: n, Attr: -1})
			e.filter(s, len(e.stack)-1)
		}
		e.atMost(limit, from)
	}
}

// following is the next node of the tree of top in document order; nil behind the last.
func following(n, top *xmlquery.Node) *xmlquery.Node {
	if n.FirstChild != nil {
		return n.FirstChild
	}
	for n != top && n.NextSibling == nil {
		n = n.Parent
	}
	if n == top {
		return nil
	}
	return n.NextSibling
}

// look puts what the step selects from one node onto the stack, in document order.
func (e *evaluation) look(s *Step, c Node) {
	if !e.spend(1) {
		return
	}
	at := len(e.stack)
	n := c.Node
	switch {
	case s.Kind == Self:
		if s.takesNode(c) {
			e.stack = append(e.stack, c)
		}
	case s.Kind == Parent && c.IsAttribute():
		e.lookAt(s, n)
	case s.Kind == Parent && n.Parent != nil:
		e.lookAt(s, n.Parent)
	case s.Kind == Parent || c.IsAttribute(): // nothing is below or beside an attribute
	case s.Kind == Attribute:
		e.attributes(s, n)
	case s.Kind == Child:
		for n = n.FirstChild; n != nil && e.spend(1); n = n.NextSibling {
			e.lookAt(s, n)
		}
	case s.Kind == FollowingSibling:
		for n = n.NextSibling; n != nil && e.spend(1); n = n.NextSibling {
			e.lookAt(s, n)
		}
	case s.Kind == PrecedingSibling: // positions count from the node, and so backwards
		for n = n.PrevSibling; n != nil && e.spend(1); n = n.PrevSibling {
			e.lookAt(s, n)
		}
	}
	e.filter(s, at)
	if s.Kind == PrecedingSibling {
		slices.Reverse(e.stack[at:])
	}
}

func (e *evaluation) lookAt(s *Step, n *xmlquery.Node) {
	if s.takes(n) {
		e.stack = append(e.stack, Node{Node: n, Attr: -1})
	}
}

func (e *evaluation) attributes(s *Step, n *xmlquery.Node) {
	for i := range n.Attr {
		if !e.spend(1) {
			return
		}
		if a := &n.Attr[i]; s.takesName(a.Name.Local, a.NamespaceURI) && !document.IsDeclaration(a) {
			e.stack = append(e.stack, Node{Node: n, Attr: i})
		}
	}
}

// takes says whether the step takes a node that is no attribute.
func (s *Step) takes(n *xmlquery.Node) bool {
	switch s.test {
	case nodeTest:
		return true
	case textTest:
		return n.Type == xmlquery.TextNode
	}
	return n.Type == xmlquery.ElementNode && s.takesName(n.Data, n.NamespaceURI)
}

// takesNode is takes for the node itself, which may be an attribute: it has no name on this axis.
func (s *Step) takesNode(n Node) bool { return !n.IsAttribute() && s.takes(n.Node) }

func (s *Step) takesName(local, namespace string) bool {
	switch s.test {
	case anyTest:
		return true
	case prefixTest:
		return namespace == s.namespace
	}
	return local == s.Local && namespace == s.namespace
}

// filter leaves of the candidates from a height on those that satisfy every predicate.
func (e *evaluation) filter(s *Step, from int) {
	for _, x := range s.predicates {
		size := len(e.stack) - from
		kept := from
		for i := range size {
			if !e.spend(1) {
				return
			}
			c := focus{node: e.stack[from+i], position: i + 1, size: size}
			if e.satisfies(x, c) {
				e.stack[kept] = c.node
				kept++
			}
		}
		e.stack = e.stack[:kept]
	}
}

// satisfies evaluates a predicate: a number is compared with the position.
func (e *evaluation) satisfies(x *expr, c focus) bool {
	if x.value() == number {
		return e.number(x, c) == float64(c.position)
	}
	return e.holds(x, c)
}

// order brings the nodes from a height on into document order, and each to stand once.
func (e *evaluation) order(from int) {
	nodes := e.stack[from:]
	if len(nodes) < 2 {
		return
	}
	rank := make(map[*xmlquery.Node]int, len(nodes))
	for _, n := range nodes {
		rank[n.Node] = 0
	}
	next := 0
	for n := e.root; n != nil && e.spend(1); n = following(n, e.root) {
		if _, wanted := rank[n]; wanted {
			rank[n] = next
			next++
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		if a.Node != b.Node {
			return rank[a.Node] - rank[b.Node]
		}
		return a.Attr - b.Attr // an element stands before its attributes: its Attr is -1
	})
	e.stack = e.stack[:from+len(slices.Compact(nodes))]
}

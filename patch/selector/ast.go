// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"github.com/domainpatch/domainpatch/patch/document"
)

// namespaces are the prefixes that a path may use.
var namespaces = map[string]string{
	"qemu":     document.QEMUNamespace,
	"kubevirt": document.KubeVirtNamespace,
}

// Kind is the axis of a step: where it looks.
type Kind int

// Axes.
const (
	Child Kind = iota
	Attribute
	Parent
	Self
	FollowingSibling
	PrecedingSibling
)

// axes are the kinds by the names that a path may give them.
var axes = map[string]Kind{
	"child":             Child,
	"attribute":         Attribute,
	"parent":            Parent,
	"self":              Self,
	"following-sibling": FollowingSibling,
	"preceding-sibling": PrecedingSibling,
}

// test is what of an axis a step takes.
type test int

const (
	nameTest   test = iota // elements, or attributes, of the step's name
	prefixTest             // prefix:*
	anyTest                // *
	textTest               // text()
	nodeTest               // anything, for ..
)

// Step is one step of a path.
type Step struct {
	Kind       Kind
	Descendant bool   // the step follows //
	Prefix     string // of the name test
	Local      string // of the name test; "*" for any; "" for .. and text()
	Equal      []Pair // the predicates, where they are nothing but [@a='v'] and [child='v'] joined by and
	test       test
	namespace  string
	predicates []*expr
	positional bool // a predicate asks for the position, so that it matters from where the step looks
	plain      bool // Equal says all that the predicates say
}

// Pair is one condition of a constructible step: @Name='Value' or Name='Value'.
type Pair struct {
	Attribute   bool
	Prefix      string
	Name, Value string
}

// Namespace is the namespace of the step's name test.
func (s *Step) Namespace() string { return s.namespace }

// Namespace is the namespace of the pair's name.
func (p *Pair) Namespace() string { return namespaces[p.Prefix] }

// Named says whether the step selects nodes of one name alone, whatever its predicates are.
func (s *Step) Named() bool { return s.test == nameTest }

// Text says whether the step selects texts.
func (s *Step) Text() bool { return s.test == textTest }

// Constructible says whether the step names exactly what it selects, so that set can
// create it: a plain element name with equality predicates alone, or an attribute's name.
func (s *Step) Constructible() bool {
	if s.Descendant || !s.Named() || !s.plain {
		return false
	}
	if s.Kind == Attribute {
		return s.Prefix == "" && len(s.predicates) == 0
	}
	return s.Kind == Child && s.Prefix != "kubevirt"
}

// location is a path inside an expression.
type location struct {
	absolute bool
	steps    []Step
}

// expr is a node of an expression. Its kind of value is known when it is compiled.
type expr struct {
	op          op
	left, right *expr // operands and arguments; nil where there are none
	path        *location
	text        string
	number      float64
}

// op is what an expression does.
type op int

const (
	pathOp op = iota // a node-set

	literalOp // strings from here
	nameOp
	localNameOp
	normalizeSpaceOp

	numberOp // numbers from here
	countOp
	lastOp
	positionOp
	stringLengthOp
	addOp
	subtractOp
	negateOp

	trueOp // booleans from here
	falseOp
	notOp
	andOp
	orOp
	containsOp
	startsWithOp
	equalOp
	notEqualOp
	lessOp
	lessOrEqualOp
	greaterOp
	greaterOrEqualOp
)

// value is the kind of value that an expression has.
type value int

const (
	nodeSet value = iota
	text
	number
	boolean
)

func (x *expr) value() value {
	switch {
	case x.op == pathOp:
		return nodeSet
	case x.op < numberOp:
		return text
	case x.op < trueOp:
		return number
	}
	return boolean
}

// comparisons are the operators that compare, by their symbols.
var comparisons = map[string]op{
	"=": equalOp, "!=": notEqualOp, "<": lessOp, "<=": lessOrEqualOp, ">": greaterOp, ">=": greaterOrEqualOp,
}

// mirrored is the comparison that holds with its operands exchanged.
func mirrored(o op) op {
	switch o {
	case lessOp:
		return greaterOp
	case lessOrEqualOp:
		return greaterOrEqualOp
	case greaterOp:
		return lessOp
	case greaterOrEqualOp:
		return lessOrEqualOp
	}
	return o
}

// pairs gives the conditions of a predicate that is nothing but equalities of a child or an
// attribute with a string, joined by and.
func (x *expr) pairs() (pairs []Pair, plain bool) {
	switch x.op {
	case andOp:
		left, leftPlain := x.left.pairs()
		right, rightPlain := x.right.pairs()
		return append(left, right...), leftPlain && rightPlain
	case equalOp:
		if x.left.op != pathOp || x.right.op != literalOp || x.left.path.absolute || len(x.left.path.steps) != 1 {
			return nil, false
		}
		s := &x.left.path.steps[0]
		if !s.Constructible() || len(s.predicates) > 0 {
			return nil, false
		}
		return []Pair{{Attribute: s.Kind == Attribute, Prefix: s.Prefix, Name: s.Local, Value: x.right.text}}, true
	}
	return nil, false
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"
	"strconv"
)

// signature is what a function takes and is.
type signature struct {
	op       op
	takes    []value // kinds of arguments; where text is wanted, a node-set will do
	optional bool    // without arguments it is about the context node
}

// functions are the functions of the dialect, but for the names of nodes.
var functions = map[string]signature{
	"true":            {op: trueOp},
	"false":           {op: falseOp},
	"not":             {op: notOp, takes: []value{boolean}},
	"contains":        {op: containsOp, takes: []value{text, text}},
	"starts-with":     {op: startsWithOp, takes: []value{text, text}},
	"count":           {op: countOp, takes: []value{nodeSet}},
	"last":            {op: lastOp},
	"position":        {op: positionOp},
	"string-length":   {op: stringLengthOp, takes: []value{text}, optional: true},
	"normalize-space": {op: normalizeSpaceOp, takes: []value{text}, optional: true},
	"name":            {op: nameOp, takes: []value{nodeSet}, optional: true},
	"local-name":      {op: localNameOp, takes: []value{nodeSet}, optional: true},
}

// nodeTypes look like functions and are steps.
var nodeTypes = []string{"text", "node", "comment", "processing-instruction"}

func (p *parser) or() (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.join("or", orOp, func() (*expr, error) { return p.join("and", andOp, p.compare) })
}

// join reads conditions joined by a word, or a single operand of any kind.
func (p *parser) join(word string, o op, operand func() (*expr, error)) (*expr, error) {
	start := p.peek()
	x, err := operand()
	for err == nil && p.peek().kind == nameToken && p.peek().text == word {
		if err = p.condition(start, x); err != nil {
			break
		}
		p.next()
		start = p.peek()
		var right *expr
		if right, err = operand(); err == nil {
			err = p.condition(start, right)
		}
		x = &expr{op: o, left: x, right: right}
	}
	return x, err
}

// condition refuses what XPath takes for true or false and hardly anyone means so.
func (p *parser) condition(t token, x *expr) error {
	switch {
	case x.value() == number:
		return p.refuse(t, "a number is no condition: compare it")
	case x.op == literalOp:
		return p.refuse(t, "a quoted string is no condition: compare it")
	case x.op == pathOp && !x.path.absolute && len(x.path.steps) == 0:
		return p.refuse(t, "a comparison is expected behind . , which always exists")
	}
	return nil
}

func (p *parser) compare() (*expr, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	operator := p.peek()
	o, compares := comparisons[operator.text]
	if operator.kind != symbolToken || !compares {
		return left, p.noOperator()
	}
	p.next()
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	switch {
	case left.value() == boolean || right.value() == boolean:
		return nil, p.refuse(operator, "a condition cannot be compared: join conditions by and, or, not()")
	case left.value() == nodeSet && right.value() == nodeSet:
		return nil, p.refuse(operator, "two paths cannot be compared: compare with a quoted string or a number")
	case right.value() == nodeSet:
		left, right, o = right, left, mirrored(o)
	}
	if t := p.peek(); t.kind == symbolToken && comparisons[t.text] != 0 {
		return nil, p.refuse(t, "comparisons cannot be chained: join them by and")
	}
	return &expr{op: o, left: left, right: right}, p.noOperator()
}

// noOperator refuses the operators of XPath that the dialect leaves out.
func (p *parser) noOperator() error {
	switch t := p.peek(); {
	case t.is("|"):
		if p.inside > 0 || p.depth > 1 {
			return p.refuse(t, "a union (|) can stand at the top alone: join conditions by or")
		}
	case t.is("*"), t.kind == nameToken && slices.Contains([]string{"div", "mod"}, t.text):
		return p.refuse(t, "the operator %s is not supported", t.text)
	}
	return nil
}

func (p *parser) sum() (*expr, error) {
	start := p.peek()
	x, err := p.operand()
	for err == nil && p.peek().is("+", "-") {
		operator := p.next()
		o := addOp
		if operator.text == "-" {
			o = subtractOp
		}
		var right *expr
		if right, err = p.operand(); err != nil {
			break
		}
		if x.value() != number || right.value() != number {
			return nil, p.refuse(start, "%s takes numbers alone", operator.text)
		}
		x = &expr{op: o, left: x, right: right}
	}
	return x, err
}

func (p *parser) operand() (*expr, error) {
	t := p.peek()
	switch {
	case t.kind == literalToken:
		p.next()
		return &expr{op: literalOp, text: t.text}, nil
	case t.kind == numberToken:
		p.next()
		return &expr{op: numberOp, number: parseNumber(t.text)}, nil
	case t.is("-"):
		p.next()
		if p.peek().kind != numberToken {
			return nil, p.unexpected("a number is expected behind -")
		}
		return &expr{op: negateOp, left: &expr{op: numberOp, number: parseNumber(p.next().text)}}, nil
	case t.is("("):
		return p.parentheses()
	case t.is("$"):
		return nil, p.refuse(t, "variables of XPath are not supported: $(NAME) stands inside quotes")
	case t.kind == nameToken && p.tokens[p.at+1].is("(") && !slices.Contains(nodeTypes, t.text):
		return p.function()
	}
	l, err := p.location()
	return &expr{op: pathOp, path: l}, err
}

// parentheses reads a condition in parentheses.
func (p *parser) parentheses() (*expr, error) {
	p.next()
	start := p.peek()
	x, err := p.or()
	if err == nil {
		err = p.condition(start, x)
	}
	if err == nil {
		err = p.expect(")")
	}
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.is("[", "/", "//") {
		return nil, p.refuse(t, "nothing can be selected from parentheses")
	}
	if x.value() != boolean { // so that it cannot be compared as what it was
		x = &expr{op: andOp, left: x, right: &expr{op: trueOp}}
	}
	return x, nil
}

func (p *parser) function() (*expr, error) {
	t := p.next()
	f, known := functions[t.text]
	if !known {
		return nil, p.refuse(t, "the function %s() is not supported", t.text)
	}
	p.next()
	x := &expr{op: f.op}
	if f.op == positionOp || f.op == lastOp {
		p.positional = true
	}
	if p.inside == 0 && (p.positional || f.optional && p.peek().is(")")) {
		return nil, p.refuse(t, "%s() is about a node, and no node is selected here: write it in a predicate, or give it a path", t.text)
	}
	if f.optional && p.peek().is(")") {
		x.left = &expr{op: pathOp, path: &location{}}
	} else if err := p.arguments(t, x, f.takes); err != nil {
		return nil, err
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if t := p.peek(); t.is("[", "/", "//") {
		return nil, p.refuse(t, "nothing can be selected from a function")
	}
	return x, nil
}

func (p *parser) arguments(function token, x *expr, takes []value) error {
	for i, wanted := range takes {
		if i > 0 {
			if err := p.expect(","); err != nil {
				return err
			}
		}
		a, err := p.argument(function, wanted)
		if err != nil {
			return err
		}
		if i == 0 {
			x.left = a
		} else {
			x.right = a
		}
	}
	return nil
}

// argument reads one argument. Conversions that XPath would make silently, but for that of a
// node-set to text, are refused.
func (p *parser) argument(function token, wanted value) (*expr, error) {
	start := p.peek()
	if wanted == boolean {
		x, err := p.or()
		if err != nil {
			return nil, err
		}
		return x, p.condition(start, x)
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.noOperator(); err != nil {
		return nil, err
	}
	switch {
	case wanted == nodeSet && x.value() != nodeSet:
		return nil, p.refuse(start, "%s() takes a path", function.text)
	case wanted == text && x.value() != nodeSet && x.value() != text:
		return nil, p.refuse(start, "%s() takes a path or a quoted string here", function.text)
	}
	return x, nil
}

// parseNumber reads digits with at most one point. What has too many digits is rounded.
func parseNumber(digits string) float64 {
	n, _ := strconv.ParseFloat(digits, 64) // the one error left is infinity, which is what XPath says
	return n
}

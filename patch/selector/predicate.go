// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"strings"
)

// predicates reads the predicates behind a name test into the step.
func (p *parser) predicates(step *Step) error {
	for p.accept("[") {
		step.predicates++
		if t := p.peek(); t.kind == numberToken {
			if err := p.position(step, t); err != nil {
				return err
			}
			continue
		}
		e, err := p.or()
		if err != nil {
			return err
		}
		if err := p.expect("]"); err != nil {
			return err
		}
		step.source += "[" + e.source + "]"
		step.Equal = append(step.Equal, e.pairs...)
		step.other = step.other || !e.plain
	}
	return nil
}

// position reads [N], which antchfx/xpath evaluates right as the first predicate alone.
func (p *parser) position(step *Step, t token) error {
	p.next()
	if strings.Trim(t.text, "0123456789") != "" || strings.Trim(t.text, "0") == "" || len(t.text) > 6 {
		return p.refuse(t, "the position %s is not a whole number from 1", t.text)
	}
	if step.predicates > 1 {
		return p.refuse(t, "a position behind another predicate is not supported: put it first")
	}
	if err := p.expect("]"); err != nil {
		return err
	}
	step.other = true
	step.positional = true
	step.source += "[" + strings.TrimLeft(t.text, "0") + "]"
	return nil
}

func (p *parser) or() (expression, error) {
	if err := p.enter(); err != nil {
		return expression{}, err
	}
	defer p.leave()
	return p.join("or", func() (expression, error) { return p.join("and", p.not) })
}

// join reads operands joined by a word. Only a conjunction of pairs stays plain.
func (p *parser) join(word string, operand func() (expression, error)) (expression, error) {
	left, err := operand()
	for err == nil && p.peek().kind == nameToken && p.peek().text == word {
		p.next()
		var right expression
		right, err = operand()
		left = expression{
			source: left.source + " " + word + " " + right.source,
			pairs:  append(left.pairs, right.pairs...),
			plain:  left.plain && right.plain && word == "and",
		}
	}
	return left, err
}

func (p *parser) not() (expression, error) {
	t := p.peek()
	if p.accept("(") {
		e, err := p.or()
		if err != nil {
			return expression{}, err
		}
		return expression{source: "(" + e.source + ")"}, p.expect(")")
	}
	if t.kind == nameToken && p.tokens[p.at+1].text == "(" && t.text != "text" {
		return p.function()
	}
	return p.compare()
}

func (p *parser) function() (expression, error) {
	t := p.next()
	p.next()
	switch t.text {
	case "not":
		e, err := p.or()
		if err != nil {
			return expression{}, err
		}
		return expression{source: "not(" + e.source + ")"}, p.expect(")")
	case "contains", "starts-with":
		path, err := p.relative()
		if err != nil {
			return expression{}, err
		}
		if err := p.expect(","); err != nil {
			return expression{}, err
		}
		text, err := p.literal()
		if err != nil {
			return expression{}, err
		}
		if text == "" { // true of everything in XPath 1.0, but not in antchfx/xpath
			return expression{}, p.refuse(t, "%s() with an empty string is true of everything: leave it out", t.text)
		}
		return expression{source: t.text + "(" + path.source + "," + quote(text) + ")"}, p.expect(")")
	}
	return expression{}, p.refuse(t, "the function %s() is not supported", t.text)
}

func (p *parser) compare() (expression, error) {
	path, err := p.relative()
	if err != nil {
		return expression{}, err
	}
	operator := p.peek()
	switch operator.text {
	case "=", "!=":
	case "<", ">", "<=", ">=", "+", "-", "*", "div", "mod", "|":
		return expression{}, p.refuse(operator, "%s is not supported in a predicate", operator.text)
	default:
		if path.self {
			return expression{}, p.unexpected("a comparison is expected behind .")
		}
		return expression{source: path.source}, nil
	}
	p.next()
	text, err := p.literal()
	if err != nil {
		return expression{}, err
	}
	e := expression{source: path.source + operator.text + quote(text)}
	if operator.text == "=" && path.name != nil {
		path.name.Value = text
		e.pairs, e.plain = []Pair{*path.name}, true
	}
	return e, nil
}

func (p *parser) literal() (string, error) {
	t := p.peek()
	if t.kind == numberToken {
		return "", p.refuse(t, "comparing with a number is not supported: compare with the quoted text '%s'", t.text)
	}
	if t.kind != literalToken {
		return "", p.unexpected("a quoted string is expected")
	}
	p.next()
	return t.text, nil
}

// relative reads a path inside a predicate.
func (p *parser) relative() (relative, error) {
	if err := p.enter(); err != nil {
		return relative{}, err
	}
	defer p.leave()
	if t := p.peek(); t.kind == symbolToken && (t.text == "/" || t.text == "//") {
		return relative{}, p.refuse(t, "an absolute path in a predicate is not supported")
	}
	if p.accept(".") {
		if t := p.peek(); t.text == "/" || t.text == "//" {
			return relative{}, p.refuse(t, "./ and .// in a predicate are not supported: start with a name")
		}
		return relative{source: ".", self: true}, nil
	}
	var steps []Step
	for {
		step, err := p.step([]Step{{}})
		if err != nil {
			return relative{}, err
		}
		steps = append(steps, step)
		if t := p.peek(); t.text == "//" {
			return relative{}, p.refuse(t, "// in a predicate is not supported")
		}
		if !p.accept("/") {
			break
		}
		if step.Kind == Attribute || step.Kind == Text {
			return relative{}, p.unexpected("nothing can follow an attribute or text()")
		}
	}
	return newRelative(steps), nil
}

func newRelative(steps []Step) relative {
	var r relative
	for i, s := range steps {
		if i > 0 {
			r.source += "/"
		}
		r.source += s.source
	}
	if s := steps[0]; len(steps) == 1 && s.predicates == 0 && s.Local != "*" && (s.Kind == Child || s.Kind == Attribute && s.Prefix == "") {
		r.name = &Pair{Attribute: s.Kind == Attribute, Prefix: s.Prefix, Name: s.Local}
	}
	return r
}

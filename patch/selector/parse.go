// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
)

// parser reads the dialect by recursive descent:
//
//	path      = ( "/" | "//" ) step { ( "/" | "//" ) step }
//	step      = ".." | "text()" | "@" name | name { "[" predicate "]" }
//	predicate = number | or
//	or        = and { "or" and } ; and = not { "and" not }
//	not       = "not(" or ")" | "(" or ")" | function | compare
//	function  = ( "contains(" | "starts-with(" ) relative "," literal ")"
//	compare   = relative [ ( "=" | "!=" ) literal ]
//	relative  = "." | first { "/" step }
//	name      = [ prefix ":" ] ( NCName | "*" )
type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if t := p.peek(); t.kind == symbolToken && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return p.unexpected("%q is expected", text)
	}
	return nil
}

func (p *parser) unexpected(format string, args ...any) error {
	t := p.peek()
	what := fmt.Sprintf(format, args...)
	if t.kind == endToken {
		return fmt.Errorf("unexpected end of the path: %s", what)
	}
	return fmt.Errorf("unexpected %q at byte %d: %s", t.text, t.pos, what)
}

func (p *parser) refuse(t token, format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", t.pos, fmt.Sprintf(format, args...))
}

// enter guards the recursion; leave undoes it.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return fmt.Errorf("predicates nest deeper than %d", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) path() ([]Step, error) {
	if t := p.peek(); t.kind != symbolToken || t.text != "/" && t.text != "//" {
		return nil, p.unexpected("a path starts with / or //")
	}
	var steps []Step
	for {
		slash := p.next()
		step, err := p.step(steps)
		if err != nil {
			return nil, err
		}
		step.Descendant = slash.text == "//"
		if step.Descendant && step.Kind == Parent {
			return nil, p.refuse(slash, "//.. is not supported")
		}
		if step.Descendant && step.positional {
			return nil, p.refuse(slash, "a position behind //%s is not supported: say which parent, or select by a value", step.Local)
		}
		steps = append(steps, step)
		if t := p.peek(); t.kind == endToken {
			return steps, nil
		} else if t.kind != symbolToken || t.text != "/" && t.text != "//" {
			return nil, p.tail()
		}
		if step.Kind == Attribute || step.Kind == Text {
			return nil, p.unexpected("nothing can follow an attribute or text()")
		}
	}
}

// tail names what stands behind a complete path.
func (p *parser) tail() error {
	if t := p.peek(); t.text == "|" {
		return p.refuse(t, "unions (|) are not supported yet: write one rule per path")
	}
	return p.unexpected("the path should end here")
}

func (p *parser) step(before []Step) (Step, error) {
	t := p.peek()
	switch {
	case p.accept(".."):
		if len(before) == 0 {
			return Step{}, p.refuse(t, "the document has no parent")
		}
		return Step{Kind: Parent, source: ".."}, nil
	case t.text == ".":
		return Step{}, p.refuse(t, "the step . does nothing: leave it out")
	case p.accept("@"):
		pair, err := p.name(true)
		if err != nil {
			return Step{}, err
		}
		if pair.Name == "xmlns" {
			return Step{}, p.refuse(t, "xmlns is no attribute: namespace declarations cannot be selected")
		}
		if p.peek().text == "[" {
			return Step{}, p.refuse(p.peek(), "predicates on attributes are not supported: put the condition on the element")
		}
		return Step{Kind: Attribute, Prefix: pair.Prefix, Local: pair.Name, source: "@" + pair.qualified()}, nil
	case t.kind == nameToken && p.tokens[p.at+1].text == "(":
		return p.textStep()
	case t.kind == nameToken && p.tokens[p.at+1].text == "::":
		return Step{}, p.refuse(t, "the axis %s:: is not supported", t.text)
	}
	pair, err := p.name(true)
	if err != nil {
		return Step{}, err
	}
	step := Step{Kind: Child, Prefix: pair.Prefix, Local: pair.Name, source: pair.qualified()}
	return step, p.predicates(&step)
}

func (p *parser) textStep() (Step, error) {
	t := p.next()
	if t.text != "text" {
		return Step{}, p.refuse(t, "%s() is not supported as a step", t.text)
	}
	p.next()
	if err := p.expect(")"); err != nil {
		return Step{}, err
	}
	if p.peek().text == "[" {
		return Step{}, p.refuse(p.peek(), "predicates on text() are not supported")
	}
	return Step{Kind: Text, source: "text()"}, nil
}

// name reads a name test; star says whether * may stand.
func (p *parser) name(star bool) (Pair, error) {
	if star && p.accept("*") {
		return Pair{Name: "*"}, nil
	}
	t := p.peek()
	if t.kind != nameToken {
		return Pair{}, p.unexpected("a name is expected")
	}
	p.next()
	if !p.accept(":") {
		return Pair{Name: t.text}, nil
	}
	if _, known := namespaces[t.text]; !known {
		return Pair{}, p.refuse(t, "the prefix %s is not bound: only qemu and kubevirt are", t.text)
	}
	local := p.peek()
	if local.text == "*" {
		return Pair{}, p.refuse(local, "%s:* is not supported: name the element", t.text)
	}
	if local.kind != nameToken {
		return Pair{}, p.unexpected("a name is expected behind %s:", t.text)
	}
	p.next()
	return Pair{Prefix: t.text, Name: local.text}, nil
}

func (p *Pair) qualified() string {
	if p.Prefix == "" {
		return p.Name
	}
	return p.Prefix + ":" + p.Name
}

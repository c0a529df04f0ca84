// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"fmt"
	"slices"
)

// parser reads the dialect by recursive descent. It never looks into quoted strings.
//
//	union     = path { "|" path }
//	path      = ( "/" | "//" ) step { ( "/" | "//" ) step }
//	relative  = step { ( "/" | "//" ) step }
//	step      = "." | ".." | [ "@" | axis "::" ] ( name | "text()" ) { "[" or "]" }
//	axis      = one of axes
//	name      = [ prefix ":" ] ( NCName | "*" )
//	or        = and { "or" and }
//	and       = compare { "and" compare }
//	compare   = sum [ ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]
//	sum       = operand { ( "+" | "-" ) operand }
//	operand   = [ "-" ] number | quoted string | "(" or ")" | function | path | relative
//	function  = one of functions "(" [ sum | or { "," sum } ] ")"
type parser struct {
	tokens []token
	at     int
	depth  int
	inside int // predicates that are open

	positional bool // the predicate that is read asks for the position
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

func (p *parser) accept(symbol string) bool {
	if p.peek().is(symbol) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(symbol string) error {
	if !p.accept(symbol) {
		return p.unexpected("%q is expected", symbol)
	}
	return nil
}

func (p *parser) unexpected(format string, args ...any) error {
	t := p.peek()
	what := fmt.Sprintf(format, args...)
	if t.kind == endToken {
		return syntaxErrorf(t.pos, "unexpected end of the path: %s", what)
	}
	return syntaxErrorf(t.pos, "unexpected %s at byte %d: %s", t, t.pos, what)
}

func (p *parser) refuse(t token, format string, args ...any) error {
	return syntaxErrorf(t.pos, "at byte %d: %s", t.pos, fmt.Sprintf(format, args...))
}

// enter guards the recursion; leave undoes it.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.refuse(p.peek(), "predicates, parentheses and functions nest deeper than %d", MaxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// union reads the whole text: one path or several.
func (p *parser) union() ([]*location, error) {
	var all []*location
	for {
		l, err := p.location()
		if err != nil {
			return nil, err
		}
		all = append(all, l)
		if !p.accept("|") {
			return all, p.end()
		}
	}
}

// end refuses what stands behind a complete path.
func (p *parser) end() error {
	if p.peek().kind != endToken {
		return p.unexpected("the path should end here")
	}
	return nil
}

// location reads a path: an absolute one, or inside a predicate a relative one, too.
func (p *parser) location() (*location, error) {
	first := p.peek()
	if !first.is("/", "//") && p.inside == 0 {
		return nil, p.unexpected("a path starts with / or //")
	}
	l := &location{absolute: first.is("/", "//")}
	slash := token{kind: symbolToken, text: "/", pos: first.pos}
	if l.absolute {
		slash = p.next()
	}
	for {
		if err := p.step(l, slash); err != nil {
			return nil, err
		}
		if !p.peek().is("/", "//") {
			break
		}
		slash = p.next()
	}
	if l.absolute && len(l.steps) == 0 {
		return nil, p.refuse(first, "the path selects the document itself: name an element")
	}
	return l, nil
}

// step reads what follows a slash into the path. A step of . leaves no trace.
func (p *parser) step(l *location, slash token) error {
	t := p.peek()
	if p.accept(".") {
		if slash.text == "//" {
			return p.refuse(t, "// cannot stand before . : say * or text()")
		}
		return p.noPredicate("self")
	}
	s, err := p.axisAndTest()
	if err != nil {
		return err
	}
	s.Descendant = slash.text == "//"
	s.namespace = namespaces[s.Prefix]
	if err := p.checkStep(t, l, &s); err != nil {
		return err
	}
	if s.test == nodeTest {
		err = p.noPredicate("parent")
	} else {
		err = p.predicates(&s)
	}
	l.steps = append(l.steps, s)
	return err
}

// noPredicate refuses a predicate behind . and .., where XPath 1.0 allows none.
func (p *parser) noPredicate(axis string) error {
	if t := p.peek(); t.is("[") {
		return p.refuse(t, "no predicate can stand here: write %s::*[...]", axis)
	}
	return nil
}

// checkStep refuses steps that select nothing, or not what their author thinks.
func (p *parser) checkStep(t token, l *location, s *Step) error {
	if s.Descendant && s.Kind != Child && s.Kind != Attribute {
		return p.refuse(t, "// can stand before a child, an attribute or text() alone: write //*/ for it")
	}
	if len(l.steps) == 0 {
		if l.absolute && s.Kind != Child && !s.Descendant {
			return p.refuse(t, "the document has no parent, siblings or attributes: start with the root element")
		}
		return nil
	}
	last := &l.steps[len(l.steps)-1]
	if (last.Kind == Attribute || last.test == textTest) && (s.Descendant || s.Kind == Child || s.Kind == Attribute) {
		return p.refuse(t, "nothing is below an attribute or text(): of all steps .. can follow them")
	}
	return nil
}

// axisAndTest reads a step up to its predicates.
func (p *parser) axisAndTest() (Step, error) {
	t := p.peek()
	if p.accept("..") {
		return Step{Kind: Parent, test: nodeTest}, nil
	}
	kind := Child
	switch {
	case p.accept("@"):
		kind = Attribute
	case t.kind == nameToken && p.tokens[p.at+1].is("::"):
		var known bool
		if kind, known = axes[t.text]; !known {
			return Step{}, p.refuse(t, "the axis %s:: is not supported", t.text)
		}
		p.at += 2
	}
	t = p.peek()
	if t.kind == nameToken && p.tokens[p.at+1].is("(") {
		return p.textStep(kind)
	}
	s, err := p.name(kind)
	if err == nil && kind == Attribute && (s.Local == "xmlns") {
		err = p.refuse(t, "xmlns is no attribute: namespace declarations cannot be selected")
	}
	return s, err
}

func (p *parser) textStep(kind Kind) (Step, error) {
	t := p.next()
	if t.text != "text" {
		return Step{}, p.refuse(t, "%s() is not supported as a step", t.text)
	}
	if kind == Attribute || kind == Parent {
		return Step{}, p.refuse(t, "text() is no attribute and no parent")
	}
	p.next()
	return Step{Kind: kind, test: textTest}, p.expect(")")
}

// name reads a name test.
func (p *parser) name(kind Kind) (Step, error) {
	if p.accept("*") {
		return Step{Kind: kind, Local: "*", test: anyTest}, nil
	}
	first := p.peek()
	if first.kind != nameToken {
		return Step{}, p.unexpected("a name is expected")
	}
	p.next()
	colon := p.peek()
	if !colon.is(":") {
		return Step{Kind: kind, Local: first.text, test: nameTest}, nil
	}
	if _, known := namespaces[first.text]; !known {
		return Step{}, p.refuse(first, "the prefix %s is not bound: only qemu and kubevirt are", first.text)
	}
	p.next()
	local := p.peek()
	if local.kind != nameToken && !local.is("*") {
		return Step{}, p.unexpected("a name is expected behind %s:", first.text)
	}
	if local.pos != first.pos+len(first.text)+1 {
		return Step{}, p.unexpected("no blank can stand beside the colon of a prefix")
	}
	p.next()
	s := Step{Kind: kind, Prefix: first.text, Local: local.text, test: nameTest}
	if local.kind != nameToken {
		s.test = prefixTest
	}
	return s, nil
}

// predicates reads the predicates behind a step into it.
func (p *parser) predicates(s *Step) error {
	s.plain = true
	for p.peek().is("[") {
		start := p.next()
		x, positional, err := p.predicate(start)
		if err != nil {
			return err
		}
		s.predicates = append(s.predicates, x)
		s.positional = s.positional || positional
		pairs, plain := x.pairs()
		s.Equal = append(s.Equal, pairs...)
		s.plain = s.plain && plain
	}
	if s.plain = s.plain && !repeatsAttribute(s.Equal); !s.plain {
		s.Equal = nil
	}
	return nil
}

// repeatsAttribute says whether conditions name an attribute twice, as no element can have it.
func repeatsAttribute(pairs []Pair) bool {
	for i, a := range pairs {
		if a.Attribute && slices.ContainsFunc(pairs[:i], func(b Pair) bool { return b.Attribute && b.Name == a.Name }) {
			return true
		}
	}
	return false
}

// predicate reads a predicate from behind its bracket on.
func (p *parser) predicate(bracket token) (x *expr, positional bool, err error) {
	outer := p.positional
	p.positional = false
	p.inside++
	defer func() { p.positional, p.inside = outer, p.inside-1 }()
	first := p.peek()
	if x, err = p.or(); err != nil {
		return nil, false, err
	}
	if x.value() == number {
		p.positional = true
		err = p.checkPosition(first, x)
	} else {
		err = p.condition(first, x)
	}
	if err != nil {
		return nil, false, err
	}
	if !p.accept("]") {
		return nil, false, p.unexpected("the predicate from byte %d on should end here, with ]", bracket.pos)
	}
	return x, p.positional, nil
}

// checkPosition refuses numbers as predicates that no node's position can be, or that were
// hardly meant to be one.
func (p *parser) checkPosition(t token, x *expr) error {
	switch x.op {
	case numberOp:
		if x.number < 1 || x.number != float64(int64(x.number)) {
			return p.refuse(t, "the position %s is not a whole number from 1", t.text)
		}
	case lastOp, addOp, subtractOp:
	default:
		return p.refuse(t, "a number alone is a position: compare it, as in count(...) > 0")
	}
	return nil
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"github.com/domainpatch/domainpatch/patch/document"
)

// Test is a compiled test: a path, or a condition such as count(//disk) > 1. It is immutable
// and safe for concurrent use.
type Test struct {
	source    string
	tokens    []token
	path      *Path // nil where the test is a condition
	condition *expr
}

// CompileTest reads a test. In a condition every path outside of predicates is absolute.
func CompileTest(source string) (*Test, error) {
	tokens, err := scan(source)
	if err != nil {
		return nil, err
	}
	return compileTest(source, tokens)
}

func compileTest(source string, tokens []token) (*Test, error) {
	p := &parser{tokens: tokens}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	t := &Test{source: source, tokens: tokens}
	if x.op == pathOp {
		t.path, err = compile(source, tokens)
		return t, err
	}
	if err := p.condition(tokens[0], x); err != nil {
		return nil, err
	}
	t.condition = x
	return t, p.end()
}

// String is the test as it was written.
func (t *Test) String() string { return t.source }

// Path is the path that the test is; nil where it is a condition.
func (t *Test) Path() *Path { return t.path }

// Literals are the quoted strings of the test, without their quotes.
func (t *Test) Literals() []string { return literals(t.tokens) }

// WithLiterals is the test with what replace makes of each of its quoted strings; see the
// method of Path.
func (t *Test) WithLiterals(replace func(string) (string, error)) (*Test, error) {
	tokens, err := replaceLiterals(t.tokens, replace)
	if err != nil {
		return nil, err
	}
	return compileTest(t.source, tokens)
}

// Eval says whether the condition holds, or whether the path selects anything.
func (t *Test) Eval(d *document.Document, b *Budget) (bool, error) {
	if t.path != nil {
		nodes, err := t.path.Select(d, b)
		return len(nodes) > 0, err
	}
	e := newEvaluation(d, b)
	holds := e.holds(t.condition, focus{node: Node{Node: d.Root(), Attr: -1}})
	return holds, e.err
}

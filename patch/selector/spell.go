// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Condition is one of the conditions that the predicates of a step join by and.
type Condition struct {
	// Text is the condition in its one spelling: conditions of one text mean the same.
	Text string
	// Path and Value are its parts where it is an equality such as alias/@name='ua-root';
	// else Path is empty. The path goes down children of one name each, to an element or
	// an attribute.
	Path, Value string

	isOr bool
}

// Conditions are what the predicates of the step demand, by their texts, each once; ok is
// false where a predicate asks for the position, which other nodes have a say in.
func (s *Step) Conditions() (all []Condition, ok bool) {
	for _, x := range s.predicates {
		all = x.conditions(all)
	}
	slices.SortFunc(all, func(a, b Condition) int { return cmp.Compare(a.Text, b.Text) })
	return slices.CompactFunc(all, func(a, b Condition) bool { return a.Text == b.Text }), !s.positional
}

func (x *expr) conditions(all []Condition) []Condition {
	switch x.op {
	case andOp:
		return x.right.conditions(x.left.conditions(all))
	case trueOp: // what parentheses leave
		return all
	}
	c := Condition{Text: x.spell(), isOr: x.op == orOp}
	if x.op == equalOp && x.left.op == pathOp && x.right.op == literalOp && x.left.path.isPlain() {
		c.Path, c.Value = x.left.path.spell(), x.right.text
	}
	return append(all, c)
}

// isPlain says whether a path goes down by names alone.
func (l *location) isPlain() bool {
	return !l.absolute && len(l.steps) > 0 && !slices.ContainsFunc(l.steps, func(s Step) bool {
		return s.Descendant || !s.Named() || s.Kind != Child && s.Kind != Attribute || len(s.predicates) > 0
	})
}

// Equality is the text of the condition that a plain path holds a text. It is for values
// without quotation marks of both kinds.
func Equality(path, value string) string { return path + "=" + quote(value) }

func quote(text string) string {
	if strings.Contains(text, "'") {
		return `"` + text + `"`
	}
	return "'" + text + "'"
}

// spellings are the operators and functions.
var spellings = map[op]string{
	equalOp: "=", notEqualOp: "!=", lessOp: "<", lessOrEqualOp: "<=", greaterOp: ">", greaterOrEqualOp: ">=",
	addOp: " + ", subtractOp: " - ", andOp: " and ", orOp: " or ",
	nameOp: "name", localNameOp: "local-name", normalizeSpaceOp: "normalize-space", countOp: "count", lastOp: "last", positionOp: "position",
	stringLengthOp: "string-length", trueOp: "true", falseOp: "false", notOp: "not", containsOp: "contains", startsWithOp: "starts-with",
}

// spell writes an expression in one spelling.
func (x *expr) spell() string {
	switch x.op {
	case pathOp:
		return x.path.spell()
	case literalOp:
		return quote(x.text)
	case numberOp:
		return strconv.FormatFloat(x.number, 'f', -1, 64)
	case negateOp:
		return "-" + x.left.spell()
	case andOp, orOp:
		return x.left.operandOf(x.op) + spellings[x.op] + x.right.operandOf(x.op)
	case addOp, subtractOp, equalOp, notEqualOp, lessOp, lessOrEqualOp, greaterOp, greaterOrEqualOp:
		return x.left.spell() + spellings[x.op] + x.right.spell()
	}
	var arguments []string
	for _, a := range []*expr{x.left, x.right} {
		if a != nil {
			arguments = append(arguments, a.spell())
		}
	}
	return spellings[x.op] + "(" + strings.Join(arguments, ",") + ")"
}

// operandOf puts parentheses round an or below an and.
func (x *expr) operandOf(above op) string {
	if x.op == orOp && above == andOp {
		return "(" + x.spell() + ")"
	}
	return x.spell()
}

func (l *location) spell() string {
	if !l.absolute && len(l.steps) == 0 {
		return "."
	}
	var b strings.Builder
	for i := range l.steps {
		s := &l.steps[i]
		switch {
		case s.Descendant && i == 0 && !l.absolute:
			b.WriteString(".//")
		case s.Descendant:
			b.WriteString("//")
		case i > 0 || l.absolute:
			b.WriteString("/")
		}
		s.spell(&b)
	}
	return b.String()
}

func (s *Step) spell(b *strings.Builder) {
	b.WriteString(map[Kind]string{Attribute: "@", Self: "self::", FollowingSibling: "following-sibling::", PrecedingSibling: "preceding-sibling::"}[s.Kind])
	if s.Kind == Parent && s.test != nodeTest {
		b.WriteString("parent::")
	}
	switch s.test {
	case nodeTest:
		b.WriteString("..")
	case textTest:
		b.WriteString("text()")
	default:
		if s.Prefix != "" {
			b.WriteString(s.Prefix + ":")
		}
		b.WriteString(s.Local)
	}
	if s.positional { // the predicates as they stand: each counts what the one before left
		for _, x := range s.predicates {
			b.WriteString("[" + x.spell() + "]")
		}
		return
	}
	if conditions, _ := s.Conditions(); len(conditions) > 0 {
		b.WriteString("[" + Join(conditions) + "]")
	}
}

// Join writes conditions as one predicate, without its brackets.
func Join(conditions []Condition) string {
	texts := make([]string, len(conditions))
	for i, c := range conditions {
		texts[i] = c.Text
		if c.isOr && len(conditions) > 1 {
			texts[i] = "(" + c.Text + ")"
		}
	}
	return strings.Join(texts, " and ")
}

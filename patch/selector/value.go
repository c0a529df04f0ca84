// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
)

// holds evaluates an expression as a condition (XPath 1.0, 4.3, boolean()).
func (e *evaluation) holds(x *expr, c focus) bool {
	switch x.op {
	case trueOp:
		return true
	case falseOp:
		return false
	case notOp:
		return !e.holds(x.left, c)
	case andOp:
		return e.holds(x.left, c) && e.holds(x.right, c)
	case orOp:
		return e.holds(x.left, c) || e.holds(x.right, c)
	case containsOp:
		return strings.Contains(e.string(x.left, c), e.string(x.right, c))
	case startsWithOp:
		return strings.HasPrefix(e.string(x.left, c), e.string(x.right, c))
	case pathOp:
		base := e.evaluate(x.path, c)
		found := len(e.stack) > base
		e.stack = e.stack[:base]
		return found
	}
	if x.value() == boolean {
		return e.compare(x, c)
	}
	return e.string(x, c) != ""
}

// compare evaluates a comparison (XPath 1.0, 3.4): a node-set compares if one of its nodes does.
func (e *evaluation) compare(x *expr, c focus) bool {
	numeric := x.op != equalOp && x.op != notEqualOp || x.left.value() == number || x.right.value() == number
	if x.left.value() != nodeSet {
		if numeric {
			return compareNumbers(x.op, e.number(x.left, c), e.number(x.right, c))
		}
		return (e.string(x.left, c) == e.string(x.right, c)) == (x.op == equalOp)
	}
	var text string
	var value float64
	if numeric {
		value = e.number(x.right, c)
	} else {
		text = e.string(x.right, c)
	}
	base := e.evaluate(x.left.path, c)
	found := false
	for i := base; i < len(e.stack) && !found && e.err == nil; i++ {
		own := e.textOf(e.stack[i])
		if numeric {
			found = compareNumbers(x.op, toNumber(own), value)
		} else {
			found = (own == text) == (x.op == equalOp)
		}
	}
	e.stack = e.stack[:base]
	return found
}

func compareNumbers(o op, a, b float64) bool {
	switch o {
	case equalOp:
		return a == b
	case notEqualOp:
		return a != b
	case lessOp:
		return a < b
	case lessOrEqualOp:
		return a <= b
	case greaterOp:
		return a > b
	}
	return a >= b
}

// number evaluates an expression as a number.
func (e *evaluation) number(x *expr, c focus) float64 {
	switch x.op {
	case numberOp:
		return x.number
	case negateOp:
		return -e.number(x.left, c)
	case addOp:
		return e.number(x.left, c) + e.number(x.right, c)
	case subtractOp:
		return e.number(x.left, c) - e.number(x.right, c)
	case positionOp:
		return float64(c.position)
	case lastOp:
		return float64(c.size)
	case stringLengthOp:
		return float64(utf8.RuneCountInString(e.string(x.left, c)))
	case countOp:
		base := e.evaluate(x.left.path, c)
		count := len(e.stack) - base
		e.stack = e.stack[:base]
		return float64(count)
	}
	return toNumber(e.string(x, c))
}

// toNumber reads a string as libxml2 does: blanks, perhaps a minus sign, digits with at most
// one point, perhaps an exponent, blanks. XPath 1.0, 4.4, knows no exponents, and no number
// without digits, which libxml2 takes for zero behind a minus sign. Anything else is no number.
func toNumber(s string) float64 {
	s = strings.Trim(s, " \t\r\n")
	rest, negative := strings.CutPrefix(s, "-")
	digits := numeral(rest)
	rest = rest[len(digits):]
	if digits == "" && !negative || digits == "." {
		return math.NaN()
	}
	n := parseNumber(digits)
	if rest != "" {
		power, ok := exponent(rest)
		if !ok {
			return math.NaN()
		}
		n *= math.Pow10(power)
	}
	if negative {
		return -n
	}
	return n
}

// exponent reads e, a sign, if there is one, and digits, if there are any.
func exponent(s string) (power int, ok bool) {
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	sign := 1
	s = s[1:]
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		power = min(power*10+int(s[i]-'0'), 1000) // beyond that all is infinite, or zero
	}
	return sign * power, true
}

// string evaluates an expression as text; a node-set is the text of its first node.
func (e *evaluation) string(x *expr, c focus) string {
	switch x.op {
	case literalOp:
		return e.read(x.text) // it may be the value of a variable, as long as that is
	case nameOp:
		if n, ok := e.first(x.left, c); ok {
			return n.name()
		}
	case localNameOp:
		if n, ok := e.first(x.left, c); ok {
			return n.localName()
		}
	case normalizeSpaceOp:
		return normalizeSpace(e.string(x.left, c))
	case pathOp:
		if n, ok := e.first(x, c); ok {
			return e.textOf(n)
		}
	}
	return ""
}

// first is the first node of a node-set in document order.
func (e *evaluation) first(x *expr, c focus) (n Node, ok bool) {
	base := e.evaluate(x.path, c)
	if ok = len(e.stack) > base; ok {
		n = e.stack[base]
	}
	e.stack = e.stack[:base]
	return n, ok
}

// localName is the name without its prefix; empty for what has no name.
func (n Node) localName() string {
	switch {
	case n.IsAttribute():
		return n.Node.Attr[n.Attr].Name.Local
	case n.Node.Type == xmlquery.ElementNode:
		return n.Node.Data
	}
	return ""
}

// name is the name as the document has it.
func (n Node) name() string {
	prefix := n.Node.Prefix
	if n.IsAttribute() {
		prefix = n.Node.Attr[n.Attr].Name.Space
	}
	if local := n.localName(); local == "" || prefix == "" {
		return local
	}
	return prefix + ":" + n.localName()
}

// textBytes is how many bytes of text cost a step.
const textBytes = 256

// textOf is the string value of a node. Like Node.Text, but within the budget.
func (e *evaluation) textOf(n Node) string {
	if n.IsAttribute() {
		return e.read(n.Node.Attr[n.Attr].Value)
	}
	var only string
	texts := 0
	for d := n.Node; d != nil && e.spend(1); d = following(d, n.Node) {
		if d.Type != xmlquery.TextNode {
			continue
		}
		piece := e.read(d.Data)
		switch texts++; texts {
		case 1:
			only = piece
		case 2:
			e.text = append(append(e.text[:0], only...), piece...)
		default:
			e.text = append(e.text, piece...)
		}
	}
	if texts > 1 {
		return string(e.text)
	}
	return only
}

func (e *evaluation) read(text string) string {
	e.spend(len(text) / textBytes)
	return text
}

// normalizeSpace strips white space of XML at both ends and makes one blank of each run of
// it in between.
func normalizeSpace(s string) string {
	s = strings.Trim(s, " \t\r\n")
	var b strings.Builder
	blank := false
	for i := range len(s) {
		if isSpace(s[i]) {
			blank = true
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

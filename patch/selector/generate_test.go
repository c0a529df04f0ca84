// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// generator makes random paths and conditions of the dialect. A document guides it, so that
// most of them select something: names, positions and values are mostly real ones.
type generator struct {
	*rand.Rand
	nodes  []selector.Node // all elements, attributes and texts of the document
	values []string        // short texts and values of the document, and some others
	depth  int             // predicates that are open
}

func newGenerator(r *rand.Rand, nodes []selector.Node) *generator {
	g := &generator{Rand: r, nodes: nodes, values: []string{"", "0", "1", "2", "10", "-1", "0.5", "x", "vd", "e", " ", "none"}}
	for _, n := range nodes {
		if v := n.Text(); len(v) <= 40 && !strings.Contains(v, "'") {
			g.values = append(g.values, v)
		}
	}
	return g
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// union is a path or, at times, several.
func (g *generator) union() string {
	paths := []string{g.path()}
	for g.chance(8) {
		paths = append(paths, g.path())
	}
	return strings.Join(paths, pick(g, "|", " | "))
}

// path leads to a random node of the document, or past it.
func (g *generator) path() string {
	goal := pick(g, g.nodes...)
	var chain []*xmlquery.Node // from the root element to the goal, or to the element that has it
	for n := goal.Node; n.Type != xmlquery.DocumentNode; n = n.Parent {
		if n.Type == xmlquery.ElementNode {
			chain = append(chain, n)
		}
	}
	slices.Reverse(chain)
	var b strings.Builder
	slash := "/"
	for i, n := range chain {
		if i < len(chain)-1 && g.chance(25) {
			slash = "//"
			continue
		}
		b.WriteString(pick(g, slash, slash, slash, "//") + g.elementStep(n))
		slash = "/"
		if g.chance(12) {
			b.WriteString(g.detour(n))
		}
	}
	switch {
	case goal.IsAttribute():
		b.WriteString(slash + g.attributeStep(goal) + g.predicates(goal))
		if g.chance(4) {
			b.WriteString(pick(g, "/following-sibling::*", "/preceding-sibling::text()", "/self::*", "/parent::*/*"))
		}
	case goal.Node.Type == xmlquery.TextNode:
		b.WriteString(pick(g, "/", "//") + "text()" + g.predicates(goal))
	}
	if g.chance(5) {
		b.WriteString("/..")
	}
	return b.String()
}

// elementStep selects an element, and perhaps others, from its parent.
func (g *generator) elementStep(n *xmlquery.Node) string {
	return pick(g, "", "", "", "", "", "child::") + g.nameTest(n) + g.predicates(selector.Node{Node: n, Attr: -1})
}

// nameTest holds for an element, unless its namespace has no prefix in paths.
func (g *generator) nameTest(n *xmlquery.Node) string {
	prefix := ""
	switch n.NamespaceURI {
	case document.QEMUNamespace:
		prefix = "qemu:"
	case document.KubeVirtNamespace:
		prefix = "kubevirt:"
	}
	switch {
	case g.chance(10):
		return "*"
	case prefix != "" && g.chance(10):
		return prefix + "*"
	}
	return prefix + n.Data
}

func (g *generator) attributeStep(n selector.Node) string {
	name := n.Node.Attr[n.Attr].Name.Local
	if n.Node.Attr[n.Attr].NamespaceURI == document.QEMUNamespace {
		name = "qemu:" + name
	}
	return pick(g, "@", "@", "@", "@", "attribute::") + pick(g, name, name, name, "*")
}

// detour leads from an element to its relatives.
func (g *generator) detour(n *xmlquery.Node) string {
	sibling := pick(g, document.Elements(n.Parent)...)
	test := g.nameTest(sibling) + g.predicates(selector.Node{Node: sibling, Attr: -1})
	switch g.IntN(7) {
	case 0:
		return "/../" + g.elementStep(sibling)
	case 1:
		return "/parent::*" + g.predicates(selector.Node{Node: n.Parent, Attr: -1}) + "/" + g.elementStep(sibling)
	case 2:
		return "/self::" + g.nameTest(n) + g.predicates(selector.Node{Node: n, Attr: -1})
	case 3:
		return "/."
	case 4:
		return "/following-sibling::" + test
	case 5:
		return "/preceding-sibling::" + test
	}
	return "/" + pick(g, "following-sibling", "preceding-sibling") + "::text()" + g.predicates(selector.Node{Node: n, Attr: -1}) + "/.."
}

func (g *generator) predicates(n selector.Node) string {
	all := ""
	for g.depth < 3 && g.chance(30>>g.depth) {
		g.depth++
		if g.chance(35) {
			all += "[" + g.position() + "]"
		} else {
			all += "[" + g.condition(n) + "]"
		}
		g.depth--
	}
	return all
}

// position is a predicate about positions.
func (g *generator) position() string {
	if g.chance(40) {
		return pick(g, "position()", "last()") + " " + g.operator() + " " + g.ordinal()
	}
	return g.ordinal()
}

// ordinal is a number that may be a position.
func (g *generator) ordinal() string {
	n := 1 + g.IntN(4)
	return pick(g, fmt.Sprint(n), fmt.Sprint(n), fmt.Sprint(n), "last()", fmt.Sprintf("last()-%d", n-1), fmt.Sprintf("%d + %d", n-1, g.IntN(2)))
}

func (g *generator) operator() string { return pick(g, "=", "=", "=", "!=", "<", "<=", ">", ">=") }

// condition is about a node, mostly true or false of it by its values.
func (g *generator) condition(n selector.Node) string {
	switch k := g.IntN(100); {
	case k < 8:
		return g.condition(n) + pick(g, " and ", " or ") + g.condition(n)
	case k < 14:
		return "not(" + g.condition(n) + ")"
	case k < 17:
		return "(" + g.condition(n) + ")"
	case k < 19:
		return pick(g, "true()", "false()")
	case k < 28:
		return g.exists(n)
	case k < 38:
		x, value := g.text(n)
		y, _ := g.text(n)
		return pick(g, "contains", "starts-with") + "(" + x + "," + pick(g, g.literal(), value, y) + ")"
	case k < 48:
		return fmt.Sprintf("count(%s) %s %d", g.exists(n), g.operator(), g.IntN(4))
	case k < 54:
		x, _ := g.text(n)
		return fmt.Sprintf("string-length(%s) %s %d", pick(g, "", x), g.operator(), g.IntN(12))
	case k < 60:
		x, value := g.text(n)
		return x + " " + g.operator() + " " + pick(g, value, value, g.literal())
	case k < 66 && g.depth > 0:
		return g.ordinal() + " " + g.operator() + " " + pick(g, "position()", "position() + 1", "last()")
	case k < 72:
		path, _ := g.relative(n)
		return g.literal() + g.operator() + path
	case k < 82:
		path, _ := g.relative(n)
		return path + g.operator() + g.number()
	}
	path, value := g.relative(n)
	return path + pick(g, "=", "=", "=", g.operator()) + pick(g, value, value, g.literal())
}

// exists is a relative path that may select nothing.
func (g *generator) exists(n selector.Node) string {
	for {
		if path, _ := g.relative(n); path != "." {
			return path
		}
	}
}

// text is an expression with a text for its value, and a value that it may have, as a literal.
func (g *generator) text(n selector.Node) (x, value string) {
	path, goal := g.leads(n)
	if g.chance(20) {
		path, goal = "", n
	}
	switch k := g.IntN(5); {
	case k == 0:
		return "normalize-space(" + path + ")", "'" + strings.ReplaceAll(strings.Join(strings.Fields(goal.Text()), " "), "'", "") + "'"
	case k == 1:
		return "name(" + path + ")", "'" + name(goal, true) + "'"
	case k == 2:
		return "local-name(" + path + ")", "'" + name(goal, false) + "'"
	case path == "":
		return ".", g.quoted(goal)
	}
	return path, g.quoted(goal)
}

func name(n selector.Node, qualified bool) string {
	prefix, local := n.Node.Prefix, n.Node.Data
	switch {
	case n.IsAttribute():
		prefix, local = n.Node.Attr[n.Attr].Name.Space, n.Node.Attr[n.Attr].Name.Local
	case n.Node.Type != xmlquery.ElementNode:
		return ""
	}
	if prefix == "" || !qualified {
		return local
	}
	return prefix + ":" + local
}

func (g *generator) literal() string { return "'" + pick(g, g.values...) + "'" }

func (g *generator) number() string {
	return pick(g, "0", "1", "2", "9", "10", "0.5", ".5", "1.", "-3.5", "1480", "1000000", "2 - 1")
}

// relative is a path from a node, and the text of a node that it leads to, as a literal.
func (g *generator) relative(n selector.Node) (path, value string) {
	path, goal := g.leads(n)
	return path, g.quoted(goal)
}

// leads is a path from a node, and a node that it leads to, if its predicates let it.
func (g *generator) leads(n selector.Node) (path string, goal selector.Node) {
	goal = n
	var steps []string
	if n.IsAttribute() || n.Node.Type == xmlquery.TextNode {
		if g.chance(40) {
			return ".", n
		}
		steps = append(steps, "..")
		goal = selector.Node{Node: n.Node, Attr: -1}
		if !n.IsAttribute() {
			goal.Node = n.Node.Parent
		}
	}
	if g.chance(6) {
		g.depth++
		defer func() { g.depth-- }()
		return g.path(), goal
	}
	for range g.IntN(3) {
		if goal.Node.Type != xmlquery.ElementNode {
			break
		}
		elements := document.Elements(goal.Node)
		switch {
		case g.chance(10) && goal.Node.Parent.Type == xmlquery.ElementNode:
			goal.Node = goal.Node.Parent
			steps = append(steps, "..")
		case g.chance(15):
			goal.Node = pick(g, document.Elements(goal.Node.Parent)...)
			steps = append(steps, pick(g, "following-sibling", "preceding-sibling")+"::"+g.nameTest(goal.Node)+g.predicates(goal))
		case len(elements) > 0:
			goal.Node = pick(g, elements...)
			steps = append(steps, g.elementStep(goal.Node))
		}
	}
	if i := g.attributeOf(goal.Node); i >= 0 && g.chance(60) {
		goal.Attr = i
		steps = append(steps, g.attributeStep(goal)+g.predicates(goal))
	} else if g.chance(15) {
		steps = append(steps, "text()")
	}
	return g.join(steps), goal
}

// join puts steps together, with // where it may stand.
func (g *generator) join(steps []string) string {
	path := "."
	for i, s := range steps {
		slash := "/"
		if g.chance(12) && !strings.HasPrefix(s, "..") && !strings.Contains(s, "-sibling::") {
			slash = "//"
		}
		if i == 0 && slash == "/" && g.chance(90) {
			path = s
		} else {
			path += slash + s
		}
	}
	return path
}

// attributeOf is the index of a random attribute, or -1.
func (g *generator) attributeOf(n *xmlquery.Node) int {
	var all []int
	for i := range n.Attr {
		if !document.IsDeclaration(&n.Attr[i]) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return -1
	}
	return pick(g, all...)
}

// quoted is the text of a node as a literal, or of another one where it is too long or has both quotes.
func (g *generator) quoted(n selector.Node) string {
	text := n.Text()
	switch {
	case len(text) > 60 || strings.Contains(text, "'") && strings.Contains(text, `"`):
		return g.literal()
	case strings.Contains(text, "'"):
		return `"` + text + `"`
	}
	return "'" + text + "'"
}

// test is a condition about the whole document.
func (g *generator) test() string {
	number := func() string { return fmt.Sprint(g.IntN(6)) }
	switch g.IntN(9) {
	case 0:
		return g.test() + pick(g, " and ", " or ") + g.test()
	case 1:
		return "not(" + g.test() + ")"
	case 2:
		return fmt.Sprintf("count(%s) %s %s", g.path(), g.operator(), number())
	case 3:
		return fmt.Sprintf("%s %s %s", g.path(), g.operator(), g.literal())
	case 4:
		return fmt.Sprintf("%s %s %s", g.number(), g.operator(), g.path())
	case 5:
		return fmt.Sprintf("%s(%s, %s)", pick(g, "contains", "starts-with"), g.path(), g.literal())
	case 6:
		return fmt.Sprintf("string-length(%s) %s %s", g.path(), g.operator(), number())
	case 7:
		return fmt.Sprintf("%s(%s) %s %s", pick(g, "normalize-space", "name", "local-name"), g.path(), g.operator(), g.literal())
	}
	return "(" + g.path() + ")"
}

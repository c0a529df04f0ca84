// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// domainRule is a compiled rule on the domain XML.
type domainRule struct {
	*bundle.DomainRule
	field      string
	path       *selector.Path
	condition  *selector.Test // of op test alone, where path is none
	templated  bool           // a quoted string of the path or the condition holds $(NAME)
	when       *expression
	expression *expression
	fragment   *document.Fragment
	template   bool // a text of the fragment holds $(NAME)
	key        *key // of the rule's own; nil for none
	expect     bundle.Expect

	apply func(*domainRule, *domainCall) (effect, error)
}

// effect is what a rule did.
type effect struct {
	matched, changed int
	created          int    // of what set changed, how much was not there
	replaced         int    // of what add put in, how much took the place of a twin
	skipped          string // why the rule as a whole was left out; empty when it ran
}

// operation says what a domain op takes and does.
type operation struct {
	value         bool // value or expression
	xml           bool
	needs         string // which of them it cannot do without, in words; empty for none
	position, key bool
	path          string        // the default
	expect        bundle.Expect // the default
	apply         func(*domainRule, *domainCall) (effect, error)
}

var operations = map[bundle.Op]operation{
	bundle.OpSet:     {value: true, needs: "a value or an expression", expect: bundle.ExpectSome, apply: applySet},
	bundle.OpAdd:     {xml: true, needs: "xml: the elements to add", position: true, key: true, expect: bundle.ExpectSome, apply: applyAdd},
	bundle.OpReplace: {value: true, xml: true, needs: "xml, a value or an expression", expect: bundle.ExpectSome, apply: applyReplace},
	bundle.OpMerge:   {xml: true, needs: "xml: the partial element to merge", key: true, path: "/domain", expect: bundle.ExpectSome, apply: applyMerge},
	bundle.OpRemove:  {expect: bundle.ExpectAny, apply: applyRemove},
	bundle.OpTest:    {value: true, expect: bundle.ExpectSome, apply: applyTest},
}

// compileDomainRule compiles one rule; names are those of the rules before it.
func (c *patchCompiler) compileDomainRule(field string, r *bundle.DomainRule, names unique) {
	c.checkRuleName(field, r.Name, names)
	op, known := operations[r.Op]
	if !known {
		c.errorf(field+".op", r.Name, fmt.Errorf("%q is none of set, add, replace, merge, remove, test", r.Op))
		return
	}
	withDefaults := *r // the bundle is the caller's
	r = &withDefaults
	r.Path = cmp.Or(r.Path, op.path)
	out := domainRule{DomainRule: r, field: field, expect: cmp.Or(r.Expect, op.expect), apply: op.apply}
	c.checkFields(field, r, op)
	c.compilePath(&out)
	c.compileKey(&out, op)
	c.compileFragment(&out, op)
	out.when = c.when(field, r.Name, r.When, domainScope)
	if r.Expression != "" {
		var err error
		if out.expression, err = c.cel.compile(r.Expression, nodeScope, c.vars, acceptsText); err != nil {
			c.errorf(field+".expression", r.Name, err)
		}
	}
	c.out.domain = append(c.out.domain, out)
}

// checkFields refuses fields that the op does not take, and misses those that it needs.
func (c *patchCompiler) checkFields(field string, r *bundle.DomainRule, op operation) {
	given := op.value && (r.Value != nil || r.Expression != "") || op.xml && r.XML != ""
	first := "value"
	if !op.value {
		first = "xml"
	}
	for _, check := range []struct {
		wrong bool
		field string
		msg   string
	}{
		{r.Value != nil && !op.value, "value", "op %s takes no value"},
		{r.Expression != "" && !op.value, "expression", "op %s takes no expression"},
		{r.Value != nil && r.Expression != "" && op.value, "expression", "op %s takes either value or expression, not both"},
		{r.XML != "" && op.xml && op.value && (r.Value != nil || r.Expression != ""), "xml", "op %s takes either xml or a text, not both"},
		{r.Expression != "" && r.Op == bundle.OpTest, "expression", "op %s takes no expression: use when, or a value"},
		{r.XML != "" && !op.xml, "xml", "op %s takes no xml"},
		{op.needs != "" && !given, first, "op %s needs " + op.needs},
		{r.Position != "" && !op.position, "position", "op %s takes no position"},
		{r.Key != "" && !op.key, "key", "op %s takes no key"},
		{r.Path == "", "path", "op %s needs a path"},
	} {
		if check.wrong {
			c.errorf(field+"."+check.field, r.Name, fmt.Errorf(check.msg, r.Op))
		}
	}
	switch r.Position {
	case "", bundle.PositionLast, bundle.PositionFirst, bundle.PositionBefore, bundle.PositionAfter:
	default:
		c.errorf(field+".position", r.Name, fmt.Errorf("%q is none of last, first, before, after", r.Position))
	}
	switch r.Expect {
	case "", bundle.ExpectSome, bundle.ExpectOne, bundle.ExpectAny:
	default:
		c.errorf(field+".expect", r.Name, fmt.Errorf("%q is none of Some, One, Any", r.Expect))
	}
	if r.Value != nil {
		if err := c.checkValue(*r.Value); err != nil {
			c.errorf(field+".value", r.Name, err)
		}
	}
}

// checkValue refuses a text that no document can hold, and one that was meant to be a template.
func (c *patchCompiler) checkValue(text string) error {
	if len(text) > document.MaxGrowth {
		return fmt.Errorf("the value has %d bytes, over the limit of %d", len(text), document.MaxGrowth)
	}
	for _, name := range c.vars {
		if strings.Contains(text, "$("+name+")") {
			return fmt.Errorf("a value is literal text, in which $(%s) would stay as it is: give expression: variables.%s instead", name, name)
		}
	}
	return document.CheckText(text)
}

func (c *patchCompiler) compileKey(r *domainRule, op operation) {
	if r.Key == "" || !op.key {
		return
	}
	own, err := parseKey(r.Key)
	if err != nil {
		c.errorf(r.field+".key", r.Name, err)
		return
	}
	r.key = &own
}

func (c *patchCompiler) compileFragment(r *domainRule, op operation) {
	if r.XML == "" || !op.xml {
		return
	}
	var err error
	if r.fragment, err = document.ParseFragment(r.XML); err != nil {
		c.errorf(r.field+".xml", r.Name, err)
		return
	}
	err = r.fragment.Texts(func(text string) error {
		if !isTemplate(text) {
			return nil
		}
		r.template = true
		return checkTemplate(text, c.vars)
	})
	if err == nil {
		err = checkAliases(r.fragment.Elements(), isTemplate)
	}
	if err == nil {
		err = r.checkFragment()
	}
	switch {
	case errors.As(err, new(keyError)):
		c.errorf(r.field+".key", r.Name, err)
	case err != nil:
		c.errorf(r.field+".xml", r.Name, err)
	}
}

// expanded is the fragment with the values of the patch's variables.
func (r *domainRule) expanded(call *domainCall) (*document.Fragment, error) {
	if !r.template {
		return r.fragment, nil
	}
	f, err := r.fragment.Expand(call.expand)
	if err != nil {
		return nil, fmt.Errorf("xml: %w", err)
	}
	return f, checkAliases(f.Elements(), func(string) bool { return false })
}

// checkAliases demands the prefix that libvirt reserves for aliases of users' own, but for
// those that are to be known later.
func checkAliases(elements []*xmlquery.Node, later func(alias string) bool) error {
	for _, e := range elements {
		for _, c := range document.Elements(e) {
			i := document.Attribute(c, "", "name")
			if i < 0 || later(c.Attr[i].Value) {
				continue
			}
			if err := checkAlias(c, "name", c.Attr[i].Value); err != nil {
				return fmt.Errorf("<%s>: %w", e.Data, err)
			}
		}
		if err := checkAliases(document.Elements(e), later); err != nil {
			return err
		}
	}
	return nil
}

// checkFragment checks the fragment against the op and, as far as the path tells, against
// the places where it goes. What the path does not tell is checked when the rule is applied.
func (r *domainRule) checkFragment() error {
	switch r.Op {
	case bundle.OpMerge:
		return r.checkMerge()
	case bundle.OpReplace:
		for _, last := range r.lastSteps() {
			if last.Kind == selector.Attribute || last.Text() {
				return fmt.Errorf("%s selects no element: xml takes the place of elements alone", r.Path)
			}
		}
		return nil
	}
	for _, e := range r.fragment.Elements() {
		if err := checkCarried(e, r.key); err != nil {
			return err
		}
	}
	for _, parent := range r.knownParents() {
		if _, err := identifyAll(parent, r.fragment.Elements(), r.key); err != nil {
			return err
		}
	}
	return nil
}

func (r *domainRule) checkMerge() error {
	if err := checkMergeable(r.fragment, r.key); err != nil {
		return err
	}
	given := r.fragment.Elements()[0]
	for _, last := range r.lastSteps() {
		if namesElement(last) && given.NamespaceURI == "" && last.Local != given.Data {
			return errOtherName(r.Path, last.Local, given.Data)
		}
	}
	return nil
}

// lastSteps are the last steps of the alternatives of the path; none where it did not compile.
func (r *domainRule) lastSteps() []*selector.Step {
	if r.path == nil {
		return nil
	}
	var all []*selector.Step
	for _, path := range r.path.Alternatives() {
		steps := path.Steps()
		all = append(all, &steps[len(steps)-1])
	}
	return all
}

// knownParents give the names of the elements that the fragment goes into and of those above
// them, where the path tells them for sure.
func (r *domainRule) knownParents() []*xmlquery.Node {
	if r.path == nil {
		return nil
	}
	var all []*xmlquery.Node
	for _, path := range r.path.Alternatives() {
		if parent := r.knownParent(path.Steps()); parent != nil {
			all = append(all, parent)
		}
	}
	return all
}

func (r *domainRule) knownParent(steps []selector.Step) *xmlquery.Node {
	if r.Position == bundle.PositionBefore || r.Position == bundle.PositionAfter {
		last := len(steps) - 1
		if steps[last].Kind != selector.Child || steps[last].Descendant {
			return nil
		}
		steps = steps[:last]
	}
	var parent *xmlquery.Node
	for i := range steps {
		if !namesElement(&steps[i]) || steps[i].Descendant {
			return nil
		}
		parent = &xmlquery.Node{Type: xmlquery.ElementNode, Data: steps[i].Local, Parent: parent}
	}
	return parent
}

// namesElement says whether a step selects elements of one name without a namespace.
func namesElement(s *selector.Step) bool {
	return s.Kind == selector.Child && s.Named() && s.Prefix == ""
}

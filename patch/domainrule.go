// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
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
	templated  bool           // a quoted string of the path or the condition holds $(
	when       *expression
	expression *expression
	fragment   *document.Fragment
	expect     bundle.Expect

	apply func(*domainRule, *domainCall) (effect, error)
}

// effect is what a rule did.
type effect struct {
	matched, changed int
	replaced         int    // of what add put in, how much took the place of a twin
	skipped          string // why the rule as a whole was left out; empty when it ran
}

// operation says what a domain op takes and does.
type operation struct {
	value, xml, position bool // may have value or expression; must have xml; may have position
	needsValue           bool
	expect               bundle.Expect // the default
	apply                func(*domainRule, *domainCall) (effect, error)
}

var operations = map[bundle.Op]operation{
	bundle.OpSet:    {value: true, needsValue: true, expect: bundle.ExpectSome, apply: applySet},
	bundle.OpAdd:    {xml: true, position: true, expect: bundle.ExpectSome, apply: applyAdd},
	bundle.OpRemove: {expect: bundle.ExpectAny, apply: applyRemove},
	bundle.OpTest:   {value: true, expect: bundle.ExpectSome, apply: applyTest},
}

// compileDomainRule compiles one rule; names are those of the rules before it.
func (c *patchCompiler) compileDomainRule(field string, r *bundle.DomainRule, names unique) {
	c.checkRuleName(field, r.Name, names)
	op, known := operations[r.Op]
	switch {
	case r.Op == bundle.OpReplace || r.Op == bundle.OpMerge:
		c.errorf(field+".op", r.Name, fmt.Errorf("%q is not supported yet: use set, add, remove or test", r.Op))
		return
	case !known:
		c.errorf(field+".op", r.Name, fmt.Errorf("%q is none of set, add, remove, test", r.Op))
		return
	}
	out := domainRule{DomainRule: r, field: field, expect: r.Expect, apply: op.apply}
	if out.expect == "" {
		out.expect = op.expect
	}
	c.checkFields(field, r, op)
	c.compilePath(&out)
	c.compileFragment(&out)
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
	for _, check := range []struct {
		wrong bool
		field string
		msg   string
	}{
		{r.Value != nil && !op.value, "value", "op %s takes no value"},
		{r.Expression != "" && !op.value, "expression", "op %s takes no expression"},
		{r.Value != nil && r.Expression != "" && op.value, "expression", "op %s takes either value or expression, not both"},
		{op.needsValue && r.Value == nil && r.Expression == "", "value", "op %s needs a value or an expression"},
		{r.Expression != "" && r.Op == bundle.OpTest, "expression", "op %s takes no expression: use when, or a value"},
		{r.XML != "" && !op.xml, "xml", "op %s takes no xml"},
		{r.XML == "" && op.xml, "xml", "op %s needs xml: the elements to add"},
		{r.Position != "" && !op.position, "position", "op %s takes no position"},
		{r.Key != "" && r.Op != bundle.OpAdd, "key", "op %s takes no key"},
		{r.Key != "" && r.Op == bundle.OpAdd, "key", "a key of the rule's own is not supported yet: op %s finds twins by libvirt's identities"},
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
		if err := document.CheckText(*r.Value); err != nil {
			c.errorf(field+".value", r.Name, err)
		}
	}
}

func (c *patchCompiler) compileFragment(r *domainRule) {
	if r.XML == "" || r.Op != bundle.OpAdd {
		return
	}
	err := checkSubstitution(r.XML)
	if err == nil {
		r.fragment, err = document.ParseFragment(r.XML)
	}
	if err == nil {
		err = checkAliases(r.fragment)
	}
	if err == nil && r.path != nil {
		err = r.checkIdentities()
	}
	if err != nil {
		c.errorf(r.field+".xml", r.Name, err)
	}
}

// checkAliases demands the prefix that libvirt reserves for aliases of users' own.
func checkAliases(f *document.Fragment) error {
	for _, e := range f.Elements() {
		for _, c := range document.Elements(e) {
			i := document.Attribute(c, "", "name")
			if c.Data == "alias" && c.NamespaceURI == "" && i >= 0 && !strings.HasPrefix(c.Attr[i].Value, "ua-") {
				return fmt.Errorf("the alias %q of <%s> must start with ua-: libvirt drops others", c.Attr[i].Value, e.Data)
			}
		}
	}
	return nil
}

// checkIdentities refuses elements that could not be found again, where the path tells
// the parent for sure; what it does not tell is checked when the rule is applied.
func (r *domainRule) checkIdentities() error {
	for _, path := range r.path.Alternatives() {
		if err := r.checkIdentitiesAt(path.Steps()); err != nil {
			return err
		}
	}
	return nil
}

func (r *domainRule) checkIdentitiesAt(steps []selector.Step) error {
	n := len(steps)
	if r.Position == bundle.PositionBefore || r.Position == bundle.PositionAfter {
		if n--; steps[n].Kind != selector.Child || steps[n].Descendant {
			return nil
		}
	}
	if n < 2 || !namesParent(&steps[n-2]) || !namesParent(&steps[n-1]) || steps[n-1].Descendant {
		return nil
	}
	parent := &xmlquery.Node{Data: steps[n-1].Local, Parent: &xmlquery.Node{Data: steps[n-2].Local}}
	_, err := identifyAll(parent, r.fragment.Elements())
	return err
}

func namesParent(s *selector.Step) bool {
	return s.Kind == selector.Child && s.Named() && s.Prefix == ""
}

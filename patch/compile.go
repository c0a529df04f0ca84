// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// Program is a compiled bundle. It is immutable and safe for concurrent use.
type Program struct {
	patches   []compiled
	evaluates bool // some patch has an expression
	policies  policies
}

// compiled is one compiled patch.
type compiled struct {
	source     bundle.Patch
	conditions []namedExpression
	variables  []variable
	domain     []domainRule
	cloudInit  []cloudInitRule
}

type namedExpression struct {
	name string
	*expression
}

type variable struct {
	namedExpression
	pattern *pattern // nil for none
}

// Compile checks the patches and policies of a bundle and makes them executable. The error joins
// everything that is wrong; Errors takes it apart.
func Compile(b *bundle.Bundle) (*Program, error) {
	if len(b.Patches) > bundle.MaxPatches {
		return nil, fmt.Errorf("the bundle has %d patches, over the limit of %d per VM", len(b.Patches), bundle.MaxPatches)
	}
	cel := &compiler{}
	p := &Program{patches: make([]compiled, len(b.Patches))}
	var errs []error
	for i := range b.Patches {
		c := patchCompiler{cel: cel, out: &p.patches[i]}
		c.out.source = b.Patches[i]
		c.compile()
		errs = append(errs, c.errs...)
	}
	var err error
	p.policies, err = compilePolicies(b)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.evaluates = cel.used()
	return p, nil
}

// HasCloudInit says whether any patch has rules for cloud-init.
func (p *Program) HasCloudInit() bool {
	for i := range p.patches {
		if len(p.patches[i].cloudInit) > 0 {
			return true
		}
	}
	return false
}

// patchCompiler compiles one patch and collects what is wrong with it.
type patchCompiler struct {
	cel  *compiler
	out  *compiled
	vars []string // names of the variables defined so far
	errs []error
}

func (c *patchCompiler) errorf(field, rule string, err error) {
	c.errs = append(c.errs, &Error{Patch: c.out.source.ID(), Field: field, Rule: rule, Err: err})
}

func (c *patchCompiler) compile() {
	src := &c.out.source
	if src.Kind != bundle.KindDomainPatch && src.Kind != bundle.KindClusterDomainPatch {
		c.errorf("kind", "", fmt.Errorf("%q is neither %s nor %s", src.Kind, bundle.KindDomainPatch, bundle.KindClusterDomainPatch))
	}
	if src.FailurePolicy != bundle.Fail && src.FailurePolicy != bundle.Ignore {
		c.errorf("spec.failurePolicy", "", fmt.Errorf("%q is neither %s nor %s", src.FailurePolicy, bundle.Fail, bundle.Ignore))
	}
	switch n := len(src.Domain) + len(src.CloudInit); {
	case n == 0:
		c.errorf("spec", "", errors.New("the patch has no rules: give it domain or cloudInit rules"))
	case n > bundle.MaxRules:
		c.errorf("spec", "", fmt.Errorf("the patch has %d rules, over the limit of %d: split it", n, bundle.MaxRules))
		return
	}
	if n := src.ExpressionBytes(); n > bundle.MaxPatchExpressionBytes {
		c.errorf("spec", "", fmt.Errorf("the expressions have %d bytes together, over the limit of %d: use fewer or shorter ones", n, bundle.MaxPatchExpressionBytes))
		return
	}
	c.cel.patterns = 0
	c.compileConditions()
	c.compileVariables()
	names := unique{}
	for i := range src.Domain {
		c.compileDomainRule(fmt.Sprintf("spec.domain[%d]", i), &src.Domain[i], names)
	}
	for i := range src.CloudInit {
		c.compileCloudInitRule(fmt.Sprintf("spec.cloudInit[%d]", i), &src.CloudInit[i], names)
	}
}

// ruleName is what the name of a rule may be: a DNS label (RFC 1123), as elsewhere in Kubernetes.
var ruleName = lazyregexp.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkRuleName checks the name of a rule, if it has one.
func (c *patchCompiler) checkRuleName(field, name string, names unique) {
	if name == "" {
		return
	}
	if !ruleName().MatchString(name) {
		c.errorf(field+".name", "", fmt.Errorf("%q is not a DNS label: lower-case letters, digits and -, at most 63", name))
	}
	if err := names.add(name); err != nil {
		c.errorf(field+".name", "", err)
	}
}

// unique remembers names that must not stand twice.
type unique map[string]bool

func (u unique) add(name string) error {
	if u[name] {
		return fmt.Errorf("the name %q stands twice", name)
	}
	u[name] = true
	return nil
}

func (c *patchCompiler) compileConditions() {
	names := unique{}
	for i, m := range c.out.source.MatchConditions {
		field := fmt.Sprintf("spec.matchConditions[%d]", i)
		if err := names.add(m.Name); err != nil {
			c.errorf(field+".name", "", err)
		}
		e, err := c.cel.compile(m.Expression, conditionScope, nil, acceptsBool)
		if err != nil {
			c.errorf(field+".expression", "", err)
		}
		c.out.conditions = append(c.out.conditions, namedExpression{m.Name, e})
	}
}

var variableName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func (c *patchCompiler) compileVariables() {
	names := unique{}
	for i, v := range c.out.source.Variables {
		field := fmt.Sprintf("spec.variables[%d]", i)
		if err := names.add(v.Name); err != nil {
			c.errorf(field+".name", "", err)
		}
		if !variableName().MatchString(v.Name) {
			c.errorf(field+".name", "", fmt.Errorf("%q is not a CEL identifier of at most 63 characters", v.Name))
		}
		e, err := c.cel.compile(v.Expression, variableScope, c.vars, acceptsAny)
		if err != nil {
			c.errorf(field+".expression", "", err)
		}
		out := variable{namedExpression: namedExpression{v.Name, e}}
		if v.Pattern != "" {
			if out.pattern, err = c.compilePattern(v.Pattern); err != nil {
				c.errorf(field+".pattern", "", err)
			}
		}
		c.vars = append(c.vars, v.Name)
		c.out.variables = append(c.out.variables, out)
	}
}

// compilePattern compiles what the whole value of a variable must match.
func (c *patchCompiler) compilePattern(text string) (*pattern, error) {
	if len(text) > maxPatternBytes {
		return nil, fmt.Errorf("the pattern has %d bytes, over the limit of %d", len(text), maxPatternBytes)
	}
	return c.cel.parsePattern(text, true)
}

// when compiles the condition of a rule, if it has one.
func (c *patchCompiler) when(field, rule, text string, in scope) *expression {
	if text == "" {
		return nil
	}
	e, err := c.cel.compile(text, in, c.vars, acceptsBool)
	if err != nil {
		c.errorf(field+".when", rule, err)
	}
	return e
}

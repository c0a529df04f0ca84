// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// compilePath compiles the path of a rule, which for op test may be a condition.
func (c *patchCompiler) compilePath(r *domainRule) {
	if r.Path == "" {
		return
	}
	literals, err := r.parsePath()
	for _, text := range literals {
		err = errors.Join(err, checkTemplate(text, c.vars))
	}
	if err != nil {
		c.errorf(r.field+".path", r.Name, fmt.Errorf("%q: %w", r.Path, err))
		return
	}
	r.templated = slices.ContainsFunc(literals, isTemplate)
	if r.Op == bundle.OpSet && r.Value != nil {
		if err := r.checkAliasPath(); err != nil {
			c.errorf(r.field+".value", r.Name, err)
		}
	}
	if r.condition == nil {
		return
	}
	if r.Value != nil {
		c.errorf(r.field+".value", r.Name, errors.New("the path is a condition, so there is no text to compare with a value: write the comparison into the condition"))
	}
	if r.Expect != "" {
		c.errorf(r.field+".expect", r.Name, errors.New("the path is a condition, so there are no nodes to count: compare count(...) in the condition"))
	}
}

// parsePath gives the rule its path or condition, and returns the quoted strings in it.
func (r *domainRule) parsePath() (literals []string, err error) {
	if r.Op != bundle.OpTest {
		if r.path, err = selector.Compile(r.Path); err != nil {
			return nil, err
		}
		return r.path.Literals(), nil
	}
	test, err := selector.CompileTest(r.Path)
	if err != nil {
		return nil, err
	}
	if r.path = test.Path(); r.path == nil {
		r.condition = test
	}
	return test.Literals(), nil
}

// expandedPath is the rule's path with the values of variables in its quoted strings.
func (r *domainRule) expandedPath(in *input) (*selector.Path, error) {
	if !r.templated {
		return r.path, nil
	}
	return r.path.WithLiterals(in.expand)
}

// expandedCondition is expandedPath for the rule's condition.
func (r *domainRule) expandedCondition(in *input) (*selector.Test, error) {
	if !r.templated {
		return r.condition, nil
	}
	return r.condition.WithLiterals(in.expand)
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/domainpatch/domainpatch/patch/selector"
)

// applyTest fails unless the path selects something, with the text if one is given, or
// unless the condition is true.
func applyTest(r *domainRule, call *domainCall) (effect, error) {
	if r.condition != nil {
		return effect{}, r.applyCondition(call)
	}
	nodes, done, unexpected, err := r.places(call)
	if err = cmp.Or(err, unexpected); err != nil {
		return done, err
	}
	if r.Value == nil || slices.ContainsFunc(nodes, func(n selector.Node) bool { return n.Text() == *r.Value }) {
		return done, nil
	}
	return done, fmt.Errorf("none of the %d nodes that %s selects has the wanted text", len(nodes), r.Path)
}

func (r *domainRule) applyCondition(call *domainCall) error {
	condition, err := r.expandedCondition(&call.input)
	if err != nil {
		return err
	}
	holds, err := condition.Eval(call.doc, call.budget)
	if err == nil && !holds {
		err = fmt.Errorf("%s is not true", r.Path)
	}
	return err
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"context"
	"fmt"
)

// ErrBudget says that an evaluation took more steps than it may.
var ErrBudget = fmt.Errorf("the rule takes more than %d evaluation steps", MaxSteps)

// ErrMatches says that a path selected more nodes than it may.
var ErrMatches = fmt.Errorf("the path selects more than %d nodes", MaxMatches)

// Budget counts evaluation steps, of one evaluation or of several together. The zero value
// allows MaxSteps.
type Budget struct {
	// Context, if there is one, ends evaluations when it is done. It is asked at first and
	// then every few thousand steps.
	Context context.Context

	used  int
	check int // when used reaches this, there is something to decide
}

// Spend takes steps for what a rule does besides evaluating paths. The error is ErrBudget, or
// why the context is done.
func (b *Budget) Spend(steps int) error { return b.spend(steps) }

// checkInterval is how many steps lie between two looks at the context.
const checkInterval = 4096

func (b *Budget) spend(steps int) error {
	if b.used += steps; b.used < b.check {
		return nil
	}
	if b.used > MaxSteps {
		b.used = MaxSteps + 1
		return ErrBudget
	}
	b.check = min(b.used+checkInterval, MaxSteps+1)
	if b.Context != nil {
		return context.Cause(b.Context)
	}
	return nil
}

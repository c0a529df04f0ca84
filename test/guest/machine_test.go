// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"testing"
)

// TestCompareTellsTheCause has one guest fail: that the other one is stopped then is no news.
func TestCompareTellsTheCause(t *testing.T) {
	broken := errors.New("it has no disk")
	pair := &Pair{With: Machine{Name: "with patches"}, Without: Machine{Name: "without patches"}}
	start := func(ctx context.Context, m Machine) (Report, error) {
		if m.Name == "with patches" {
			return nil, broken
		}
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if _, _, err := compare(t.Context(), pair, start); !errors.Is(err, broken) || err.Error() != broken.Error() {
		t.Errorf("got error %v, want %v alone", err, broken)
	}
}

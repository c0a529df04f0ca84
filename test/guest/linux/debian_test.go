// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package linux

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// TestFetchAtOnce is a second run while the first one has the folder: it waits, until it is interrupted.
func TestFetchAtOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "bin", "guest")
	first, err := hold(t.Context(), filepath.Dir(folder))
	if err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(interrupted)
	if _, err := hold(ctx, filepath.Dir(folder)); !errors.Is(err, interrupted) {
		t.Errorf("held twice: got error %v, want %v", err, interrupted)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Fetch(ctx, folder, []string{"virtio_blk"}); !errors.Is(err, interrupted) { // and not what a killed apt says
		t.Errorf("got error %v, want %v", err, interrupted)
	}
}

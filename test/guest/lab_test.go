// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
	"github.com/domainpatch/domainpatch/test/scratch"
)

// TestKilledLabLeavesNothing kills a process that has a lab: the test itself, in a second process.
func TestKilledLabLeavesNothing(t *testing.T) {
	virsh.SkipUnlessEnabled(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const victim, ready = "DOMAINPATCH_GUEST_VICTIM", "the lab is ready"
	if os.Getenv(victim) != "" {
		if _, err := NewLab(ctx); err != nil {
			t.Fatal(err)
		}
		fmt.Println(ready)
		<-ctx.Done()
	}
	files := scratch.New(t)
	line, kill := scratch.Victim(ctx, t, victim)
	if line != ready || len(files.Files(t)) == 0 {
		t.Errorf("it said %q and has the files %q, want %q and some", line, files.Files(t), ready)
	}
	kill()
	for len(files.Files(t)) > 0 {
		select {
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx)) // the end of the test tells what is left
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// TestKilledLabLeavesNothing kills a process that has a lab: the test itself, in a second process.
func TestKilledLabLeavesNothing(t *testing.T) {
	virsh.SkipUnlessEnabled(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const victim, ready = "DOMAINPATCH_GUEST_VICTIM", "the lab is ready\n"
	if os.Getenv(victim) != "" {
		if _, err := NewLab(ctx); err != nil {
			t.Fatal(err)
		}
		fmt.Print(ready)
		<-ctx.Done()
	}
	files := newScratch(t)
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilledLabLeavesNothing$")
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	killErr := cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil || killErr != nil || line != ready {
		t.Fatalf("it said %q: %v, %v", line, err, killErr)
	}
	for files.holds(t) {
		select {
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx)) // the end of the test tells what is left
		case <-time.After(20 * time.Millisecond):
		}
	}
}

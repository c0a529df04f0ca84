// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"errors"
	"flag"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
	"github.com/domainpatch/domainpatch/test/processes"
	"github.com/domainpatch/domainpatch/test/scratch"
)

var times = flag.Int("times", 1, "how often each pair of guests is started")

// TestGuestsSeePatches goes from the samples to guests: one cluster for all VMs, then two guests at a time.
func TestGuestsSeePatches(t *testing.T) {
	virsh.SkipUnlessEnabled(t)
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	files := scratch.New(t)
	scenes, err := Scenes()
	if err != nil {
		t.Fatal(err)
	}
	lab, err := NewLab(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	pairs := bootAll(t, ctx, scenes)
	for i, s := range scenes {
		t.Run(s.Name, func(t *testing.T) {
			for range *times {
				check(t, ctx, lab, s, pairs[i])
			}
		})
	}
	t.Run("InterruptedGuestLeavesNothing", func(t *testing.T) { interrupt(t, ctx, lab, pairs[0].With, files) })
}

// check starts a pair of guests, and compares what they say with the proofs.
func check(t *testing.T, ctx context.Context, lab *Lab, s *Scene, pair *Pair) {
	t.Helper()
	with, without, err := lab.Compare(ctx, pair)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(with, without); err != nil {
		t.Error(err)
	}
	if s.Check(without, without) == nil {
		t.Error("the proofs hold without patches, too")
	}
}

// interrupt is Ctrl-C while a guest runs. That nothing is left is for the end of the test.
func interrupt(t *testing.T, ctx context.Context, lab *Lab, m Machine, files scratch.Folder) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := lab.Start(ctx, m)
		ended <- err
	}()
	for !runsQEMU(t, files) {
		select {
		case err := <-ended:
			t.Fatalf("the guest has ended before it was seen: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if runsQEMU(t, files) {
		t.Error("QEMU runs on")
	}
}

// runsQEMU tells whether a guest is running.
func runsQEMU(t *testing.T, files scratch.Folder) bool {
	t.Helper()
	return slices.ContainsFunc(files.Processes(t), func(p processes.Process) bool {
		return strings.Contains(p.Command, "qemu-system") && strings.Contains(p.Command, "-kernel")
	})
}

// bootAll starts all VMs as far as the hooks go. The cluster ends then: guests need the processors.
func bootAll(t *testing.T, ctx context.Context, scenes []*Scene) []*Pair {
	t.Helper()
	root, err := cluster.Repository()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(ctx, cluster.Options{Logs: filepath.Join(root, "out", "guest", "logs")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}()
	chain, err := NewChain(ctx, c, scenes, filepath.Join(root, "out", "guest"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []*Pair
	for _, s := range scenes {
		pair, err := chain.Boot(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

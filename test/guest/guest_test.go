// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guest

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/domainpatch/domainpatch/test/cluster"
	"github.com/domainpatch/domainpatch/test/libvirt/virsh"
)

// TestGuestsSeePatches goes from the samples to guests: one cluster for all VMs, then two guests at a time.
func TestGuestsSeePatches(t *testing.T) {
	if os.Getenv(virsh.Enable) == "" {
		t.Skipf("needs Debian's libvirt and QEMU: run make test-guest, or set %s=1", virsh.Enable)
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
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
			with, without, err := lab.Compare(ctx, pairs[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Check(with, without); err != nil {
				t.Error(err)
			}
			if s.Check(without, without) == nil {
				t.Error("the proofs hold without patches, too")
			}
		})
	}
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

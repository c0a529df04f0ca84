// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lockdown

import (
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/domainpatch/domainpatch/controllers/admission"
	"github.com/domainpatch/domainpatch/test/cluster"
)

// TestLockdown makes the same attempts in both modes, each mode in a namespace of its own, where
// there are VMs from the time before lockdown.
func TestLockdown(t *testing.T) {
	root, err := cluster.Repository()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	c, err := cluster.Start(ctx, cluster.Options{
		Logs:        filepath.Join(root, "out", "lockdown"),
		Controllers: []string{"garbage-collector-controller", "namespace-controller", "validatingadmissionpolicy-status-controller"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}()
	audit := prepare(t, ctx, c, root, admission.LockdownAudit)
	enforce := prepare(t, ctx, c, root, admission.LockdownEnforce)

	audit.turnOn(t)
	for _, a := range attempts {
		t.Run("Audit/"+a.name, func(t *testing.T) { audit.watch(t, a) })
	}
	t.Run("Audit/VMsStart", audit.foreignVMsStart)
	enforce.turnOn(t)
	for _, a := range attempts {
		t.Run("Enforce/"+a.name, func(t *testing.T) { enforce.refuse(t, a) })
	}
	t.Run("Enforce/Types", enforce.policiesFitTypes)
	t.Run("Enforce/VMsDoNotStart", enforce.foreignVMsDoNotStart)
	t.Run("InAnyMode", enforce.refusedInAnyMode)
	t.Run("NoEffect", enforce.statusHasNoEffect)
	t.Run("GoesOn", enforce.allElseGoesOn)
	t.Run("GoesOnWithoutOperator", enforce.goesOnWithoutOperator)
}

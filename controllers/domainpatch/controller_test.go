// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/domainpatch"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestController runs the reconciler in a manager, with its caches: what it must react to is
// watched, kinds that come later as well, and every change costs the writes that it must.
func TestController(t *testing.T) {
	b := newBench(t, testcluster.Options{NoKubeVirt: true})
	ns := b.Namespace(t, "vms")
	b.startManager(t)
	x, y := domainPatch(ns, "x", setRule("/domain/title", "x")), domainPatch(ns, "y", setRule("/domain/title", "y"))
	dpp := policy("p", "/domain/title")
	writes := int32(0)
	// step waits until a condition of both patches begins so, by so many writes.
	step := func(what, condition, prefix string, more int32) {
		t.Helper()
		writes += more
		until(t, what, func() error {
			for _, dp := range []client.Object{x, y} {
				if got := b.message(t, dp, condition); !strings.HasPrefix(got, prefix) {
					return fmt.Errorf("condition %s of %s is %q", condition, dp.GetName(), got)
				}
			}
			return nil
		})
		until(t, what+", by its writes", func() error {
			if got := b.writes.Load(); got != writes {
				return fmt.Errorf("%d writes, want %d", got, writes)
			}
			return nil
		})
	}
	b.Add(t, x, y)
	step("there is no KubeVirt", "Ready", "False KubeVirtNotFound", 2)
	b.InstallKubeVirtCRDs(t)
	b.Add(t, kubeVirt(ns, "Sidecar"))
	step("KubeVirt is installed", "Ready", "True Ready", 2)
	const ref = v1alpha1.DomainPatchReferencePrefix
	both := vmi(ns, "v", ref+"x", "true", ref+"y", "true")
	b.Add(t, both)
	step("a VMI binds both", "Effective", "False Conflicting", 2)
	if err := b.Delete(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	step("the VMI is gone", "Effective", "True Effective", 2)
	b.InstallPluginCRD(t)
	plugin := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "plugin.kubevirt.io/v1alpha1", "kind": "Plugin", "metadata": map[string]any{"name": "gpu"}}}
	b.Add(t, plugin)
	step("there is a Plugin, and no schema has titles", "Effective", "False EditsLostToPlugins", 2)
	if err := b.Delete(t.Context(), plugin); err != nil {
		t.Fatal(err)
	}
	step("the Plugin is gone", "Effective", "True Effective", 2)
	b.Add(t, dpp)
	until(t, "the policy is accepted", func() error {
		if got := b.message(t, dpp, "Ready"); !strings.HasPrefix(got, "True") {
			return fmt.Errorf("condition Ready is %q", got)
		}
		return nil
	})
	b.set(t, dpp, func() { dpp.Spec.Allow[0].Path = "/domain/vcpu" })
	step("a policy denies it", "Ready", "False DeniedByPolicy", 4) // those of the policy among them
}

func (b *bench) startManager(t *testing.T) {
	t.Helper()
	mgr, err := ctrl.NewManager(b.Env.Config, ctrl.Options{Scheme: testcluster.Scheme(t), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}}) // the test may run more than once
	if err != nil {
		t.Fatal(err)
	}
	cached := countingWrites{mgr.GetClient(), b.counted}
	r := &domainpatch.Reconciler{Client: cached, Live: mgr.GetAPIReader(), Events: events.NewFakeRecorder(1000)}
	if err := r.SetupWithManager(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// countingWrites reads from a cache and writes through the bench's client.
type countingWrites struct {
	client.Client
	writer client.Client
}

func (c countingWrites) Status() client.SubResourceWriter { return c.writer.Status() }

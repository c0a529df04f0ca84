// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/domainpatch"
	"github.com/domainpatch/domainpatch/controllers/program"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestReconcile follows one patch through the changes around it, on a real API server.
func TestReconcile(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{NoKubeVirt: true})
	recorder := events.NewFakeRecorder(10)
	r := &domainpatch.Reconciler{Client: c.Client, Compile: program.NewCache().Compile, Events: recorder}
	ns := c.Namespace(t, "vms")
	value := "x"
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "a"}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &value}}
	c.Add(t, dp)
	kv := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt",
		"metadata": map[string]any{"namespace": ns, "name": "kubevirt"},
		"spec":     map[string]any{"fromTheFuture": "x"},
	}}
	setPath := func(path string) func() {
		return func() {
			dp.Spec.Domain[0].Path = path
			if err := c.Update(t.Context(), dp); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: ns, Name: "gone"}}); err != nil || !got.IsZero() {
		t.Errorf("Reconcile of a patch that is gone: %v, %v", got, err)
	}
	steps := []struct {
		reason   string
		do       func()
		accepted string // reason
		ready    string
		events   int
	}{
		{"KubeVirt's kinds are unknown", func() {}, "Accepted", "KubeVirtNotFound", 2},
		{"known, but there is none", func() { c.InstallKubeVirtCRDs(t) }, "Accepted", "KubeVirtNotFound", 0},
		{"there is one", func() { c.Add(t, kv) }, "Accepted", "SidecarGateOff", 1},
		{"its gate is on", func() { setGate(t, c.Client, kv) }, "Accepted", "Ready", 1},
		{"nothing happened", func() {}, "Accepted", "Ready", 0},
		{"an error", setPath("/domain["), "Invalid", "NotAccepted", 2},
		{"another error", setPath("/domain]"), "Invalid", "NotAccepted", 0},
		{"corrected", setPath("/domain/title"), "Accepted", "Ready", 2},
	}
	for _, step := range steps {
		step.do()
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(dp)}); err != nil {
			t.Fatalf("Reconcile: %v: %s", err, step.reason)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(dp), dp); err != nil {
			t.Fatal(err)
		}
		for kind, want := range map[string]string{v1alpha1.ConditionAccepted: step.accepted, v1alpha1.ConditionReady: step.ready} {
			got := meta.FindStatusCondition(dp.Status.Conditions, kind)
			if got == nil || got.Reason != want || got.ObservedGeneration != dp.Generation {
				t.Errorf("condition %s is %+v, want %s of generation %d: %s", kind, got, want, dp.Generation, step.reason)
			}
		}
		if dp.Status.ObservedGeneration != dp.Generation {
			t.Errorf("observedGeneration %d, want %d: %s", dp.Status.ObservedGeneration, dp.Generation, step.reason)
		}
		if n := len(recorder.Events); n != step.events {
			t.Errorf("%d events, want %d: %s", n, step.events, step.reason)
		}
		for range len(recorder.Events) {
			if event := <-recorder.Events; strings.Contains(event, "%!") {
				t.Errorf("event %q", event)
			}
		}
	}
}

func setGate(t *testing.T, c client.Client, kv *unstructured.Unstructured) {
	t.Helper()
	err := unstructured.SetNestedStringSlice(kv.Object, []string{"Sidecar"}, "spec", "configuration", "developerConfiguration", "featureGates")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Update(t.Context(), kv); err != nil {
		t.Fatal(err)
	}
}

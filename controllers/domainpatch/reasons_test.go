// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/domainpatch"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestReasons brings about every reason that KubeVirt's configuration has no part in, on a real
// API server whose KubeVirt is ready.
func TestReasons(t *testing.T) {
	b := newBench(t, testcluster.Options{})
	b.Add(t, kubeVirt(b.Namespace(t, "kubevirt"), "Sidecar"))
	for name, test := range map[string]func(*testing.T, *bench){
		"Conflicts": testConflicts, "ConflictEnds": testConflictEnds, "Plugins": testPlugins,
		"DeniedByPolicy": testDeniedByPolicy, "UnknownFields": testUnknownFields, "StaleCache": testStaleCache, "Restart": testRestart,
	} {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

// add creates objects that go with the test.
func (b *bench) add(t *testing.T, objects ...client.Object) {
	t.Helper()
	b.Add(t, objects...)
	t.Cleanup(func() {
		for _, object := range objects {
			if err := b.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
}

// settle reconciles, and wants a second time to do nothing.
func (b *bench) settle(t *testing.T) outcome {
	t.Helper()
	got := b.reconcile(t)
	if diff := cmp.Diff(outcome{}, b.reconcile(t)); diff != "" {
		t.Errorf("a second time, with nothing changed (-want +got):\n%s", diff)
	}
	return got
}

// message is that of a condition of an object.
func (b *bench) message(t *testing.T, object client.Object, condition string) string {
	t.Helper()
	if err := b.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	var all []metav1.Condition
	switch o := object.(type) {
	case *v1alpha1.DomainPatch:
		all = o.Status.Conditions
	case *v1alpha1.ClusterDomainPatch:
		all = o.Status.Conditions
	case *v1alpha1.DomainPatchPolicy:
		all = o.Status.Conditions
	}
	c := meta.FindStatusCondition(all, condition)
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
}

func (b *bench) wantPrefix(t *testing.T, object client.Object, condition, prefix string) {
	t.Helper()
	if got := b.message(t, object, condition); !strings.HasPrefix(got, prefix) {
		t.Errorf("condition %s of %s is %q, want %q", condition, object.GetName(), got, prefix)
	}
}

func vmi(namespace, name string, labels ...string) *unstructured.Unstructured {
	all := map[string]any{}
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"namespace": namespace, "name": name, "labels": all},
	}}
}

func until(t *testing.T, what string, try func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 90*time.Second, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v", what, last)
	}
}

// testUnknownFields has patches and a policy written by a newer version, whose CRDs have more
// fields: the cache does not show them.
func testUnknownFields(t *testing.T, b *bench) {
	ns := b.Namespace(t, "future")
	for _, name := range []string{"domainpatches", "clusterdomainpatches", "domainpatchpolicies"} {
		crd := &unstructured.Unstructured{}
		crd.SetAPIVersion("apiextensions.k8s.io/v1")
		crd.SetKind("CustomResourceDefinition")
		crd.SetName(name + ".domainpatch.kubevirt.io")
		future := `[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/future", "value": {"type": "string"}}]`
		if err := b.Patch(t.Context(), crd, client.RawPatch(types.JSONPatchType, []byte(future))); err != nil {
			t.Fatal(err)
		}
	}
	objects := []client.Object{domainPatch(ns, "a", setRule("/domain/title", "x")), clusterDomainPatch("a", setRule("/domain/title", "x")), policy("a", "/domain/title")}
	for _, object := range objects {
		b.add(t, object)
		until(t, "the API server keeps the new field", func() error { return b.writeFuture(t, object) })
	}
	got := b.settle(t)
	if got.Reads != 3 || got.Writes != 3 {
		t.Errorf("%+v, want three reads and three writes", got)
	}
	for _, object := range objects {
		b.wantPrefix(t, object, "Accepted", `False Invalid: unknown field "spec.future"`)
		b.wantPrefix(t, object, "Ready", "False NotAccepted")
	}
	for _, object := range objects {
		u := b.read(t, object)
		unstructured.RemoveNestedField(u.Object, "spec", "future")
		if err := b.Update(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.settle(t); got.Reads != 3 || got.Writes != 3 {
		t.Errorf("%+v, want three reads and three writes", got)
	}
	for _, object := range objects {
		b.wantPrefix(t, object, "Ready", "True Ready")
	}
}

func (b *bench) read(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	gvk, err := b.Cluster.GroupVersionKindFor(object)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	if err := b.Get(t.Context(), client.ObjectKeyFromObject(object), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func (b *bench) writeFuture(t *testing.T, object client.Object) error {
	u := b.read(t, object)
	if err := unstructured.SetNestedField(u.Object, "x", "spec", "future"); err != nil {
		return err
	}
	if err := b.Update(t.Context(), u); err != nil {
		return err
	}
	if _, kept, _ := unstructured.NestedString(u.Object, "spec", "future"); !kept {
		return fmt.Errorf("%s: the field is pruned", object.GetName())
	}
	return nil
}

func testDeniedByPolicy(t *testing.T, b *bench) {
	tenant, free := b.Namespace(t, "tenant", "tenant", "yes"), b.Namespace(t, "free")
	limits := policy("limits", "/domain/title")
	limits.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tenant": "yes"}}
	allowed, denied, elsewhere := domainPatch(tenant, "allowed", setRule("/domain/title", "x")), domainPatch(tenant, "denied", setRule("/domain/vcpu", "4")), domainPatch(free, "denied", setRule("/domain/vcpu", "4"))
	admins := clusterDomainPatch("denied", setRule("/domain/vcpu", "4"))
	maybe := domainPatch(tenant, "maybe", setRule("/domain/vcpu", "4"))
	maybe.Spec.Domain[0].When = "vmi.metadata.name == 'x'"
	b.add(t, limits, allowed, denied, elsewhere, admins, maybe)
	got := b.settle(t)
	if diff := cmp.Diff([]string{"Warning DeniedByPolicy", "Warning DeniedByPolicy"}, warnings(got)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	const why = "denied by DomainPatchPolicy limits: spec.domain[0] changes /domain/vcpu, which is not among what is allowed"
	b.wantPrefix(t, denied, "Ready", "False DeniedByPolicy: "+why)
	b.wantPrefix(t, maybe, "Ready", "True Ready")
	b.wantPrefix(t, maybe, "Effective", "False DeniedByPolicy: "+why)
	for _, object := range []client.Object{allowed, elsewhere, admins} {
		b.wantPrefix(t, object, "Ready", "True Ready")
		b.wantPrefix(t, object, "Effective", "True Effective")
	}
	more := policy("more", "/domain/vcpu")
	b.add(t, more)
	b.settle(t)
	b.wantPrefix(t, denied, "Ready", "True Ready")
	b.wantPrefix(t, maybe, "Effective", "True Effective")
	b.wantPrefix(t, elsewhere, "Ready", "True Ready") // under a policy now, which allows it
	b.set(t, more, func() { more.Spec.Allow[0].Path = "/domain/description" })
	b.settle(t)
	b.wantPrefix(t, elsewhere, "Ready", "False DeniedByPolicy: denied by DomainPatchPolicy more: ")
	b.wantPrefix(t, denied, "Ready", "False DeniedByPolicy: denied by DomainPatchPolicy limits, more: ")
}

func warnings(o outcome) []string {
	var all []string
	for _, e := range o.Events {
		if strings.HasPrefix(e, "Warning") {
			all = append(all, e)
		}
	}
	return all
}

// gauge is the value of a metric of the operator.
func gauge(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var got []string
			for _, l := range m.GetLabel() {
				got = append(got, l.GetValue())
			}
			if f.GetName() == name && cmp.Equal(got, labels) {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of %v", name, labels)
	return 0
}

func testPlugins(t *testing.T, b *bench) {
	ns := b.Namespace(t, "plugins")
	kept, lost := domainPatch(ns, "kept", setRule("/domain/vcpu", "4")), domainPatch(ns, "lost", setRule("/domain/vcpu", "4"), setRule("/domain/devices/disk/iotune/total_iops_sec", "5"))
	lost.Spec.Domain[1].Name = "iops"
	broken := domainPatch(ns, "broken", setRule("/domain[", "x"))
	b.add(t, kept, lost, broken)
	b.settle(t)
	b.wantPrefix(t, lost, "Effective", "True Effective")
	b.InstallPluginCRD(t)
	plugin := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "plugin.kubevirt.io/v1alpha1", "kind": "Plugin", "metadata": map[string]any{"name": "gpu"}}}
	b.add(t, plugin)
	if diff := cmp.Diff(outcome{1, 0, []string{"Warning EditsLostToPlugins"}}, b.settle(t)); diff != "" {
		t.Errorf("a Plugin is there (-want +got):\n%s", diff)
	}
	b.wantPrefix(t, kept, "Effective", "True Effective")
	b.wantPrefix(t, lost, "Ready", "True Ready")
	b.wantPrefix(t, lost, "Effective", "False EditsLostToPlugins: the cluster has KubeVirt Plugins (gpu), with which KubeVirt drops what its own schema does not hold: the edits of spec.domain[1] (iops) are lost")
	for want, labels := range map[float64][]string{2: {"DomainPatch", "True"}, 1: {"DomainPatch", "False"}, 0: {"ClusterDomainPatch", "True"}} {
		if got := gauge(t, "domainpatch_patches", labels...); got != want {
			t.Errorf("metric of patches %v is %v, want %v", labels, got, want)
		}
	}
	if got := gauge(t, "domainpatch_kubevirt_plugins"); got != 1 {
		t.Errorf("metric of Plugins is %v, want 1", got)
	}
	if err := b.Delete(t.Context(), plugin); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outcome{1, 0, []string{"Normal Effective"}}, b.settle(t)); diff != "" {
		t.Errorf("the Plugin is gone (-want +got):\n%s", diff)
	}
	b.wantPrefix(t, lost, "Effective", "True Effective")
}

// testStaleCache has a cache that does not know yet what was written.
func testStaleCache(t *testing.T, b *bench) {
	ns := b.Namespace(t, "stale")
	dp := domainPatch(ns, "a", setRule("/domain/title", "x"))
	b.add(t, dp)
	var before v1alpha1.DomainPatchList
	if err := b.List(t.Context(), &before); err != nil {
		t.Fatal(err)
	}
	fresh := b.Reconciler.Client
	t.Cleanup(func() { b.Reconciler.Client = fresh })
	b.Reconciler.Client = staleList{fresh, &before}
	if got := b.settle(t); got.Writes != 1 {
		t.Errorf("%+v, want one write", got)
	}
	b.Reconciler.Client = fresh
	b.settle(t)
	// Who overwrites the status in the meantime does not win.
	if err := b.Get(t.Context(), client.ObjectKeyFromObject(dp), dp); err != nil {
		t.Fatal(err)
	}
	dp.Status.Conditions = nil
	if err := b.Status().Update(t.Context(), dp); err != nil {
		t.Fatal(err)
	}
	if got := b.settle(t); got.Writes != 1 {
		t.Errorf("%+v, want one write", got)
	}
}

// staleList lists the DomainPatches of a moment ago.
type staleList struct {
	client.Client
	patches *v1alpha1.DomainPatchList
}

func (s staleList) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	if list, ok := into.(*v1alpha1.DomainPatchList); ok {
		s.patches.DeepCopyInto(list)
		return nil
	}
	return s.Client.List(ctx, into, opts...)
}

// testRestart has a new process find what the one before wrote.
func testRestart(t *testing.T, b *bench) {
	ns := b.Namespace(t, "restart")
	b.add(t, domainPatch(ns, "a", setRule("/domain/title", "x")), clusterDomainPatch("a", setRule("/domain/title", "x")), policy("a", "/domain/title"))
	b.settle(t)
	before := b.Reconciler
	t.Cleanup(func() { b.Reconciler = before })
	b.Reconciler = &domainpatch.Reconciler{Events: b.events, Client: b.counted, Live: b.counted}
	if diff := cmp.Diff(outcome{}, b.settle(t)); diff != "" {
		t.Errorf("after a restart, with nothing changed (-want +got):\n%s", diff)
	}
}

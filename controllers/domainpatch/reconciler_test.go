// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/domainpatch"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// bench is a reconciler on a real API server, whose requests and events are counted.
type bench struct {
	*testcluster.Cluster
	*domainpatch.Reconciler
	events        *events.FakeRecorder
	writes, reads atomic.Int32  // of statuses; live
	counted       client.Client // counts them
}

func newBench(t *testing.T, opts testcluster.Options) *bench {
	t.Helper()
	b := &bench{Cluster: testcluster.Start(t, opts), events: events.NewFakeRecorder(1000)}
	b.counted = b.counting(t)
	b.Reconciler = &domainpatch.Reconciler{Events: b.events, Client: b.counted, Live: b.counted}
	return b
}

// counting is a client that counts what no cache answers.
func (b *bench) counting(t *testing.T) client.Client {
	t.Helper()
	c, err := client.NewWithWatch(b.Env.Config, client.Options{Scheme: testcluster.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			b.reads.Add(1)
			return c.Get(ctx, key, into, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			b.writes.Add(1)
			return c.SubResource(sub).Patch(ctx, object, p, opts...)
		},
	})
}

// outcome is what one Reconcile did.
type outcome struct {
	Writes, Reads int32
	Events        []string
}

func (b *bench) reconcile(t *testing.T) outcome {
	t.Helper()
	b.writes.Store(0)
	b.reads.Store(0)
	if _, err := b.Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	got := outcome{Writes: b.writes.Load(), Reads: b.reads.Load()}
	for range len(b.events.Events) {
		event := <-b.events.Events
		if strings.Contains(event, "%!") {
			t.Errorf("event %q", event)
		}
		got.Events = append(got.Events, strings.Join(strings.Fields(event)[:2], " "))
	}
	slices.Sort(got.Events)
	return got
}

// conditions are those of an object as "Type Status Reason".
func (b *bench) conditions(t *testing.T, object client.Object) []string {
	t.Helper()
	u := &unstructured.Unstructured{}
	gvk, err := b.Cluster.GroupVersionKindFor(object)
	if err != nil {
		t.Fatal(err)
	}
	u.SetGroupVersionKind(gvk)
	if err := b.Get(t.Context(), client.ObjectKeyFromObject(object), u); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(u.Object, "status", "observedGeneration"); n != u.GetGeneration() {
		t.Errorf("%s: observedGeneration %d, want %d", u.GetName(), n, u.GetGeneration())
	}
	all, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	var got []string
	for _, c := range all {
		m := c.(map[string]any)
		if m["observedGeneration"] != u.GetGeneration() {
			t.Errorf("%s: condition %v of generation %v, want %d", u.GetName(), m["type"], m["observedGeneration"], u.GetGeneration())
		}
		got = append(got, fmt.Sprintf("%s %s %s", m["type"], m["status"], m["reason"]))
	}
	return got
}

func (b *bench) set(t *testing.T, object client.Object, change func()) {
	t.Helper()
	if err := b.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	change()
	if err := b.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func setRule(path, value string) v1alpha1.DomainRule {
	return v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: path, Value: &value}
}

func domainPatch(namespace, name string, rules ...v1alpha1.DomainRule) *v1alpha1.DomainPatch {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dp.Spec.Domain = rules
	return dp
}

func clusterDomainPatch(name string, rules ...v1alpha1.DomainRule) *v1alpha1.ClusterDomainPatch {
	cdp := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}}
	cdp.Spec.Domain = rules
	return cdp
}

func policy(name string, paths ...string) *v1alpha1.DomainPatchPolicy {
	dpp := &v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, path := range paths {
		dpp.Spec.Allow = append(dpp.Spec.Allow, v1alpha1.AllowedPath{Path: path})
	}
	return dpp
}

func kubeVirt(namespace string, gates ...any) *unstructured.Unstructured {
	kv := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt",
		"metadata": map[string]any{"namespace": namespace, "name": "kubevirt"},
		"spec":     map[string]any{"fromTheFuture": "x"},
	}}
	if len(gates) > 0 {
		_ = unstructured.SetNestedSlice(kv.Object, gates, "spec", "configuration", "developerConfiguration", "featureGates")
	}
	return kv
}

const (
	isAccepted  = "Accepted True Accepted"
	isReady     = "Ready True Ready"
	isEffective = "Effective True Effective"
)

// TestReconcile follows a patch of each kind and a policy through the changes around them, on a
// real API server.
func TestReconcile(t *testing.T) {
	b := newBench(t, testcluster.Options{NoKubeVirt: true})
	ns := b.Namespace(t, "vms")
	dp, cdp, dpp := domainPatch(ns, "a", setRule("/domain/title", "x")), clusterDomainPatch("a", setRule("/domain/title", "x")), policy("a", "/domain/title")
	kv := kubeVirt(ns)
	setPath := func(path string) func() {
		return func() { b.set(t, dp, func() { dp.Spec.Domain[0].Path = path }) }
	}
	allow := func(path string) func() { return func() { b.set(t, dpp, func() { dpp.Spec.Allow[0].Path = path }) } }
	both := []string{isAccepted, isReady}
	steps := []struct {
		reason     string
		do         func()
		dp, cdp    string // reason of Ready
		dpp        []string
		outcome    outcome
		dpAccepted string
	}{
		{"nothing is there", func() {}, "", "", nil, outcome{}, ""},
		{"KubeVirt's kinds are unknown", func() { b.Add(t, dp, cdp, dpp) }, "KubeVirtNotFound", "KubeVirtNotFound", both,
			outcome{3, 3, []string{"Normal Accepted", "Normal Accepted", "Normal Accepted", "Normal Ready", "Warning KubeVirtNotFound", "Warning KubeVirtNotFound"}}, "Accepted"},
		{"known, but there is none", func() { b.InstallKubeVirtCRDs(t) }, "KubeVirtNotFound", "KubeVirtNotFound", both, outcome{}, "Accepted"},
		{"there is one", func() { b.Add(t, kv) }, "SidecarGateOff", "SidecarGateOff", both, outcome{2, 0, []string{"Warning SidecarGateOff", "Warning SidecarGateOff"}}, "Accepted"},
		{"its gate is on", func() {
			b.set(t, kv, func() { kv.Object["spec"] = kubeVirt(ns, "Sidecar").Object["spec"] })
		}, "Ready", "Ready", both, outcome{2, 0, []string{"Normal Ready", "Normal Ready"}}, "Accepted"},
		{"nothing happened", func() {}, "Ready", "Ready", both, outcome{}, "Accepted"},
		{"an error", setPath("/domain["), "NotAccepted", "Ready", both, outcome{1, 0, []string{"Warning Invalid", "Warning NotAccepted"}}, "Invalid"},
		{"another error", setPath("/domain]"), "NotAccepted", "Ready", both, outcome{1, 0, nil}, "Invalid"},
		{"corrected", setPath("/domain/title"), "Ready", "Ready", both, outcome{1, 1, []string{"Normal Accepted", "Normal Ready"}}, "Accepted"},
		{"a policy of the namespace is broken", allow("/domain["), "PolicyNotAccepted", "Ready", []string{"Accepted False Invalid", "Ready False NotAccepted"},
			outcome{2, 0, []string{"Warning Invalid", "Warning NotAccepted", "Warning PolicyNotAccepted"}}, "Accepted"},
		{"it selects others", func() {
			b.set(t, dpp, func() {
				dpp.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
			})
		}, "Ready", "Ready", []string{"Accepted False Invalid", "Ready False NotAccepted"}, outcome{2, 0, []string{"Normal Ready"}}, "Accepted"},
		{"the policy is corrected", allow("/domain/title"), "Ready", "Ready", both, outcome{1, 1, []string{"Normal Accepted", "Normal Ready"}}, "Accepted"},
		{"nothing happened again", func() {}, "Ready", "Ready", both, outcome{}, "Accepted"},
	}
	for _, step := range steps {
		step.do()
		if diff := cmp.Diff(step.outcome, b.reconcile(t)); diff != "" {
			t.Errorf("%s: outcome (-want +got):\n%s", step.reason, diff)
		}
		if step.dp == "" {
			continue
		}
		for _, tc := range []struct {
			object client.Object
			want   []string
		}{{dp, patchConditions(step.dpAccepted, step.dp)}, {cdp, patchConditions("Accepted", step.cdp)}, {dpp, step.dpp}} {
			if diff := cmp.Diff(tc.want, b.conditions(t, tc.object)); diff != "" {
				t.Errorf("%s: conditions of %T (-want +got):\n%s", step.reason, tc.object, diff)
			}
		}
	}
}

// patchConditions are those of a patch, by the reasons of Accepted and Ready.
func patchConditions(accepted, ready string) []string {
	status := func(condition, reason string) string {
		if condition == reason {
			return condition + " True " + reason
		}
		return condition + " False " + reason
	}
	effective := isEffective
	if accepted == "Invalid" {
		effective = "Effective Unknown NotAccepted"
	}
	return []string{status("Accepted", accepted), status("Ready", ready), effective}
}

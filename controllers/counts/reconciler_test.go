// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

func TestIsRelevant(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*kubevirt.VirtualMachineInstance)
		want   bool
	}{
		"Nothing":    {"a resync", func(*kubevirt.VirtualMachineInstance) {}, false},
		"Status":     {"KubeVirt is at work", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[0].Status = "True" }, false},
		"Running":    {"it still runs", inPhase("Running"), false},
		"Label":      {"other patches may bind", labelled("x"), true},
		"Annotation": {"the mark may have changed", func(v *kubevirt.VirtualMachineInstance) { v.Annotations = map[string]string{"x": "y"} }, true},
		"Started":    {"no longer failed", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[1].Status = "True" }, true},
		"Ended":      {"no longer counted", inPhase("Failed"), true},
		"Deleted":    {"no longer counted", func(v *kubevirt.VirtualMachineInstance) { v.DeletionTimestamp = &metav1.Time{} }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := vmi(t, "v", nil, failing("x", fmt.Sprintf(syncError, "no")))
			after := before.DeepCopy()
			tc.change(after)
			if got := isRelevant(event.TypedUpdateEvent[*kubevirt.VirtualMachineInstance]{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("isRelevant: %t, want %t: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestNewFailure(t *testing.T) {
	ours, other, foreign := syncFailed("e", "v", fmt.Sprintf(syncError, "no")), syncFailed("e", "v", fmt.Sprintf(syncError, "never")), syncFailed("e", "v", "no connection")
	if !newFailure.Create(event.CreateEvent{Object: ours}) || newFailure.Create(event.CreateEvent{Object: foreign}) {
		t.Error("new events: want those with an error of the shim, and no others")
	}
	if newFailure.Update(event.UpdateEvent{ObjectOld: ours, ObjectNew: ours.DeepCopy()}) || !newFailure.Update(event.UpdateEvent{ObjectOld: ours, ObjectNew: other}) {
		t.Error("updates: want those with another error, and no others")
	}
}

// stored is a VMI for an API server, which knows more of it than our types.
func stored(namespace string, v *kubevirt.VirtualMachineInstance) *unstructured.Unstructured {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(v)
	if err != nil {
		panic(err)
	}
	u := &unstructured.Unstructured{Object: object}
	u.SetGroupVersionKind(kubevirt.GroupVersion.WithKind("VirtualMachineInstance"))
	u.SetNamespace(namespace)
	u.SetUID("")
	return u
}

// statusOf reads a patch's status from the API server.
func statusOf(t *testing.T, c client.Client, patch client.Object) (status v1alpha1.DomainPatchStatus, resourceVersion string) {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(patch), patch); err != nil {
		t.Fatal(err)
	}
	if cdp, ok := patch.(*v1alpha1.ClusterDomainPatch); ok {
		return cdp.Status, cdp.ResourceVersion
	}
	return patch.(*v1alpha1.DomainPatch).Status, patch.GetResourceVersion()
}

// TestReconcile follows a DomainPatch of namespace vms and a ClusterDomainPatch through changes around them.
func TestReconcile(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{})
	c.Namespace(t, "vms", "tier", "gold")
	plain := c.Namespace(t, "plain")
	a := domainPatch("a")
	cluster := clusterPatch("c", func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.Selector, cdp.Spec.NamespaceSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	})
	running := made(t, nil, a, cluster)
	c.Add(t, a, cluster, bundles.ConfigMap(running, "vms"))
	recorder := events.NewFakeRecorder(10)
	r := &Reconciler{Client: c.Client, Compile: render.Compile, Events: recorder}
	v, w := stored("vms", vmi(t, "v", running, labelled(ref+"a"))), stored(plain, vmi(t, "w", nil))
	outdated := func(namespace, name string) []v1alpha1.VMIReference {
		return []v1alpha1.VMIReference{{Namespace: namespace, Name: name}}
	}
	inPlain := outdated(plain, "w")
	inVMS := outdated("vms", "v")
	const message = "domainpatch: DomainPatch vms/a: spec.domain[0]: no \"x\" here"
	failures := []v1alpha1.VMIFailure{{VMIReference: inVMS[0], Message: message}}
	steps := []struct {
		reason  string
		do      func() error
		dp, cdp tally
		event   string // one, that begins like this
	}{
		{"no VMI", func() error { return nil }, tally{}, tally{}, ""},
		{"one with both patches, and one in a namespace that is not selected", func() error { return errors.Join(c.Create(t.Context(), v), c.Create(t.Context(), w)) },
			tally{1, 1, 0, 0, nil, nil}, tally{1, 1, 0, 0, nil, nil}, ""},
		{"the other namespace is selected, too", func() error {
			return c.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: plain}}, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"tier":"gold"}}}`)))
		}, tally{1, 1, 0, 0, nil, nil}, tally{2, 1, 1, 0, inPlain, nil}, `Normal VMsOutdated 1 VM runs with other patches`},
		{"the VMI cannot be started", func() error {
			return c.Patch(t.Context(), v, client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Synchronized","status":"False","message":`+strconv.Quote(fmt.Sprintf("failed: %q", message))+`}]}}`)))
		}, tally{1, 1, 0, 1, nil, failures}, tally{2, 1, 1, 0, inPlain, nil}, `Warning VMsFailed 1 VM does not start, first vms/v: ` + message},
		{"a changed patch", func() error {
			a.Spec.Domain[0].Path = "/domain/description"
			return c.Update(t.Context(), a)
		}, tally{1, 0, 1, 1, inVMS, failures}, tally{2, 0, 2, 0, append(slices.Clone(inPlain), inVMS...), nil}, `Normal VMsOutdated 1 VM runs with other patches`},
		{"no VMI any more", func() error { return errors.Join(c.Delete(t.Context(), v), c.Delete(t.Context(), w)) }, tally{}, tally{}, ""},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		var versions [2]string
		for i := range 2 { // the second time nothing is to be written
			r.changes.markAll()
			if got, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil || !got.IsZero() {
				t.Fatalf("Reconcile: %v, %v: %s", got, err, step.reason)
			}
			var version string
			for _, p := range []struct {
				object client.Object
				want   tally
			}{{a, step.dp}, {cluster, step.cdp}} {
				s, resourceVersion := statusOf(t, c, p.object)
				if diff := cmp.Diff(p.want, tally{s.Matched, s.Current, s.Outdated, s.Failed, s.OutdatedVMIs, s.Failures}); diff != "" {
					t.Errorf("%T, %s (-want +got):\n%s", p.object, step.reason, diff)
				}
				version += resourceVersion + " "
			}
			versions[i] = version
		}
		if versions[0] != versions[1] {
			t.Errorf("written though nothing changed: %s", step.reason)
		}
		if n := len(recorder.Events); n != min(len(step.event), 1) {
			t.Errorf("%d events, want %q: %s", n, step.event, step.reason)
		}
		for range len(recorder.Events) {
			event := <-recorder.Events
			if !strings.HasPrefix(event, step.event) || strings.Contains(event, "%!") || strings.HasSuffix(event, `"`) {
				t.Errorf("event %q, want %q: %s", event, step.event, step.reason)
			}
		}
	}
}

// TestFailedPass has the first pass, which is to count all, fail before it knows of any namespace.
func TestFailedPass(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{})
	c.Namespace(t, "vms")
	a := domainPatch("a")
	c.Add(t, a, stored("vms", vmi(t, "v", nil, labelled(ref+"a"))))
	watching, err := client.NewWithWatch(c.Env.Config, client.Options{Scheme: testcluster.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("the API server is busy")
	r := &Reconciler{Compile: render.Compile, Events: events.NewFakeRecorder(10), Client: interceptor.NewClient(watching, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return refused },
	})}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); !errors.Is(err, refused) {
		t.Fatalf("Reconcile: %v, want %v", err, refused)
	}
	r.Client = c.Client
	if _, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil {
		t.Fatal(err)
	}
	if status, _ := statusOf(t, c, a); status.Matched != 1 {
		t.Errorf("%d VMIs are matched after the second pass, want 1: it is to make up for the first", status.Matched)
	}
}

// TestInterval wants a pass that comes too early to wait.
func TestInterval(t *testing.T) {
	r := &Reconciler{Interval: time.Hour, ended: time.Now()} // without a client a pass would panic
	if got, err := r.Reconcile(t.Context(), ctrl.Request{}); err != nil || got.RequeueAfter < time.Minute || got.RequeueAfter > time.Hour {
		t.Errorf("Reconcile: %v, %v, want the rest of an hour", got, err)
	}
}

// TestManyPatches has more patches change than a pass writes of one namespace.
func TestManyPatches(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{})
	c.Namespace(t, "vms")
	for i := range maxWrites + 10 {
		c.Add(t, domainPatch(fmt.Sprintf("p%d", i), func(dp *v1alpha1.DomainPatch) { dp.Spec.Selector = &metav1.LabelSelector{} }))
	}
	c.Add(t, stored("vms", vmi(t, "v", nil)))
	r := &Reconciler{Client: c.Client, Compile: render.Compile, Events: events.NewFakeRecorder(2 * maxWrites)}
	for pass, want := range []int{maxWrites, maxWrites + 10, maxWrites + 10} {
		got, err := r.Reconcile(t.Context(), ctrl.Request{})
		if err != nil || (got.RequeueAfter > 0) != (pass == 0) {
			t.Fatalf("pass %d: %v, %v", pass, got, err)
		}
		var list v1alpha1.DomainPatchList
		if err := c.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		if n := len(slices.DeleteFunc(list.Items, func(dp v1alpha1.DomainPatch) bool { return dp.Status.Matched != 1 })); n != want {
			t.Errorf("%d patches are written after pass %d, want %d", n, pass, want)
		}
	}
}

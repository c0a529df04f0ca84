// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
	"github.com/domainpatch/domainpatch/shim"
)

func TestErrorPrefix(t *testing.T) {
	if errorPrefix != shim.ErrorPrefix {
		t.Errorf("the shim's errors begin with %q, not with %q", shim.ErrorPrefix, errorPrefix)
	}
}

const ref = v1alpha1.DomainPatchReferencePrefix

func domainPatch(name string, changes ...func(*v1alpha1.DomainPatch)) v1alpha1.DomainPatch {
	dp := v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &name}}
	for _, change := range changes {
		change(&dp)
	}
	return dp
}

// namedX has a rule for cloud-init, for VMIs named x alone, which may start without the patch where they have no such volume.
func namedX(dp *v1alpha1.DomainPatch) {
	dp.Spec.FailurePolicy = v1alpha1.FailurePolicyIgnore
	dp.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "x", Expression: "vmi.metadata.name == 'x' || !vmi.spec.fromTheFuture || vmi.kind == ''"}}
	dp.Spec.CloudInit = []v1alpha1.CloudInitRule{{Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpRemove, Path: "/a"}}
}

// vmi runs with a bundle, and could not be started for a reason, if one is given.
func vmi(t *testing.T, name, bundle, syncError string, labels ...string) kubevirt.VirtualMachineInstance {
	t.Helper()
	object := map[string]any{"metadata": map[string]any{"namespace": "vms", "name": name}, "spec": map[string]any{"fromTheFuture": true}}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var v kubevirt.VirtualMachineInstance
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	v.Annotations, v.Labels = map[string]string{v1alpha1.BundleAnnotation: bundle}, map[string]string{}
	for _, l := range labels {
		v.Labels[ref+l] = "true"
	}
	if syncError != "" {
		v.Status.Conditions = []kubevirt.Condition{{Type: "Ready", Status: "False"}, {Type: "Synchronized", Status: "False", Message: syncError}}
	}
	return v
}

func hashOf(t *testing.T, patches ...v1alpha1.DomainPatch) string {
	t.Helper()
	var bindings []render.Binding
	for i := range patches {
		bindings = append(bindings, render.Binding{Patch: render.DomainPatch(&patches[i])})
	}
	b, err := render.Build(t.Context(), render.VMI{CloudInit: true}, bindings, nil, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	return b.SHA256
}

func TestCount(t *testing.T) {
	a, b, x := domainPatch("a"), domainPatch("b"), domainPatch("x", namedX)
	broken := domainPatch("broken", func(dp *v1alpha1.DomainPatch) { dp.Spec.Domain[0].Path = "/domain[" })
	hashA, hashAB, hashX := hashOf(t, a), hashOf(t, a, b), hashOf(t, x)
	const failed = "server error. command SyncVMI failed: \"rpc error: desc = domainpatch: %s; after the fix restart the VM\""
	cases := map[string]struct {
		reason string
		vmis   []kubevirt.VirtualMachineInstance
		want   map[string]tally
	}{
		"None":      {"no VMI", nil, map[string]tally{}},
		"Unbound":   {"no patch", []kubevirt.VirtualMachineInstance{vmi(t, "v", "", "")}, map[string]tally{}},
		"Current":   {"what would bind", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashA, "", "a"), vmi(t, "w", hashA, "", "a")}, map[string]tally{"a": {2, 2, 0, 0}}},
		"Outdated":  {"other patches, or none", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashAB, "", "a"), vmi(t, "w", "", "", "a")}, map[string]tally{"a": {2, 0, 2, 0}}},
		"Both":      {"counted for both patches", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashAB, "", "a", "b"), vmi(t, "w", hashA, "", "a", "b")}, map[string]tally{"a": {2, 1, 1, 0}, "b": {2, 1, 1, 0}}},
		"Missing":   {"it would be refused", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashA, "", "a", "none")}, map[string]tally{}},
		"Broken":    {"it cannot be started again", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashA, "", "broken")}, map[string]tally{"broken": {1, 0, 1, 0}}},
		"Foreign":   {"an error of others", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashA, "LibvirtError: no", "a")}, map[string]tally{"a": {1, 1, 0, 0}}},
		"Named":     {"the error names a patch", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashAB, fmt.Sprintf(failed, "DomainPatch vms/b: spec.domain[0]: no"), "a", "b")}, map[string]tally{"a": {1, 1, 0, 0}, "b": {1, 1, 0, 1}}},
		"Unnamed":   {"the error names none", []kubevirt.VirtualMachineInstance{vmi(t, "v", hashAB, fmt.Sprintf(failed, "the bundle is gone"), "a", "b")}, map[string]tally{"a": {1, 1, 0, 1}, "b": {1, 1, 0, 1}}},
		"Condition": {"the bundle depends on more than labels", []kubevirt.VirtualMachineInstance{vmi(t, "x", "", "", "x"), vmi(t, "y", hashX, "", "x"), vmi(t, "x", hashX, "", "x")}, map[string]tally{"x": {3, 1, 2, 0}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := count(t.Context(), tc.vmis, render.Patches([]v1alpha1.DomainPatch{a, b, x, broken}, nil), render.Compile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(tally{})); diff != "" {
				t.Errorf("tallies, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestIsRelevant(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*kubevirt.VirtualMachineInstance)
		want   bool
	}{
		"Nothing":    {"a resync", func(*kubevirt.VirtualMachineInstance) {}, false},
		"Status":     {"KubeVirt is at work", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[0].Status = "True" }, false},
		"Label":      {"other patches may bind", func(v *kubevirt.VirtualMachineInstance) { v.Labels["x"] = "y" }, true},
		"Annotation": {"the mark may have changed", func(v *kubevirt.VirtualMachineInstance) { v.Annotations["x"] = "y" }, true},
		"Started":    {"no longer failed", func(v *kubevirt.VirtualMachineInstance) { v.Status.Conditions[1].Status = "True" }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := vmi(t, "v", "0a", "domainpatch: no", "a")
			after := before.DeepCopy()
			tc.change(after)
			if got := isRelevant(event.TypedUpdateEvent[*kubevirt.VirtualMachineInstance]{ObjectOld: &before, ObjectNew: after}); got != tc.want {
				t.Errorf("isRelevant: %t, want %t: %s", got, tc.want, tc.reason)
			}
		})
	}
}

func TestReconcile(t *testing.T) {
	c := testcluster.Start(t, testcluster.Options{})
	c.Namespace(t, "vms")
	r := &Reconciler{Client: c.Client, Compile: render.Compile, Interval: time.Second}
	a, b := domainPatch("a"), domainPatch("b")
	c.Add(t, &a, &b)
	running := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
		"metadata": map[string]any{"namespace": "vms", "name": "v", "labels": map[string]any{ref + "a": "true"},
			"annotations": map[string]any{v1alpha1.BundleAnnotation: hashOf(t, a)}},
	}}
	c.Add(t, running)
	check := func(want map[string]tally, reason string) {
		t.Helper()
		before := map[string]string{}
		for range 2 { // the second time nothing is to be written
			if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Name: "vms"}}); err != nil {
				t.Fatal(err)
			}
			for name, w := range want {
				var dp v1alpha1.DomainPatch
				if err := c.Get(t.Context(), client.ObjectKey{Namespace: "vms", Name: name}, &dp); err != nil {
					t.Fatal(err)
				}
				got := tally{dp.Status.Matched, dp.Status.Current, dp.Status.Outdated, dp.Status.Failed}
				if got != w {
					t.Errorf("%s: %+v, want %+v: %s", name, got, w, reason)
				}
				if last := before[name]; last != "" && last != dp.ResourceVersion {
					t.Errorf("%s was written though nothing changed: %s", name, reason)
				}
				before[name] = dp.ResourceVersion
			}
		}
	}
	check(map[string]tally{"a": {1, 1, 0, 0}, "b": {}}, "a VMI with patch a")
	if err := c.Delete(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	check(map[string]tally{"a": {}, "b": {}}, "no VMI")
}

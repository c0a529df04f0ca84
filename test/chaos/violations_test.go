// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chaos

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// step is one event of a made-up history, at a resource version.
type step struct {
	version int
	event   watch.EventType
	kind    string
	name    string
	labels  map[string]string
	owner   string // the name of the controller; names are uids, too
	value   any
}

func told(t *testing.T, steps ...step) *history {
	t.Helper()
	slices.SortStableFunc(steps, func(a, b step) int { return a.version - b.version })
	h := newHistory()
	for _, s := range steps {
		namespace := "vms"
		if s.kind == kindClusterPatch {
			namespace = ""
		}
		object := newObject(s.kind, namespace, s.name)
		object.SetUID(types.UID(s.name))
		object.SetResourceVersion(strconv.Itoa(s.version))
		object.SetLabels(s.labels)
		yes := true
		object.SetOwnerReferences([]metav1.OwnerReference{{UID: types.UID(s.owner), Controller: &yes}})
		if err := h.add(s.kind, s.event, object, s.value); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// patchState is the state of a patch in a version.
func patchState(version string, selector map[string]string) any {
	return v1alpha1.ClusterDomainPatchSpec{DomainPatchSpec: spec(version, selector)}
}

// bundleOf is the bundle of DomainPatches in these versions, its name and the annotations of its VMIs.
func bundleOf(t *testing.T, versions map[string]string) (data, name string, has instance) {
	t.Helper()
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
	for _, patch := range slices.Sorted(maps.Keys(versions)) {
		version := versions[patch]
		b.Patches = append(b.Patches, bundle.Patch{Kind: kindPatch, Namespace: "vms", Name: patch, FailurePolicy: bundle.Fail,
			Domain: []bundle.DomainRule{{Op: bundle.OpSet, Path: "/domain/description", Value: &version}}})
	}
	encoded, err := bundle.Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := bundle.Sum(encoded)
	name = v1alpha1.BundleConfigMapPrefix + sum[:v1alpha1.BundleIDLength]
	sidecars, err := json.Marshal([]v1alpha1.HookSidecar{{Image: "shim", Args: []string{v1alpha1.BundleArg, v1alpha1.HookPathOnDefineDomain, v1alpha1.SHA256Arg, sum},
		ConfigMap: &v1alpha1.HookSidecarConfigMap{Name: name, Key: v1alpha1.BundleKey, HookPath: v1alpha1.HookPathOnDefineDomain}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded), name, instance{sum, string(sidecars)}
}

func podOf(name string, has instance) corev1.PodSpec {
	return corev1.PodSpec{
		Volumes: []corev1.Volume{{Name: name, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}}},
		Containers: []corev1.Container{{Name: "hook-sidecar-0", Args: []string{has.bundle}, VolumeMounts: []corev1.VolumeMount{{Name: name}}}},
	}
}

// TestViolations: the judge of this package knows a history that keeps the promise, and every way in
// which one breaks it. In the good one, VM vm is created at 10, its VMI at 20 and its Pod at 30; it demands
// patch a, and patch b selects it.
func TestViolations(t *testing.T) {
	data, name, has := bundleOf(t, map[string]string{"a": "1", "b": "1"})
	onlyA, nameOnlyA, hasOnlyA := bundleOf(t, map[string]string{"a": "1"})
	old, nameOld, hasOld := bundleOf(t, map[string]string{"a": "0", "b": "1"})
	set := labels.Set{demand("a"): "true", "role": "server"}
	good := func() map[string]step {
		return map[string]step{
			"a":   {1, watch.Added, kindPatch, "a", nil, "", patchState("0", nil)},
			"a1":  {5, watch.Modified, kindPatch, "a", nil, "", patchState("1", nil)},
			"b":   {2, watch.Added, kindPatch, "b", nil, "", patchState("1", servers)},
			"vm":  {10, watch.Added, kindVM, "vm", nil, "", ""},
			"cm":  {15, watch.Added, kindConfigMap, name, nil, "", data},
			"vmi": {20, watch.Added, kindVMI, "vmi", set, "vm", has},
			"pod": {30, watch.Added, kindPod, "pod", nil, "vmi", podOf(name, has)},
		}
	}
	for test, tc := range map[string]struct {
		reason string
		change func(map[string]step)
		want   string // in the only violation; none if empty
	}{
		"Good": {"this is as it should be", func(map[string]step) {}, ""},
		"Unpatched": {"the webhook did not see the VMI", func(h map[string]step) {
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", labels.Set{demand("a"): "true"}, "vm", instance{}}
		}, "it lacks DomainPatch vms/a"},
		"SelectedUnpatched": {"a selector counts like a label", func(h map[string]step) {
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", servers, "vm", instance{}}
		}, "it lacks DomainPatch vms/b"},
		"OnePatchMissing": {"the webhook missed one", func(h map[string]step) {
			h["cm"] = step{15, watch.Added, kindConfigMap, nameOnlyA, nil, "", onlyA}
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", set, "vm", hasOnlyA}
			h["pod"] = step{30, watch.Added, kindPod, "pod", nil, "vmi", podOf(nameOnlyA, hasOnlyA)}
		}, "it lacks DomainPatch vms/b"},
		"SelectorTooLate": {"a patch may bind, but need not, that comes while the VMI is requested", func(h map[string]step) {
			h["b"] = step{12, watch.Added, kindPatch, "b", nil, "", patchState("1", servers)}
		}, ""},
		"OldVersion": {"the webhook read a patch as it was before the VM", func(h map[string]step) {
			h["cm"] = step{15, watch.Added, kindConfigMap, nameOld, nil, "", old}
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", set, "vm", hasOld}
			h["pod"] = step{30, watch.Added, kindPod, "pod", nil, "vmi", podOf(nameOld, hasOld)}
		}, `it has DomainPatch vms/a as "0", which could only be as one of ["1"]`},
		"ChangedMeanwhile": {"either version is right", func(h map[string]step) {
			h["a2"] = step{12, watch.Modified, kindPatch, "a", nil, "", patchState("2", nil)}
		}, ""},
		"DoesNotBind": {"the VMI has a patch too much", func(h map[string]step) {
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", labels.Set{demand("a"): "true"}, "vm", has}
		}, `it has DomainPatch vms/b as "1", which could only be as one of []`},
		"NoConfigMap": {"it was never written", func(h map[string]step) { delete(h, "cm") }, "there was no ConfigMap " + name},
		"ConfigMapTooLate": {"the webhook answered before it wrote", func(h map[string]step) {
			h["cm"] = step{21, watch.Added, kindConfigMap, name, nil, "", data}
		}, "there was no ConfigMap " + name},
		"ConfigMapSwept": {"it is collected while it is in use", func(h map[string]step) {
			h["swept"] = step{25, watch.Deleted, kindConfigMap, name, nil, "", data}
		}, "there was no ConfigMap " + name},
		"ConfigMapSweptAfterwards": {"it is collected when it is not in use any more", func(h map[string]step) {
			h["end"] = step{40, watch.Deleted, kindVMI, "vmi", set, "vm", has}
			h["swept"] = step{41, watch.Deleted, kindConfigMap, name, nil, "", data}
		}, ""},
		"ConfigMapOfOthers": {"its content is not the bundle", func(h map[string]step) {
			h["cm"] = step{15, watch.Added, kindConfigMap, name, nil, "", onlyA}
		}, "does not hold bundle " + has.bundle},
		"AnnotationsChanged": {"somebody took the patch away before the Pod is made", func(h map[string]step) {
			h["update"] = step{25, watch.Modified, kindVMI, "vmi", set, "vm", instance{}}
		}, "its annotations have changed"},
		"NoEntry": {"the annotation of the bundle alone patches nothing", func(h map[string]step) {
			h["vmi"] = step{20, watch.Added, kindVMI, "vmi", set, "vm", instance{has.bundle, "[]"}}
		}, "0 instead of one entry apply its bundle"},
		"PodWithoutSidecar": {"virt-controller did not see the annotation", func(h map[string]step) {
			h["pod"] = step{30, watch.Added, kindPod, "pod", nil, "vmi", corev1.PodSpec{}}
		}, "it has no sidecar with ConfigMap " + name},
		"PodOfNobody": {"it is not known what it must have", func(h map[string]step) {
			h["pod"] = step{30, watch.Added, kindPod, "pod", nil, "other", podOf(name, has)}
		}, "it is not a VMI's"},
	} {
		t.Run(test, func(t *testing.T) {
			steps := good()
			tc.change(steps)
			found := told(t, slices.Collect(maps.Values(steps))...).violations(map[string]labels.Set{"vms": {}})
			if (len(found) == 0) != (tc.want == "") || len(found) > 1 || len(found) == 1 && !strings.Contains(found[0], tc.want) {
				t.Errorf("got %q, want one with %q: %s", found, tc.want, tc.reason)
			}
		})
	}
}

// TestHistoryMissesNothing: a watch that lost an event is noticed.
func TestHistoryMissesNothing(t *testing.T) {
	object := &unstructured.Unstructured{}
	object.SetResourceVersion("7")
	for _, event := range []watch.EventType{watch.Modified, watch.Deleted} {
		if err := newHistory().add(kindVMI, event, object, instance{}); err == nil {
			t.Errorf("event %s of an object that was never added was taken", event)
		}
	}
}

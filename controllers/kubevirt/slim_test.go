// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package kubevirt_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/shim"
)

func TestErrorPrefix(t *testing.T) {
	if kubevirt.ErrorPrefix != shim.ErrorPrefix {
		t.Errorf("the shim's errors begin with %q, not with %q", shim.ErrorPrefix, kubevirt.ErrorPrefix)
	}
}

// TestKubeVirtsNames holds the values that KubeVirt writes to kubevirt.io/api.
func TestKubeVirtsNames(t *testing.T) {
	for got, want := range map[string]string{
		kubevirt.PhaseSucceeded:        string(kubevirtv1.Succeeded),
		kubevirt.PhaseFailed:           string(kubevirtv1.Failed),
		kubevirt.ConditionSynchronized: string(kubevirtv1.VirtualMachineInstanceSynchronized),
		kubevirt.EventSyncFailed:       kubevirtv1.SyncFailed.String(),
	} {
		if got != want {
			t.Errorf("%q, KubeVirt's is %q", got, want)
		}
	}
}

// theirs is a VMI as KubeVirt has it while it cannot be started, with a bundle.
func theirs(name string) *kubevirtv1.VirtualMachineInstance {
	b := render.Bundle{JSON: []byte("{}"), SHA256: strings.Repeat("0a", 32)}
	annotations, err := b.Annotations(map[string]string{v1alpha1.HookSidecarsAnnotation: `[{"image":"other","args":["--x"]}]`}, render.Image{Name: "example/shim:v1"})
	if err != nil {
		panic(err)
	}
	annotations["kubevirt.io/latest-observed-api-version"] = "v1"
	annotations["other"] = strings.Repeat("x", 2000)
	now := metav1.NewTime(time.Unix(1e9, 0))
	vmi := &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{
		Namespace: "vms", Name: name, UID: types.UID(name + "-0123-4567-89ab-cdef"), ResourceVersion: "4711", Annotations: annotations,
		CreationTimestamp: now, DeletionTimestamp: &now, Finalizers: []string{"foregroundDeleteVirtualMachine"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "VirtualMachine", Name: name}},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "virt-handler", FieldsV1: metav1.NewFieldsV1(`{"f:x":"` + strings.Repeat("x", 3000) + `"}`)}},
		Labels: map[string]string{"kubevirt.io/nodeName": "node01", "kubevirt.io/domain": name, "kubevirt.io/size": "small",
			"app.kubernetes.io/part-of": "fleet", v1alpha1.DomainPatchReferencePrefix + "smbios": "true", "team": "acme"},
	}}
	vmi.Spec.Domain.CPU = &kubevirtv1.CPU{Cores: 2}
	vmi.Spec.Volumes = []kubevirtv1.Volume{
		{Name: "root", VolumeSource: kubevirtv1.VolumeSource{ContainerDisk: &kubevirtv1.ContainerDiskSource{Image: "x"}}},
		{Name: "cloud", VolumeSource: kubevirtv1.VolumeSource{CloudInitNoCloud: &kubevirtv1.CloudInitNoCloudSource{UserData: strings.Repeat("x", 2000)}}},
	}
	vmi.Status.Phase = kubevirtv1.Scheduled
	vmi.Status.Conditions = []kubevirtv1.VirtualMachineInstanceCondition{
		{Type: kubevirtv1.VirtualMachineInstanceReady, Status: corev1.ConditionFalse, Message: "not this"},
		{Type: kubevirtv1.VirtualMachineInstanceSynchronized, Status: corev1.ConditionFalse, Reason: "why", Message: "server error: domainpatch: x"},
	}
	return vmi
}

// cached is a VMI of KubeVirt's as it comes into the cache.
func cached(t testing.TB, from *kubevirtv1.VirtualMachineInstance, slim func(any) (any, error)) *kubevirt.VirtualMachineInstance {
	t.Helper()
	data, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	ours := &kubevirt.VirtualMachineInstance{}
	if err := json.Unmarshal(data, ours); err != nil {
		t.Fatal(err)
	}
	if got, err := slim(ours); err != nil || got != any(ours) {
		t.Fatalf("Slim: %v, %v", got, err)
	}
	return ours
}

// TestSlim wants all that the controllers read of a VMI of KubeVirt's own types, and nothing else.
func TestSlim(t *testing.T) {
	from := theirs("vm")
	slim := kubevirt.Slim()
	got := cached(t, from, slim)
	want := &kubevirt.VirtualMachineInstance{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "vm", UID: from.UID, ResourceVersion: "4711", DeletionTimestamp: from.DeletionTimestamp,
			Labels: from.Labels, Annotations: map[string]string{
				v1alpha1.BundleAnnotation:       from.Annotations[v1alpha1.BundleAnnotation],
				v1alpha1.HookSidecarsAnnotation: strings.Replace(from.Annotations[v1alpha1.HookSidecarsAnnotation], `{"image":"other","args":["--x"]},`, "", 1),
			}},
		Spec:   kubevirt.VirtualMachineInstanceSpec{Volumes: []kubevirt.Volume{{Name: "root"}, {Name: "cloud", NoCloud: &kubevirt.Present{}}}},
		Status: kubevirt.VirtualMachineInstanceStatus{Phase: "Scheduled", Conditions: []kubevirt.Condition{{Type: "Synchronized", Status: "False", Reason: "why", Message: "domainpatch: x"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cached (-want +got):\n%s", diff)
	}
	again := got.DeepCopy()
	if _, err := slim(again); err != nil || cmp.Diff(got, again) != "" {
		t.Errorf("not the same a second time: %v, %s", err, cmp.Diff(got, again))
	}
	if !got.HasCloudInit() || !got.HasEnded() {
		t.Errorf("cloud-init %t, ended %t, want both", got.HasCloudInit(), got.HasEnded())
	}
}

// TestSlimOfOthers are VMIs that the webhooks did not see.
func TestSlimOfOthers(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	long := `[{"image":"` + strings.Repeat("x", 1<<16) + `","args":["--bundle","x","--sha256","` + hash + `"],"configMap":{"name":"domainpatch-x"}}]`
	cases := map[string]struct {
		annotations map[string]string
		want        map[string]string
	}{
		"None":        {nil, nil},
		"Others":      {map[string]string{v1alpha1.HookSidecarsAnnotation: "[{}]", "x": "y"}, nil},
		"No hash":     {map[string]string{v1alpha1.BundleAnnotation: strings.Repeat("0a", 1<<10)}, nil},
		"Not hex":     {map[string]string{v1alpha1.BundleAnnotation: strings.Repeat("0A", 32)}, nil},
		"Malformed":   {map[string]string{v1alpha1.BundleAnnotation: hash, v1alpha1.HookSidecarsAnnotation: "[{"}, map[string]string{v1alpha1.BundleAnnotation: hash}},
		"Wrong types": {map[string]string{v1alpha1.BundleAnnotation: hash, v1alpha1.HookSidecarsAnnotation: `[{"args":1}]`}, map[string]string{v1alpha1.BundleAnnotation: hash}},
		"Huge":        {map[string]string{v1alpha1.BundleAnnotation: hash, v1alpha1.HookSidecarsAnnotation: long}, map[string]string{v1alpha1.BundleAnnotation: hash}},
	}
	slim := kubevirt.Slim()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := cached(t, &kubevirtv1.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Annotations: tc.annotations}}, slim)
			if diff := cmp.Diff(tc.want, got.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	long = strings.Repeat("x", 1<<16) + "domainpatch: " + strings.Repeat("\u00e4", 1<<16)
	failed := theirs("vm")
	failed.Status.Conditions[1].Message = long
	if got := cached(t, failed, slim).SyncFailure().Message; !strings.HasPrefix(got, "domainpatch: ") || len(got) > 1024 || !utf8.ValidString(got) {
		t.Errorf("message %q", got)
	}
	failed.Status.Conditions[1].Status = corev1.ConditionTrue
	if got := cached(t, failed, slim).Status.Conditions; got != nil {
		t.Errorf("conditions %v of a VMI that was started", got)
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x", ManagedFields: []metav1.ManagedFieldsEntry{{}}}}
	if got, err := slim(cm); got != any(cm) || err != nil || cm.Name != "x" || cm.ManagedFields != nil {
		t.Errorf("another object: %v, %v", got, err)
	}
	if got, err := slim("x"); got != "x" || err != nil {
		t.Errorf("something else: %v, %v", got, err)
	}
}

// TestSlimOfManySidecars are VMIs whose owners want the cache to be held up. Allocations are counted in place of time:
// to decode all entries takes seven times as many of both.
func TestSlimOfManySidecars(t *testing.T) {
	from := theirs("vm")
	slim := kubevirt.Slim()
	want := cached(t, from, slim).Annotations
	ours := strings.Trim(want[v1alpha1.HookSidecarsAnnotation], "[]")
	hash := want[v1alpha1.BundleAnnotation]
	for name, others := range map[string]string{
		"Empty":  strings.Repeat("{},", 40_000),
		"Hashes": strings.Repeat(`{"args":["`+hash+`"]},`, 1_600),
		"Deep":   strings.Repeat(`{"x":`, 9_000) + "{}" + strings.Repeat("}", 9_000) + ",",
	} {
		t.Run(name, func(t *testing.T) {
			from.Annotations[v1alpha1.HookSidecarsAnnotation] = "[" + others + ours + "," + strings.TrimSuffix(others, ",") + "]"
			var got map[string]string
			n := testing.AllocsPerRun(1, func() { got = cached(t, from, slim).Annotations })
			if most := len(from.Annotations[v1alpha1.HookSidecarsAnnotation]); n > float64(most) {
				t.Errorf("%.0f allocations, more than one per byte of the annotation, %d", n, most)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSyncFailures(t *testing.T) {
	at := metav1.NewTime(time.Unix(1e9, 0))
	for message, want := range map[string]string{"no connection": "", "server error: domainpatch: x": "domainpatch: x"} {
		event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "e", ResourceVersion: "1", Annotations: map[string]string{"x": "y"}},
			InvolvedObject: corev1.ObjectReference{Kind: "VirtualMachineInstance", Name: "vm", UID: "u"}, Reason: "SyncFailed", Message: message, LastTimestamp: at}
		wantEvent := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "e", ResourceVersion: "1"},
			InvolvedObject: corev1.ObjectReference{UID: "u"}, Reason: "SyncFailed", Message: want, LastTimestamp: at}
		got, err := kubevirt.SlimEvent(event)
		if diff := cmp.Diff(any(wantEvent), got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

// maxBytesPerVMI is what a VMI may take in the cache, on average. Go's garbage collector lets a heap
// grow to twice what lives in it.
const maxBytesPerVMI = 1450

// TestSize fills memory with VMIs, each of some 10 KiB, as the cache holds them.
func TestSize(t *testing.T) {
	const n = 10000
	slim := kubevirt.Slim()
	all := make([]*kubevirt.VirtualMachineInstance, 0, n)
	before := live()
	for i := range n {
		all = append(all, cached(t, theirs(fmt.Sprintf("vm-%05d", i)), slim))
	}
	per := (live() - before) / n
	t.Logf("%d bytes per VMI", per)
	if per > maxBytesPerVMI {
		t.Errorf("a VMI takes %d bytes in the cache, more than %d", per, maxBytesPerVMI)
	}
	runtime.KeepAlive(all)
}

// live is how many bytes are reachable.
func live() int64 {
	runtime.GC()
	runtime.GC() // the first one may leave what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestShimsError quotes errors as KubeVirt does (handleError of pkg/virt-handler/cmd-client), and cuts them.
func TestShimsError(t *testing.T) {
	const ours = `domainpatch: DomainPatch vms/a: the value "ä\\" is no number`
	quoted := fmt.Sprintf("server error. command SyncVMI failed: %q", "rpc error: code = Unknown desc = "+ours)
	for name, tc := range map[string]struct{ message, want string }{
		"Quoted":         {quoted, ours},
		"Plain":          {"server error: " + ours, ours},
		"Twice":          {kubevirt.ShimsError(quoted), ours},
		"Beside":         {`command "SyncVMI" failed: ` + ours, ours},
		"None":           {`command failed: "no connection"`, ""},
		"Cut":            {quoted[:strings.Index(quoted, " is no")], `domainpatch: DomainPatch vms/a: the value "ä\\"`},
		"Cut in escape":  {quoted[:strings.Index(quoted, `\"ä`)+1], "domainpatch: DomainPatch vms/a: the value "},
		"Quoted by hand": {`failed: "` + ours + `"`, ours},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kubevirt.ShimsError(tc.message); got != tc.want {
				t.Errorf("of %s:\n%s\nwant\n%s", tc.message, got, tc.want)
			}
		})
	}
}

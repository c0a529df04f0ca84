// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/bundles"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const (
	ref        = v1alpha1.DomainPatchReferencePrefix
	clusterRef = v1alpha1.ClusterDomainPatchReferencePrefix
)

var image = render.Image{Name: "example/shim:v1"}

func domainPatch(name string, changes ...func(*v1alpha1.DomainPatch)) *v1alpha1.DomainPatch {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name}}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &name}}
	for _, change := range changes {
		change(dp)
	}
	return dp
}

func clusterPatch(name string, changes ...func(*v1alpha1.ClusterDomainPatch)) *v1alpha1.ClusterDomainPatch {
	cdp := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}}
	cdp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &name}}
	for _, change := range changes {
		change(cdp)
	}
	return cdp
}

// withCloudInit has a rule for cloud-init, and a condition that reads what is not cached.
func withCloudInit(policy v1alpha1.FailurePolicy) func(*v1alpha1.DomainPatch) {
	return func(dp *v1alpha1.DomainPatch) {
		dp.Spec.FailurePolicy = policy
		dp.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "x", Expression: "vmi.spec.domain.cpu.cores == 1"}}
		dp.Spec.CloudInit = []v1alpha1.CloudInitRule{{Target: v1alpha1.CloudInitTargetUserData, Op: v1alpha1.CloudInitOpRemove, Path: "/a"}}
	}
}

func withPVC(path string) func(*v1alpha1.ClusterDomainPatch) {
	return func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.PVC = &v1alpha1.SharedPVC{Name: "ovmf", VolumePath: path, SharedComputePath: path}
	}
}

// made builds the bundle of patches, as the webhook would for a VMI with a cloud-init volume.
func made(t testing.TB, policies []v1alpha1.DomainPatchPolicy, patches ...client.Object) *render.Bundle {
	t.Helper()
	var bindings []render.Binding
	for _, p := range patches {
		bindings = append(bindings, render.Binding{Patch: asPatch(p)})
	}
	render.Sort(bindings)
	b, err := render.Build(t.Context(), render.VMI{CloudInit: true}, bindings, policies, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func asPatch(object client.Object) render.Patch {
	if cdp, ok := object.(*v1alpha1.ClusterDomainPatch); ok {
		return render.ClusterDomainPatch(cdp)
	}
	return render.DomainPatch(object.(*v1alpha1.DomainPatch))
}

// vmi is one that runs with a bundle, or with none; changes may give it labels and a fate.
func vmi(t testing.TB, name string, b *render.Bundle, changes ...func(*kubevirt.VirtualMachineInstance)) *kubevirt.VirtualMachineInstance {
	t.Helper()
	v := &kubevirt.VirtualMachineInstance{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name, UID: types.UID(name), Labels: map[string]string{}}}
	if b != nil {
		annotations, err := b.Annotations(nil, image)
		if err != nil {
			t.Fatal(err)
		}
		v.Annotations = annotations
	}
	for _, change := range changes {
		change(v)
	}
	return v
}

func labelled(keys ...string) func(*kubevirt.VirtualMachineInstance) {
	return func(v *kubevirt.VirtualMachineInstance) {
		for _, key := range keys {
			v.Labels[key] = "true"
		}
	}
}

func failing(reason, message string) func(*kubevirt.VirtualMachineInstance) {
	return func(v *kubevirt.VirtualMachineInstance) {
		v.Status.Conditions = []kubevirt.Condition{{Type: "Ready", Status: "False"},
			{Type: kubevirt.ConditionSynchronized, Status: "False", Reason: reason, Message: message}}
	}
}

func inPhase(phase string) func(*kubevirt.VirtualMachineInstance) {
	return func(v *kubevirt.VirtualMachineInstance) { v.Status.Phase = phase }
}

func withVolumes(volumes ...kubevirt.Volume) func(*kubevirt.VirtualMachineInstance) {
	return func(v *kubevirt.VirtualMachineInstance) { v.Spec.Volumes = volumes }
}

// syncFailed is KubeVirt's event on a VMI.
func syncFailed(name, uid, message string) *corev1.Event {
	return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name}, Reason: kubevirt.EventSyncFailed,
		InvolvedObject: corev1.ObjectReference{UID: types.UID(uid)}, Message: message}
}

// shorthand is a tally without its lists.
type shorthand struct{ Matched, Current, Outdated, Failed int32 }

const syncError = `server error. command SyncVMI failed: "rpc error: code = Unknown desc = domainpatch: %s; after the fix restart the VM"`

func TestCount(t *testing.T) {
	a, b := domainPatch("a"), domainPatch("b")
	changed := domainPatch("a", func(dp *v1alpha1.DomainPatch) { dp.Spec.Domain[0].Path = "/domain/description" })
	ignoring, demanding := domainPatch("i", withCloudInit(v1alpha1.FailurePolicyIgnore)), domainPatch("f", withCloudInit(v1alpha1.FailurePolicyFail))
	broken := domainPatch("broken", func(dp *v1alpha1.DomainPatch) { dp.Spec.Domain[0].Path = "/domain[" })
	leftOut := domainPatch("l", func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Domain[0].Path, dp.Spec.FailurePolicy, dp.Spec.Selector = "/domain[", v1alpha1.FailurePolicyIgnore, &metav1.LabelSelector{}
	})
	selecting := domainPatch("x", func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"x": "true"}}
	})
	expecting := domainPatch("y", func(dp *v1alpha1.DomainPatch) {
		dp.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "y", Operator: metav1.LabelSelectorOpExists}}}
	})
	later := &render.Bundle{JSON: []byte(`{"formatVersion":99}`)}
	later.SHA256 = bundle.Sum(later.JSON)
	c := clusterPatch("c", func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	})
	pvc, otherPVC := clusterPatch("p", withPVC("/var/run/domainpatch/a")), clusterPatch("p", withPVC("/var/run/domainpatch/b"))
	policy := []v1alpha1.DomainPatchPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: v1alpha1.DomainPatchPolicySpec{Allow: []v1alpha1.AllowedPath{{Path: "/domain/title"}}}}}
	withA, withAB := made(t, nil, a), made(t, nil, a, b)
	one := func(v *kubevirt.VirtualMachineInstance) []*kubevirt.VirtualMachineInstance {
		return []*kubevirt.VirtualMachineInstance{v}
	}
	two := func(v, w *kubevirt.VirtualMachineInstance) []*kubevirt.VirtualMachineInstance {
		return []*kubevirt.VirtualMachineInstance{v, w}
	}
	type counts = map[string]shorthand
	cases := map[string]struct {
		reason  string
		vmis    []*kubevirt.VirtualMachineInstance
		patches []client.Object
		bundles []*render.Bundle // whose ConfigMaps exist
		events  []*corev1.Event
		want    counts
	}{
		"None":            {reason: "no VMI", patches: []client.Object{a}, want: counts{}},
		"Unbound":         {"no patch", one(vmi(t, "v", nil)), []client.Object{a}, nil, nil, counts{}},
		"Current":         {"what would bind", two(vmi(t, "v", withA, labelled(ref+"a")), vmi(t, "w", withA, labelled(ref+"a"))), []client.Object{a}, nil, nil, counts{"a": {2, 2, 0, 0}}},
		"Unpatched":       {"created before the patch", one(vmi(t, "v", nil, labelled(ref+"a"))), []client.Object{a}, nil, nil, counts{"a": {1, 0, 1, 0}}},
		"Changed":         {"the patch is another one now", one(vmi(t, "v", withA, labelled(ref+"a"))), []client.Object{changed}, []*render.Bundle{withA}, nil, counts{"a": {1, 0, 1, 0}}},
		"Lost":            {"nobody knows what it runs with", one(vmi(t, "v", withAB, labelled(ref+"a"))), []client.Object{a, b}, nil, nil, counts{"a": {1, 0, 1, 0}}},
		"Lost, left out":  {"it must be restarted all the same", one(vmi(t, "v", withAB)), []client.Object{leftOut}, nil, nil, counts{"l": {1, 0, 1, 0}}},
		"Forged":          {"a ConfigMap of that name is not the bundle", one(vmi(t, "v", withAB, labelled(ref+"a"))), []client.Object{a, b}, []*render.Bundle{{JSON: withA.JSON, SHA256: withAB.SHA256}}, nil, counts{"a": {1, 0, 1, 0}}},
		"Not a bundle":    {"a bundle of another format", one(vmi(t, "v", later, labelled(ref+"a"))), []client.Object{a}, []*render.Bundle{later}, nil, counts{"a": {1, 0, 1, 0}}},
		"Selector":        {"two that differ in what a selector reads", two(vmi(t, "v", nil, labelled("x")), vmi(t, "w", nil, labelled("y"))), []client.Object{selecting, expecting}, nil, nil, counts{"x": {1, 0, 1, 0}, "y": {1, 0, 1, 0}}},
		"Both":            {"counted for both patches", two(vmi(t, "v", withAB, labelled(ref+"a", ref+"b")), vmi(t, "w", withA, labelled(ref+"a", ref+"b"))), []client.Object{a, b}, []*render.Bundle{withA, withAB}, nil, counts{"a": {2, 1, 1, 0}, "b": {2, 1, 1, 0}}},
		"No longer bound": {"it runs with b all the same", one(vmi(t, "v", withAB, labelled(ref+"a"))), []client.Object{a, b}, []*render.Bundle{withAB}, nil, counts{"a": {1, 0, 1, 0}, "b": {0, 0, 1, 0}}},
		"Nothing bound":   {"it runs with both", one(vmi(t, "v", withAB)), []client.Object{a, b}, []*render.Bundle{withAB}, nil, counts{"a": {0, 0, 1, 0}, "b": {0, 0, 1, 0}}},
		"Missing":         {"it would be refused", one(vmi(t, "v", withA, labelled(ref+"a", ref+"none"))), []client.Object{a}, []*render.Bundle{withA}, nil, counts{"a": {0, 0, 1, 0}}},
		"Broken":          {"it cannot be started again", one(vmi(t, "v", nil, labelled(ref+"broken"))), []client.Object{broken}, nil, nil, counts{"broken": {1, 0, 1, 0}}},
		"Policy":          {"a policy came, went or changed", one(vmi(t, "v", made(t, policy, a), labelled(ref+"a"))), []client.Object{a}, []*render.Bundle{made(t, policy, a)}, nil, counts{"a": {1, 1, 0, 0}}},
		"Ended":           {"it does not run", two(vmi(t, "v", withA, labelled(ref+"a"), inPhase("Succeeded")), vmi(t, "w", withA, labelled(ref+"a"), inPhase("Failed"))), []client.Object{a}, nil, nil, counts{}},

		"Namespace":    {"its labels select", one(vmi(t, "v", made(t, nil, c), labelled(clusterRef+"c"))), []client.Object{c}, nil, nil, counts{"c": {1, 1, 0, 0}}},
		"Volume":       {"the same volume", one(vmi(t, "v", made(t, nil, pvc), labelled(clusterRef+"p"))), []client.Object{pvc}, nil, nil, counts{"p": {1, 1, 0, 0}}},
		"New path":     {"the same bundle with another volume", one(vmi(t, "v", made(t, nil, pvc), labelled(clusterRef+"p"))), []client.Object{otherPVC}, nil, nil, counts{"p": {1, 0, 1, 0}}},
		"No volume":    {"the patch has none any more", one(vmi(t, "v", made(t, nil, pvc), labelled(clusterRef+"p"))), []client.Object{clusterPatch("p")}, nil, nil, counts{"p": {1, 0, 1, 0}}},
		"Volume names": {"two that differ in these", two(vmi(t, "v", made(t, nil, pvc), labelled(clusterRef+"p"), withVolumes(kubevirt.Volume{Name: "root"})), vmi(t, "w", made(t, nil, pvc), labelled(clusterRef+"p"), withVolumes(kubevirt.Volume{Name: "ovmf"}))), []client.Object{pvc}, nil, nil, counts{"p": {2, 1, 1, 0}}},
		"Same name":    {"a volume of the VMI would refuse it", one(vmi(t, "v", made(t, nil, pvc), labelled(clusterRef+"p"), withVolumes(kubevirt.Volume{Name: "ovmf"}))), []client.Object{pvc}, nil, nil, counts{"p": {1, 0, 1, 0}}},

		"Left out":        {"without a cloud-init volume it makes no difference", one(vmi(t, "v", nil, labelled(ref+"i"))), []client.Object{ignoring}, nil, nil, counts{"i": {1, 1, 0, 0}}},
		"Skipped":         {"nor if the bundle holds it", one(vmi(t, "v", made(t, nil, ignoring), labelled(ref+"i"))), []client.Object{ignoring}, nil, nil, counts{"i": {1, 1, 0, 0}}},
		"Left out beside": {"nor beside others", one(vmi(t, "v", withA, labelled(ref+"a", ref+"i"))), []client.Object{a, ignoring}, []*render.Bundle{withA}, nil, counts{"a": {1, 1, 0, 0}, "i": {1, 1, 0, 0}}},
		"Cloud-init":      {"with a volume it does", one(vmi(t, "v", nil, labelled(ref+"i"), withVolumes(kubevirt.Volume{Name: "x", NoCloud: &kubevirt.Present{}}))), []client.Object{ignoring}, nil, nil, counts{"i": {1, 0, 1, 0}}},
		"Demanded":        {"it would be refused, or get it", one(vmi(t, "v", nil, labelled(ref+"f"))), []client.Object{demanding}, nil, nil, counts{"f": {1, 0, 1, 0}}},
		"Demanded, had":   {"its conditions left the VMI out", one(vmi(t, "v", made(t, nil, demanding), labelled(ref+"f"))), []client.Object{demanding}, nil, nil, counts{"f": {1, 1, 0, 0}}},

		"Foreign":         {"an error of others", one(vmi(t, "v", withA, labelled(ref+"a"), failing("x", "LibvirtError: no"))), []client.Object{a}, nil, nil, counts{"a": {1, 1, 0, 0}}},
		"Named":           {"the error names a patch", one(vmi(t, "v", withAB, labelled(ref+"a", ref+"b"), failing("x", fmt.Sprintf(syncError, "DomainPatch vms/b: spec.domain[0]: no")))), []client.Object{a, b}, nil, nil, counts{"a": {1, 1, 0, 0}, "b": {1, 1, 0, 1}}},
		"Unnamed":         {"the error names none", one(vmi(t, "v", withAB, labelled(ref+"a", ref+"b"), failing("x", fmt.Sprintf(syncError, "the bundle is gone")))), []client.Object{a, b}, nil, nil, counts{"a": {1, 1, 0, 1}, "b": {1, 1, 0, 1}}},
		"Unpatched fails": {"it has no hook sidecar of ours", one(vmi(t, "v", nil, labelled(ref+"a"), failing("x", fmt.Sprintf(syncError, "no")))), []client.Object{a}, nil, nil, counts{"a": {1, 0, 1, 0}}},
		"Fails with b":    {"a alone binds, b is what fails", one(vmi(t, "v", withAB, labelled(ref+"a"), failing("x", fmt.Sprintf(syncError, "DomainPatch vms/b: no")))), []client.Object{a, b}, []*render.Bundle{withAB}, nil, counts{"a": {1, 0, 1, 0}, "b": {0, 0, 1, 1}}},
		"Event": {"KubeVirt's condition keeps its first error", one(vmi(t, "v", withA, labelled(ref+"a"), failing("x", "no connection"))), []client.Object{a}, nil,
			[]*corev1.Event{syncFailed("e", "v", fmt.Sprintf(syncError, "no"))}, counts{"a": {1, 1, 0, 1}}},
		"Old event": {"the VM has started since", one(vmi(t, "v", withA, labelled(ref+"a"))), []client.Object{a}, nil,
			[]*corev1.Event{syncFailed("e", "v", fmt.Sprintf(syncError, "no"))}, counts{"a": {1, 1, 0, 0}}},
		"Event of another": {"another VMI", one(vmi(t, "v", withA, labelled(ref+"a"), failing("x", "no connection"))), []client.Object{a}, nil,
			[]*corev1.Event{syncFailed("e", "w", fmt.Sprintf(syncError, "no")), syncFailed("f", "v", "no connection")}, counts{"a": {1, 1, 0, 0}}},
		"Pull":         {"the node cannot pull the shim", one(vmi(t, "v", withA, labelled(ref+"a"), failing("ImagePullBackOff", `Back-off pulling image "example/shim:v1"`))), []client.Object{a}, nil, nil, counts{"a": {1, 1, 0, 1}}},
		"Pull, full":   {"as containerd says it", one(vmi(t, "v", withA, labelled(ref+"a"), failing("ErrImagePull", `failed to pull and unpack image "registry.example/example/shim:v1": not found`))), []client.Object{a}, nil, nil, counts{"a": {1, 1, 0, 1}}},
		"Pull another": {"another image, of a similar name", one(vmi(t, "v", withA, labelled(ref+"a"), failing("ErrImagePull", `Back-off pulling image "myexample/shim:v1", "example/shim-x:v1"`))), []client.Object{a}, nil, nil, counts{"a": {1, 1, 0, 0}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := takeCensus(t, tc.vmis, tc.patches, tc.bundles, tc.events)
			have := counts{}
			for name, tally := range got.patches {
				have[name.Name] = shorthand{tally.Matched, tally.Current, tally.Outdated, tally.Failed}
				if len(tally.OutdatedVMIs) != int(tally.Outdated) || len(tally.Failures) != int(tally.Failed) {
					t.Errorf("%s lists %v and %v, want all %d and %d", name.Name, tally.OutdatedVMIs, tally.Failures, tally.Outdated, tally.Failed)
				}
			}
			if diff := cmp.Diff(tc.want, have, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("tallies, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// takeCensus counts namespace vms, whose label tier is gold. VMIs go through the cache's transform.
func takeCensus(t testing.TB, vmis []*kubevirt.VirtualMachineInstance, patches []client.Object, made []*render.Bundle, events []*corev1.Event) *census {
	t.Helper()
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "vms", Labels: map[string]string{"tier": "gold"}}}}
	slim := kubevirt.Slim()
	for _, v := range vmis {
		if _, err := slim(v); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, v)
	}
	for _, b := range made {
		objects = append(objects, bundles.ConfigMap(b, "vms"))
	}
	for _, e := range events {
		objects = append(objects, e)
	}
	var all []render.Patch
	for _, p := range patches {
		all = append(all, asPatch(p))
	}
	r := &Reconciler{Client: fake.NewClientBuilder().WithScheme(testcluster.Scheme(t)).WithObjects(objects...).Build(), verdicts: fare.NewVerdicts(render.Compile)}
	got, err := r.census(t.Context(), "vms", all)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestLists wants the first VMIs by name, cut to what the API allows.
func TestLists(t *testing.T) {
	a := domainPatch("a")
	withA := made(t, nil, a)
	message := fmt.Sprintf(syncError, "DomainPatch vms/a: "+strings.Repeat("ä", v1alpha1.MaxFailureMessage))
	var vmis []*kubevirt.VirtualMachineInstance
	for i := range 2 * v1alpha1.MaxOutdatedVMIs {
		vmis = append(vmis, vmi(t, fmt.Sprintf("v%02d", i), withA, failing("x", message)))
	}
	got := takeCensus(t, vmis, []client.Object{a}, []*render.Bundle{withA}, nil).patches[fare.Name{Kind: bundle.KindDomainPatch, Namespace: "vms", Name: "a"}]
	total := &tally{}
	for range 2 {
		total.add(got)
	}
	for _, counted := range []*tally{got, total} {
		if len(counted.OutdatedVMIs) != v1alpha1.MaxOutdatedVMIs || len(counted.Failures) != v1alpha1.MaxFailures {
			t.Fatalf("%d outdated, %d failures", len(counted.OutdatedVMIs), len(counted.Failures))
		}
		for i, v := range counted.OutdatedVMIs {
			if want := (v1alpha1.VMIReference{Namespace: "vms", Name: fmt.Sprintf("v%02d", i)}); v != want {
				t.Errorf("outdated: %v, want %v", v, want)
			}
		}
		for i, f := range counted.Failures {
			if want := fmt.Sprintf("v%02d", i); f.Name != want || len([]rune(f.Message)) != v1alpha1.MaxFailureMessage || !strings.HasPrefix(f.Message, "domainpatch: DomainPatch vms/a: ä") {
				t.Errorf("failure of %s, want %s: %q", f.Name, want, f.Message)
			}
		}
	}
	if total.Outdated != 2*got.Outdated || total.Failed != 2*got.Failed {
		t.Errorf("totals %d and %d of %d and %d", total.Outdated, total.Failed, got.Outdated, got.Failed)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// policy allows paths in the namespaces of a team; of every team where none is given.
func policy(name, team string, allow ...string) v1alpha1.DomainPatchPolicy {
	p := v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if team != "" {
		p.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": team}}
	}
	for _, path := range allow {
		p.Spec.Allow = append(p.Spec.Allow, v1alpha1.AllowedPath{Path: path, Reason: "for " + name})
	}
	return p
}

func TestRenderPolicies(t *testing.T) {
	tenant := domainPatch("t", everyVMI)
	lenient := domainPatch("l", everyVMI, ignore)
	admin := clusterPatch("c", func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.Selector = &metav1.LabelSelector{} })
	demanded := domainPatch("d", ignore)
	badSelector := policy("bad", "a")
	badSelector.Spec.NamespaceSelector.MatchLabels["team"] = "not a value!"
	var many []v1alpha1.DomainPatchPolicy
	for i := range bundle.MaxPolicies + 1 {
		many = append(many, policy(fmt.Sprintf("p%02d", i), ""))
	}
	type policies = []v1alpha1.DomainPatchPolicy
	type patches = []v1alpha1.DomainPatch
	cases := map[string]struct {
		reason   string
		patches  patches
		admin    bool
		policies policies
		want     []bundle.Policy
		leftOut  []string
		err      []string
	}{
		"None":       {"nothing limits", patches{tenant}, false, nil, nil, nil, nil},
		"Selecting":  {"those that select the namespace, by name, without reasons", patches{tenant}, true, policies{policy("b", "a", "/b", "/a"), policy("c", "other", "/c"), policy("a", "")}, []bundle.Policy{{Name: "a"}, {Name: "b", Allow: []string{"/b", "/a"}}}, nil, nil},
		"NoTenant":   {"the admin's patches are not limited", nil, true, policies{policy("a", "")}, nil, nil, nil},
		"Wrong":      {"leaving the policy out could allow everything", patches{tenant}, true, policies{policy("a", "", "/a", "/a[")}, nil, nil, []string{"DomainPatch vms/t cannot apply", "DomainPatchPolicy a: spec.allow[1].path: "}},
		"WrongElse":  {"another namespace's concern", patches{tenant}, false, policies{policy("a", "other", "/a[")}, nil, nil, nil},
		"WrongAdmin": {"no concern of the admin's patches", nil, true, policies{policy("a", "", "/a[")}, nil, nil, nil},
		"Ignored":    {"under Ignore it starts without", patches{lenient}, true, policies{policy("a", "", "/a[")}, nil, []string{"DomainPatch vms/l cannot apply"}, nil},
		"Demanded":   {"a demand is a demand, also under Ignore", patches{demanded}, true, policies{policy("a", "", "/a[")}, nil, nil, []string{"DomainPatch vms/d cannot apply"}},
		"Selector":   {"what may select is not forgotten", patches{tenant}, false, policies{badSelector}, nil, nil, []string{"DomainPatchPolicy bad: spec.namespaceSelector: "}},
		"TooMany":    {"limits hold", patches{tenant}, false, many, nil, nil, []string{"65 policies, over the limit of 64"}},
		"TooManyIgn": {"under Ignore it starts without", patches{lenient}, true, many, nil, []string{"65 policies"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			objects := render.Objects{Patches: render.Patches(tc.patches, nil), Policies: tc.policies}
			vmi := render.VMI{JSON: []byte("{}"), Labels: map[string]string{}}
			if name == "Demanded" {
				vmi.Labels[v1alpha1.DomainPatchReferencePrefix+"d"] = v1alpha1.ReferenceDemanded
			}
			if tc.admin {
				objects.Patches = append(objects.Patches, render.ClusterDomainPatch(&admin))
			}
			got, err := render.Render(t.Context(), vmi, render.Namespace{Name: "vms", Labels: map[string]string{"team": "a"}}, objects, render.NewCompiler())
			checkError(t, err, tc.err, tc.reason)
			if err != nil {
				return
			}
			decoded, err := bundle.Decode(got.JSON)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, decoded.Policies); diff != "" {
				t.Errorf("policies in the bundle, %s (-want +got):\n%s", tc.reason, diff)
			}
			if len(got.LeftOut) != len(tc.leftOut) {
				t.Fatalf("left out %v, want %q", got.LeftOut, tc.leftOut)
			}
			for i, want := range tc.leftOut {
				checkError(t, got.LeftOut[i].Reason, []string{want}, tc.reason)
			}
		})
	}
}

// sharing is a ClusterDomainPatch that brings a claim of its name.
func sharing(name string, changes ...func(*v1alpha1.ClusterDomainPatch)) v1alpha1.ClusterDomainPatch {
	cdp := clusterPatch(name, changes...)
	cdp.Spec.Selector = &metav1.LabelSelector{}
	cdp.Spec.PVC = &v1alpha1.SharedPVC{Name: name, VolumePath: "/" + name, SharedComputePath: "/var/run/domainpatch/" + name}
	return cdp
}

func TestSharedPVC(t *testing.T) {
	broken := func(cdp *v1alpha1.ClusterDomainPatch) {
		cdp.Spec.Domain[0].Path, cdp.Spec.FailurePolicy = "/domain[", v1alpha1.FailurePolicyIgnore
	}
	type patches = []v1alpha1.ClusterDomainPatch
	cases := map[string]struct {
		reason  string
		patches patches
		volumes []string
		want    string
		err     []string
	}{
		"None":     {"no patch brings one", patches{clusterPatch("a", func(cdp *v1alpha1.ClusterDomainPatch) { cdp.Spec.Selector = &metav1.LabelSelector{} })}, []string{"a"}, "", nil},
		"One":      {"as the patch says", patches{sharing("ovmf")}, []string{"disk"}, "ovmf", nil},
		"Two":      {"a pod gets one", patches{sharing("a"), sharing("b")}, nil, "", []string{"ClusterDomainPatch a, ClusterDomainPatch b", "at most one", "take the labels clusterdomainpatch.kubevirt.io/NAME of the others"}},
		"LeftOut":  {"what does not apply brings nothing", patches{sharing("a", broken), sharing("b")}, nil, "b", nil},
		"Conflict": {"two volumes of one name", patches{sharing("disk")}, []string{"other", "disk"}, "", []string{"ClusterDomainPatch disk: spec.pvc.name", `"disk"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vmi := render.VMI{JSON: []byte("{}"), Volumes: tc.volumes}
			got, err := render.Render(t.Context(), vmi, render.Namespace{Name: "vms"}, render.Objects{Patches: render.Patches(nil, tc.patches)}, render.NewCompiler())
			checkError(t, err, tc.err, tc.reason)
			if err != nil {
				return
			}
			var want *v1alpha1.HookSidecarPVC
			if tc.want != "" {
				want = &v1alpha1.HookSidecarPVC{Name: tc.want, VolumePath: "/" + tc.want, SharedComputePath: "/var/run/domainpatch/" + tc.want}
			}
			if diff := cmp.Diff(want, got.Entry(image).PVC); diff != "" {
				t.Errorf("pvc of the entry, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// Entries of others may not bring a volume of the same name: no pod can have both.
func TestSharedPVCBeside(t *testing.T) {
	cdp := sharing("ovmf")
	b, err := render.Render(t.Context(), render.VMI{JSON: []byte("{}")}, render.Namespace{Name: "vms"}, render.Objects{Patches: []render.Patch{render.ClusterDomainPatch(&cdp)}}, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	good, err := b.Annotations(nil, image)
	if err != nil || b.Verify(good, image) != nil {
		t.Fatalf("Annotations: %v; Verify: %v", err, b.Verify(good, image))
	}
	if again, err := b.Annotations(good, image); err != nil || !cmp.Equal(again, good) {
		t.Errorf("not idempotent: %v %v", again, err)
	}
	ours := good[v1alpha1.HookSidecarsAnnotation]
	cases := map[string]struct {
		reason, other string
		err           []string
	}{
		"Other":     {"another volume", `{"image":"x","pvc":{"name":"data","volumePath":"/a"},"configMap":{"name":"c","key":"k","hookPath":"/x"}}`, nil},
		"PVC":       {"a volume of that name", `{"image":"x","pvc":{"name":"ovmf","volumePath":"/a"}}`, []string{"[0]", `"ovmf"`}},
		"ConfigMap": {"a volume of that name", `{"image":"x","configMap":{"name":"ovmf","key":"k","hookPath":"/x"}}`, []string{"[0]", `"ovmf"`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := b.Annotations(annotations("["+tc.other+"]", ""), image)
			checkError(t, err, tc.err, tc.reason)
			checkError(t, b.Verify(annotations("["+tc.other+","+ours[1:], b.SHA256), image), tc.err, tc.reason)
		})
	}
	plain := rendered(t, domainPatch("a", everyVMI))
	checkError(t, plain.Verify(annotations("["+cases["PVC"].other+","+entry(plain.SHA256, image.Name, "OnDefineDomain")+"]", plain.SHA256), image), nil, "without a volume there is no conflict")
}

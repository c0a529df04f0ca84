// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

const clusterRef = v1alpha1.ClusterDomainPatchReferencePrefix

// testClusterObjects creates VMIs in namespaces that ClusterDomainPatches and policies select, or not.
func testClusterObjects(t *testing.T, s *suite) {
	a, b, lax := s.Namespace(t, "team-a", "team", "a"), s.Namespace(t, "team-b", "team", "b"), s.Namespace(t, "team-lax", "team", "lax")
	selecting := clusterPatch("selecting", everyVMI)
	selecting.Spec.NamespaceSelector = ofTeam("a")
	named, ovmf := clusterPatch("named"), clusterPatch("ovmf")
	ovmf.Spec.PVC = &v1alpha1.SharedPVC{Name: "ovmf", VolumePath: "/ovmf", SharedComputePath: "/var/run/domainpatch/ovmf"}
	s.Add(t, selecting, named, ovmf, policy("team-a", "a", "/domain/description"),
		domainPatch(a, "own"), domainPatch(b, "own"), domainPatch(lax, "own"), domainPatch(lax, "own-ignored", ignore))
	t.Cleanup(func() { s.remove(t, selecting) })
	s.createUnchecked(t, policy("team-lax", "lax", "/domain["))

	cases := map[string]struct {
		reason   string
		vmi      *unstructured.Unstructured
		patches  []string
		policies []string
		pvc      bool
		warnings []string
		err      []string
	}{
		"selected":   {"the namespace and the VMI are", vmi(a, "selected"), []string{"selecting"}, nil, false, nil, nil},
		"order":      {"the admin has the last word", vmi(a, "order", ref+"own", "true", clusterRef+"named", "optional"), []string{"own", "named", "selecting"}, []string{"team-a"}, false, nil, nil},
		"unlimited":  {"no policy selects the namespace", vmi(b, "unlimited", ref+"own", "true"), []string{"own"}, nil, false, nil, nil},
		"named":      {"by reference, in any namespace", vmi(b, "named", clusterRef+"named", "true"), []string{"named"}, nil, false, nil, nil},
		"elsewhere":  {"a demand of what is not for this namespace", vmi(b, "elsewhere", clusterRef+"selecting", "true"), nil, nil, false, nil, []string{"namespaceSelector of ClusterDomainPatch selecting", b}},
		"missing":    {"a demand of what does not exist", vmi(b, "missing", clusterRef+"none", "true"), nil, nil, false, nil, []string{"ClusterDomainPatch none does not exist"}},
		"volume":     {"a claim beside the patch", vmi(b, "volume", clusterRef+"ovmf", "true"), []string{"ovmf"}, nil, true, nil, nil},
		"bad-policy": {"what it allows cannot be told", vmi(lax, "bad-policy", ref+"own", "true"), nil, nil, false, nil, []string{"DomainPatch team-lax/own cannot apply", "DomainPatchPolicy team-lax: spec.allow[0].path"}},
		"bad-demand": {"a demand is one under Ignore, too", vmi(lax, "bad-demand", ref+"own-ignored", "true"), nil, nil, false, nil, []string{"DomainPatch team-lax/own-ignored cannot apply"}},
		"bad-ignore": {"under Ignore it starts without", vmi(lax, "bad-ignore", ref+"own-ignored", "optional", clusterRef+"named", "true"), []string{"named"}, nil, false, []string{"DomainPatch team-lax/own-ignored cannot apply"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s.take()
			err := s.Client.Create(t.Context(), tc.vmi)
			wantError(t, err, tc.err, tc.reason)
			if err != nil {
				return
			}
			s.wantWarnings(t, tc.warnings, tc.reason)
			entry, started := s.started(t, tc.vmi)
			var policies []string
			for _, p := range started.Policies {
				policies = append(policies, p.Name)
			}
			if diff := cmp.Diff(tc.patches, patchNames(started)) + cmp.Diff(tc.policies, policies); diff != "" {
				t.Errorf("patches and policies, %s (-want +got):\n%s", tc.reason, diff)
			}
			if (entry.PVC != nil) != tc.pvc {
				t.Errorf("volume %v: %s", entry.PVC, tc.reason)
			}
		})
	}
	s.testLive(t, b)
}

// testLive changes what VMIs bind: a VMI that is created next gets that.
func (s *suite) testLive(t *testing.T, ns string) {
	t.Helper()
	cdp := clusterPatch("live", everyVMI)
	cdp.Spec.NamespaceSelector = ofTeam("live")
	s.Add(t, cdp)
	t.Cleanup(func() { s.remove(t, cdp) })
	for _, team := range []string{"live", "b", "live"} {
		merge := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"team":"`+team+`"}}}`))
		namespace := &unstructured.Unstructured{}
		namespace.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
		namespace.SetName(ns)
		if err := s.Client.Patch(t.Context(), namespace, merge); err != nil {
			t.Fatal(err)
		}
		object := vmi(ns, "")
		object.SetGenerateName("live-")
		s.Add(t, object)
		if _, got := object.GetAnnotations()[v1alpha1.BundleAnnotation]; got != (team == "live") {
			t.Errorf("a VMI in a namespace that is now of team %s: patched %t", team, got)
		}
	}
}

// testNewer has objects with fields that this program does not know, as a newer version's CRDs
// let them have: what was written is not applied without what it meant.
func testNewer(t *testing.T, s *suite) {
	ns := s.Namespace(t, "newer", "team", "newer")
	s.widenCRDs(t)
	s.Add(t, domainPatch(ns, "x"), clusterPatch("y"))
	s.createUnchecked(t, unknown(t, domainPatch(ns, "y"), "onlyOn"))
	s.createUnchecked(t, unknown(t, clusterPatch("x"), "onlyOn"))
	cases := map[string]struct {
		reason string
		label  string
		err    []string
	}{
		"patch":         {"a field of the spec", ref + "y", []string{"DomainPatch newer/y is not accepted", `unknown field "spec.onlyOn"`}},
		"cluster-patch": {"a field of the spec", clusterRef + "x", []string{"ClusterDomainPatch x is not accepted", `unknown field "spec.onlyOn"`}},
		"known":         {"another patch", ref + "x", nil},
		"cluster-known": {"another patch", clusterRef + "y", nil},
	}
	for name, tc := range cases {
		wantError(t, s.Client.Create(t.Context(), vmi(ns, name, tc.label, "true")), tc.err, tc.reason)
	}
	p := unknown(t, policy("x", "newer"), "deny")
	wantCauses(t, s.Client.Create(t.Context(), p.DeepCopy()), []string{"spec"}, "a field that would not count")
	s.createUnchecked(t, p)
	wantError(t, s.Client.Create(t.Context(), vmi(ns, "policy", ref+"x", "true")),
		[]string{"DomainPatch newer/x cannot apply", `DomainPatchPolicy x: `, `unknown field "spec.deny"`}, "what it allows cannot be told")
	wantError(t, s.Client.Create(t.Context(), vmi(ns, "no-policy", clusterRef+"y", "true")), nil, "the admin's patches are not limited")
}

// widenCRDs lets the specs of all our kinds have unknown fields.
func (s *suite) widenCRDs(t *testing.T) {
	t.Helper()
	var crds unstructured.UnstructuredList
	crds.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
	if err := s.List(t.Context(), &crds); err != nil {
		t.Fatal(err)
	}
	for i := range crds.Items {
		crd := &crds.Items[i]
		if group, _, _ := unstructured.NestedString(crd.Object, "spec", "group"); group != v1alpha1.Group {
			continue
		}
		patch := `[{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-preserve-unknown-fields", "value": true}]`
		if err := s.Client.Patch(t.Context(), crd, client.RawPatch("application/json-patch+json", []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	// The API server learns of the new CRDs a moment later, one after the other.
	for _, object := range []client.Object{domainPatch("newer", "try"), clusterPatch("try"), policy("try", nowhere)} {
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			return s.Client.Create(ctx, unknown(t, object, "news"), client.DryRunAll) != nil, nil
		})
		if err != nil {
			t.Fatalf("%T: the API server keeps dropping unknown fields", object)
		}
	}
}

// unknown is an object with a field that this program does not know.
func unknown(t *testing.T, object client.Object, field string) *unstructured.Unstructured {
	t.Helper()
	out := untyped(t, object)
	if err := unstructured.SetNestedField(out.Object, "news", "spec", field); err != nil {
		t.Fatal(err)
	}
	return out
}

func untyped(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	gvk, err := apiutil.GVKForObject(object, testcluster.Scheme(t))
	if err != nil {
		t.Fatal(err)
	}
	out := &unstructured.Unstructured{Object: content}
	out.SetGroupVersionKind(gvk)
	return out
}

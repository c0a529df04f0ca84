// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testConflicts goes through the ways in which patches meet, or do not.
func testConflicts(t *testing.T, b *bench) {
	red := &metav1.LabelSelector{MatchLabels: map[string]string{"color": "red"}}
	large := &metav1.LabelSelector{MatchLabels: map[string]string{"size": "large"}}
	everything := &metav1.LabelSelector{}
	const ref, clusterRef = v1alpha1.DomainPatchReferencePrefix, v1alpha1.ClusterDomainPatchReferencePrefix
	type side struct {
		selector           *metav1.LabelSelector
		order              int32
		value              string
		elsewhere, cluster bool
		namespaces         *metav1.LabelSelector
	}
	cases := map[string]struct {
		reason string
		a, b   side
		labels []string // of a VMI
		want   bool
	}{
		"OneSelector":       {"what binds one binds both", side{selector: red, value: "x"}, side{selector: red, value: "y"}, nil, true},
		"OneValue":          {"both write the same", side{selector: red, value: "x"}, side{selector: red, value: "x"}, nil, false},
		"OtherOrder":        {"it is said which one wins", side{selector: red, value: "x"}, side{selector: red, value: "y", order: 1}, nil, false},
		"Everything":        {"it binds what the other one binds", side{selector: everything, value: "x"}, side{selector: red, value: "y"}, nil, true},
		"EverythingRef":     {"also by reference", side{selector: everything, value: "x"}, side{value: "y"}, nil, true},
		"OtherSelector":     {"no VMI has both labels", side{selector: red, value: "x"}, side{selector: large, value: "y"}, []string{"color", "red"}, false},
		"BothSelect":        {"a VMI has both", side{selector: red, value: "x"}, side{selector: large, value: "y"}, []string{"color", "red", "size", "large"}, true},
		"References":        {"a VMI refers to both", side{value: "x"}, side{value: "y"}, []string{ref + "a", "true", ref + "b", "optional"}, true},
		"NoReference":       {"false is none", side{value: "x"}, side{value: "y"}, []string{ref + "a", "true", ref + "b", "false"}, false},
		"OtherNamespace":    {"no VMI is in two", side{selector: red, value: "x"}, side{selector: red, value: "y", elsewhere: true}, nil, false},
		"OtherKind":         {"cluster patches run last", side{selector: red, value: "x"}, side{selector: red, value: "y", cluster: true}, nil, false},
		"Cluster":           {"in all namespaces", side{selector: red, value: "x", cluster: true}, side{selector: red, value: "y", cluster: true}, nil, true},
		"ClusterVMI":        {"a VMI of some namespace", side{selector: red, value: "x", cluster: true}, side{value: "y", cluster: true}, []string{"color", "red", clusterRef + "b", "true"}, true},
		"ClusterOther":      {"not that namespace", side{selector: red, value: "x", cluster: true}, side{selector: large, value: "y", cluster: true, namespaces: red}, []string{"color", "red", "size", "large"}, false},
		"ClusterNamespaces": {"all of some namespaces is not everything", side{selector: everything, value: "x", cluster: true, namespaces: red}, side{value: "y", cluster: true}, nil, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns := strings.ToLower(name)
			b.Namespace(t, ns)
			b.Namespace(t, ns+"-2")
			make := func(name string, s side) client.Object {
				spec := v1alpha1.DomainPatchSpec{Selector: s.selector, Order: s.order, Domain: []v1alpha1.DomainRule{setRule("/domain/title", s.value)}}
				in := ns
				if s.elsewhere {
					in += "-2"
				}
				if s.cluster {
					return &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ClusterDomainPatchSpec{DomainPatchSpec: spec, NamespaceSelector: s.namespaces}}
				}
				return &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: name}, Spec: spec}
			}
			objects := []client.Object{make("a", tc.a), make("b", tc.b)}
			if tc.labels != nil {
				objects = append(objects, vmi(ns, "v", tc.labels...))
			}
			b.add(t, objects...)
			got := b.settle(t)
			for i, kind := range []string{objects[1].GetName(), objects[0].GetName()} {
				want := "True Effective"
				if tc.want {
					id := "DomainPatch " + ns + "/" + kind
					if tc.a.cluster {
						id = "ClusterDomainPatch " + kind
					}
					want = "False Conflicting: conflicting with " + id + " on /domain/title: "
				}
				b.wantPrefix(t, objects[i], "Effective", want)
				b.wantPrefix(t, objects[i], "Ready", "True Ready")
			}
			if n := len(warnings(got)); n != map[bool]int{true: 2}[tc.want] {
				t.Errorf("%d warnings: %s", n, tc.reason)
			}
		})
	}
}

// testConflictEnds follows two patches in and out of a conflict.
func testConflictEnds(t *testing.T, b *bench) {
	ns := b.Namespace(t, "ends")
	x, y := domainPatch(ns, "x", setRule("/domain/title", "x")), domainPatch(ns, "y", setRule("/domain/title", "y"))
	v := vmi(ns, "v", v1alpha1.DomainPatchReferencePrefix+"x", "true")
	b.add(t, x, y, v)
	b.settle(t)
	b.wantPrefix(t, x, "Effective", "True")
	v.SetLabels(map[string]string{v1alpha1.DomainPatchReferencePrefix + "x": "true", v1alpha1.DomainPatchReferencePrefix + "y": "true"})
	if err := b.Update(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(outcome{2, 0, []string{"Warning Conflicting", "Warning Conflicting"}}, b.settle(t)); diff != "" {
		t.Errorf("a VMI binds both (-want +got):\n%s", diff)
	}
	b.set(t, y, func() { y.Spec.Order = 1 })
	if diff := cmp.Diff(outcome{2, 1, []string{"Normal Effective", "Normal Effective"}}, b.settle(t)); diff != "" {
		t.Errorf("they have an order (-want +got):\n%s", diff)
	}
}

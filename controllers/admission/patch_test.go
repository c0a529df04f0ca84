// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testPatch creates and changes patches of both kinds.
func testPatch(t *testing.T, s *suite) {
	ns := s.Namespace(t, "patches")
	badValue := &metav1.LabelSelector{MatchLabels: map[string]string{"a": "not a value!"}}
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.DomainPatch)
		fields []string // of the causes
	}{
		"good": {"it compiles", func(*v1alpha1.DomainPatch) {}, nil},
		"path": {"one error", broken, []string{"spec.domain[0].path"}},
		"selector": {"the API server does not check it", func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = badValue
		}, []string{"spec.selector"}},
		"several": {"all errors at once", func(dp *v1alpha1.DomainPatch) {
			broken(dp)
			dp.Spec.Domain = append(dp.Spec.Domain, v1alpha1.DomainRule{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Expression: "1 +"})
			dp.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "c", Expression: "vmi.metadata.name"}, {Name: "d", Expression: "nothing"}}
		}, []string{"spec.matchConditions[1].expression", "spec.domain[0].path", "spec.domain[1].expression"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wantCauses(t, s.Client.Create(t.Context(), domainPatch(ns, name, tc.change)), tc.fields, tc.reason)
			wantCauses(t, s.Client.Create(t.Context(), clusterPatch("patches-"+name, tc.change)), tc.fields, tc.reason)
		})
	}
	elsewhere := clusterPatch("elsewhere")
	elsewhere.Spec.NamespaceSelector = badValue
	wantCauses(t, s.Client.Create(t.Context(), elsewhere), []string{"spec.namespaceSelector"}, "a field of ClusterDomainPatches alone")

	dp, cdp := domainPatch(ns, "changed"), clusterPatch("changed")
	s.testChange(t, dp, "spec.domain[0].path", func() { broken(dp) })
	s.testChange(t, cdp, "spec.domain[0].path", func() { cdp.Spec.Domain[0].Path = "/domain[" })
	dp, cdp = domainPatch(ns, "stored", broken), clusterPatch("stored", broken)
	s.testStored(t, dp, "spec.domain[0].path", func() { dp.Spec.Order = 3 })
	s.testStored(t, cdp, "spec.domain[0].path", func() { cdp.Spec.Order = 3 })
}

// testPolicy creates and changes policies.
func testPolicy(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason string
		policy *v1alpha1.DomainPatchPolicy
		fields []string // of the causes
	}{
		"Good":     {"it compiles", policy("good", nowhere, "/domain/title"), nil},
		"Empty":    {"it allows nothing", policy("empty", nowhere), nil},
		"Paths":    {"all errors at once", policy("paths", nowhere, "/domain[", "/domain/title", "id('a')"), []string{"spec.allow[0].path", "spec.allow[2].path"}},
		"Selector": {"the API server does not check it", policy("selector", "not a value!"), []string{"spec.namespaceSelector"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wantCauses(t, s.Client.Create(t.Context(), tc.policy), tc.fields, tc.reason)
		})
	}
	changed := policy("changed", nowhere, "/domain/title")
	s.testChange(t, changed, "spec.allow[0].path", func() { changed.Spec.Allow[0].Path = "/domain[" })
	stored := policy("stored", nowhere, "/domain[")
	s.testStored(t, stored, "spec.allow[0].path", func() { stored.Spec.Allow[0].Reason = "none" })
}

// testChange wants an update to be refused that makes an object wrong.
func (s *suite) testChange(t *testing.T, object client.Object, field string, spoil func()) {
	t.Helper()
	s.Add(t, object)
	t.Cleanup(func() { s.remove(t, object) })
	spoil()
	wantCauses(t, s.Client.Update(t.Context(), object), []string{field}, "a change that does not compile")
}

// testStored wants an object that is wrong, and that no webhook saw, to stay as it is or go.
func (s *suite) testStored(t *testing.T, object client.Object, field string, change func()) {
	t.Helper()
	object.SetFinalizers([]string{"example.org/finalizer"})
	s.createUnchecked(t, object)
	get := func() error { return s.Get(t.Context(), client.ObjectKeyFromObject(object), object) }
	if err := get(); err != nil {
		t.Fatal(err)
	}
	object.SetLabels(nil) // from here on the webhook is called
	wantCauses(t, s.Client.Update(t.Context(), object), nil, "labels of what does not compile may change")
	change()
	wantCauses(t, s.Client.Update(t.Context(), object), []string{field}, "its spec may not")
	s.remove(t, object)
	if err := get(); err != nil || object.GetDeletionTimestamp() == nil {
		t.Fatalf("an object with a finalizer is not being deleted: %v", err)
	}
	object.SetFinalizers(nil)
	wantCauses(t, s.Client.Update(t.Context(), object), nil, "finalizers can be removed")
	if err := get(); !apierrors.IsNotFound(err) {
		t.Errorf("the object is not gone: %v", err)
	}
}

// remove deletes an object that the rest of the tests must not meet.
func (s *suite) remove(t *testing.T, object client.Object) {
	t.Helper()
	if err := s.Client.Delete(context.WithoutCancel(t.Context()), object); err != nil {
		t.Errorf("cannot delete %T %s: %v", object, object.GetName(), err)
	}
}

// wantCauses wants an error with these fields among its causes, in this order, or no error.
func wantCauses(t *testing.T, err error, fields []string, reason string) {
	t.Helper()
	if (err != nil) != (fields != nil) {
		t.Fatalf("error %v, want one about %q: %s", err, fields, reason)
	}
	if err == nil {
		return
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) {
		t.Fatalf("error %v, want Invalid", err)
	}
	var got []string
	for _, cause := range status.ErrStatus.Details.Causes {
		got = append(got, cause.Field)
	}
	if diff := cmp.Diff(fields, got); diff != "" {
		t.Errorf("fields of the causes, %s (-want +got):\n%s\n%v", reason, diff, err)
	}
}

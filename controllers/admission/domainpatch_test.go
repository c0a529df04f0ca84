// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testDomainPatch creates and changes patches.
func testDomainPatch(t *testing.T, s *suite) {
	ns := s.Namespace(t, "patches")
	cases := map[string]struct {
		reason string
		change func(*v1alpha1.DomainPatch)
		fields []string // of the causes
	}{
		"good": {"it compiles", everyVMI, nil},
		"path": {"one error", broken, []string{"spec.domain[0].path"}},
		"selector": {"the API server does not check it", func(dp *v1alpha1.DomainPatch) {
			dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "not a value!"}}
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
		})
	}
	t.Run("Update", func(t *testing.T) {
		dp := domainPatch(ns, "changed")
		s.Add(t, dp)
		broken(dp)
		wantCauses(t, s.Client.Update(t.Context(), dp), []string{"spec.domain[0].path"}, "a change that does not compile")
	})
	t.Run("Stored", func(t *testing.T) {
		dp := domainPatch(ns, "stored", broken)
		s.createBroken(t, dp)
		if err := s.Get(t.Context(), client.ObjectKeyFromObject(dp), dp); err != nil {
			t.Fatal(err)
		}
		dp.Labels = nil // from here on the webhook is called
		wantCauses(t, s.Client.Update(t.Context(), dp), nil, "labels of a patch that does not compile may change")
		dp.Spec.Order = 3
		wantCauses(t, s.Client.Update(t.Context(), dp), []string{"spec.domain[0].path"}, "its spec may not")
	})
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

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testAtOnce accepts patches while others create VMIs, and wants each to bind at once. All names
// are generated, so that all requests look alike to scenes.
func testAtOnce(t *testing.T, s *suite) {
	const others, patches = 10, 30
	ns := s.Namespace(t, "at-once")
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	generated := func(labels ...string) *unstructured.Unstructured {
		object := vmi(ns, "", labels...)
		object.SetGenerateName("vm-")
		return object
	}
	for range others {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := s.Client.Create(ctx, generated()); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range patches {
		name := fmt.Sprint("p", i)
		dp := domainPatch(ns, name)
		dp.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"binds": name}}
		s.Add(t, dp)
		object := generated("binds", name)
		s.Add(t, object)
		if object.GetAnnotations()[v1alpha1.BundleAnnotation] == "" {
			t.Errorf("patch %s was accepted before the VMI was created, and does not bind", name)
			break
		}
	}
	stop()
	all.Wait()
}

// change is another one's webhook during which a patch is accepted.
func (s *suite) change(ctx context.Context, req ctrladmission.Request) ctrladmission.Response {
	var dp v1alpha1.DomainPatch
	if err := s.Get(ctx, client.ObjectKey{Namespace: req.Namespace, Name: "a"}, &dp); err != nil {
		return ctrladmission.Errored(500, err)
	}
	text := req.Name
	dp.Spec.Domain[0].Value = &text
	if err := s.Client.Update(ctx, &dp); err != nil {
		return ctrladmission.Errored(500, err)
	}
	return ctrladmission.Allowed("")
}

// testRace changes a patch between the mutating and the validating webhook.
func testRace(t *testing.T, s *suite) {
	ns := s.Namespace(t, "race")
	s.Add(t, domainPatch(ns, "a", everyVMI))
	object := vmi(ns, "vm", "zz-change", "yes")
	wantError(t, s.Client.Create(t.Context(), object), nil, "what counts is what was true when the create was asked for")
	_, got := s.started(t, object)
	if text := *got.Patches[0].Domain[0].Value; text != "a" {
		t.Errorf("the VMI got what was accepted later: %q", text)
	}
}

// testCounted wants answers, and VMIs that start without a patch, to be counted.
func testCounted(t *testing.T, s *suite) {
	ns := s.Namespace(t, "counted")
	s.Add(t, domainPatch(ns, "lax", cloudInit, ignore), domainPatch(ns, "a"))
	cases := map[string]struct {
		reason string
		object client.Object
		opts   []client.CreateOption
		want   map[string]int
	}{
		"allowed":  {"a VMI is counted twice, as it is asked about", vmi(ns, "allowed", ref+"a", "true"), nil, map[string]int{"mutate-vmi allowed": 1, "validate-vmi-create allowed": 1}},
		"refused":  {"once", vmi(ns, "refused", ref+"none", "true"), nil, map[string]int{"mutate-vmi refused": 1}},
		"left-out": {"the VMI starts without", vmi(ns, "left-out", ref+"lax", "true"), nil, map[string]int{"mutate-vmi allowed": 1, "validate-vmi-create allowed": 1, "left out": 1}},
		"dry-run":  {"no VMI starts", vmi(ns, "dry-run", ref+"lax", "true"), []client.CreateOption{client.DryRunAll}, map[string]int{"mutate-vmi allowed": 1, "validate-vmi-create allowed": 1}},
		"patch":    {"wrong ones", domainPatch(ns, "patch", broken), nil, map[string]int{"validate-patch refused": 1}},
		"policy":   {"wrong ones", policy("policy", nowhere, "/a["), nil, map[string]int{"validate-policy refused": 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := counters(t)
			if err := s.Client.Create(t.Context(), tc.object, tc.opts...); err != nil && !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
				t.Fatal(err)
			}
			got := map[string]int{}
			for key, count := range counters(t) {
				if count != before[key] {
					got[key] = count - before[key]
				}
			}
			if tc.want["left out"] > 0 {
				<-s.events.Events // other tests do not expect it
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("counted, %s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// counters gives what the webhooks count: answers by "WEBHOOK RESULT", and VMIs by "left out".
func counters(t *testing.T) map[string]int {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch family.GetName() {
			case "domainpatch_admissions_total":
				labels := map[string]string{}
				for _, label := range m.GetLabel() {
					labels[label.GetName()] = label.GetValue()
				}
				all[labels["webhook"]+" "+labels["result"]] = int(m.GetCounter().GetValue())
			case "domainpatch_left_out_total":
				all["left out"] = int(m.GetCounter().GetValue())
			}
		}
	}
	return all
}

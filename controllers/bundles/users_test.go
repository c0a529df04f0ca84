// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// A bundle that only a VMI of the last page names is in use.
func TestNamedOnAllPages(t *testing.T) {
	const pages = 3
	hash := func(page int) string { return strings.Repeat(fmt.Sprint(page), 64) }
	reader := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			options := (&client.ListOptions{}).ApplyOptions(opts)
			page := len(options.Continue) // a continue token has as many letters as pages went before
			object := metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.BundleAnnotation: hash(page)}}}
			list.(*metav1.PartialObjectMetadataList).Items = []metav1.PartialObjectMetadata{object}
			list.SetContinue(strings.Repeat("x", (page+1)%pages))
			return nil
		},
	})
	var found []string
	err := VMIs{Reader: reader}.Named(t.Context(), "vms", func(name string) { found = append(found, name) })
	for page := range pages {
		if name := v1alpha1.BundleConfigMapPrefix + hash(page)[:v1alpha1.BundleIDLength]; err != nil || !slices.Contains(found, name) {
			t.Errorf("found %v (%v), want also %s of page %d", found, err, name, page)
		}
	}
}

// testSweepReadsAllPages has the API server give two VMIs at a time, which it may: the bundle of the last one is in use.
func testSweepReadsAllPages(t *testing.T, s *suite) {
	namespace := s.Namespace(t, "sweep-pages")
	cm := aBundle(t, namespace, "z")
	for i := range 4 {
		s.Add(t, vmi(fmt.Sprintf("vm-%d", i), aBundle(t, namespace, fmt.Sprint(i))))
	}
	last := vmi("vm-last", cm) // the API server lists by name
	s.Add(t, last)
	s.ensure(t, cm)
	pages, others := 0, 0
	r := s.reconciler(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if options := (&client.ListOptions{}).ApplyOptions(opts); options.Limit != pageSize || options.Namespace != namespace {
				others++
			}
			pages++
			return c.List(ctx, list, append(opts, client.Limit(2))...)
		},
	})
	sweepNow(t, r, client.ObjectKeyFromObject(cm)) // the cache knows of no VMI yet
	if s.have(t, cm) == nil {
		t.Error("swept, though a VMI of the third page names it")
	}
	if pages != 3 || others > 0 {
		t.Errorf("%d lists, %d of them not of the namespace or not by %d objects; want 3 and none", pages, others, pageSize)
	}
	mustNot(t, s.Client.Delete(t.Context(), last), "cannot delete the VMI")
	sweepNow(t, s.reconciler(interceptor.Funcs{}), client.ObjectKeyFromObject(cm))
	if have := s.have(t, cm); have != nil {
		t.Errorf("ConfigMap %v, want it to be swept: nothing names it any more", have)
	}
}

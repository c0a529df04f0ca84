// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// until waits until something holds.
func (s *suite) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 90*time.Second, true, func(context.Context) (bool, error) { return holds(), nil })
	if err != nil {
		t.Fatalf("waited in vain until %s", what)
	}
}

// lead runs the reconciler in a manager, as the operator does, until the test ends.
func (s *suite) lead(t *testing.T, sweepAfter time.Duration) (*Reconciler, client.Reader) {
	t.Helper()
	mgr, err := ctrl.NewManager(s.Env.Config, ctrl.Options{
		Scheme: testcluster.Scheme(t), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}, // the tests may run more than once
		Cache:      cache.Options{ByObject: map[client.Object]cache.ByObject{&corev1.ConfigMap{}: CacheOptions()}},
	})
	mustNot(t, err, "cannot create a manager")
	r := &Reconciler{
		Store: &Store{Reader: mgr.GetAPIReader(), Writer: mgr.GetClient()}, Cache: mgr.GetClient(), Users: []Users{VMIs{Reader: mgr.GetAPIReader()}},
		Compiler: render.NewCompiler(), Events: events.NewFakeRecorder(1000), SweepAfter: sweepAfter,
	}
	mustNot(t, r.SetupWithManager(mgr), "cannot set up the reconciler")
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		mustNot(t, <-done, "the manager failed")
	})
	return r, mgr.GetClient()
}

// testLeads follows bundles through what the cache tells.
func testLeads(t *testing.T, s *suite) {
	ns := s.Namespace(t, "leads")
	before, lost, other := aBundle(t, ns, "before"), aBundle(t, ns, "lost"), aBundle(t, ns, "other")
	unused, junk := aBundle(t, ns, "unused"), aBundle(t, ns, "junk")
	junk.Data[v1alpha1.BundleKey] += " "
	s.Add(t, domainPatch(ns, "before"), vmi("before", before), vmi("lost", lost), marked(unused, longAgo), junk)
	other.Labels = nil
	s.Add(t, other)
	r, cached := s.lead(t, 2*time.Second)

	s.until(t, "what was missing at the start is restored", func() bool { return s.have(t, before) != nil })
	s.until(t, "what is lost is told", func() bool {
		return slices.ContainsFunc(r.take(), func(e string) bool { // other tests' VMIs are lost, too
			return strings.Contains(e, ReasonBundleLost) && strings.Contains(e, lost.Name)
		})
	})
	s.until(t, "what nothing names is swept", func() bool { return s.have(t, unused) == nil })
	testCached(t, s, cached, before, junk)

	first := s.have(t, before)
	mustNot(t, s.Client.Delete(t.Context(), first.DeepCopy()), "cannot delete")
	mustNot(t, s.Client.Delete(t.Context(), domainPatch(ns, "before")), "cannot delete the patch")
	s.until(t, "what is deleted is restored", func() bool { have := s.have(t, before); return have != nil && have.UID != first.UID })
	s.wantStored(t, before, "from the cache")
	mustNot(t, s.Client.Patch(t.Context(), before.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":null}}`))), "cannot take the label")
	s.until(t, "the label is back", func() bool { return s.have(t, before).Labels[v1alpha1.ManagedByLabel] != "" })

	testLeadsDeletion(t, s, before)
}

// testLeadsDeletion deletes the VMI that names a bundle. A finalizer plays KubeVirt, which lets it
// go when its pod is gone.
func testLeadsDeletion(t *testing.T, s *suite, cm *corev1.ConfigMap) {
	v := vmi("before", cm)
	mustNot(t, s.Client.Patch(t.Context(), v, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.org/x"]}}`))), "cannot hold the VMI")
	mustNot(t, s.Client.Delete(t.Context(), v), "cannot delete the VMI")
	witness := aBundle(t, cm.Namespace, "witness")
	s.ensure(t, witness)
	s.until(t, "another bundle is swept", func() bool { return s.have(t, witness) == nil })
	s.wantStored(t, cm, "the VMI is being deleted, and not gone")
	mustNot(t, s.Client.Patch(t.Context(), v, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))), "cannot let the VMI go")
	s.until(t, "the bundle of a VMI that is gone is swept", func() bool { return s.have(t, cm) == nil })
}

// testCached looks at what the cache holds.
func testCached(t *testing.T, s *suite, cached client.Reader, good, junk *corev1.ConfigMap) {
	var all corev1.ConfigMapList
	s.until(t, "the cache has what was restored", func() bool {
		mustNot(t, cached.List(t.Context(), &all, client.InNamespace(good.Namespace)), "cannot list")
		return len(all.Items) == 2
	})
	for i := range all.Items {
		cm := &all.Items[i]
		switch cm.Name {
		case good.Name:
			if !isOurs(cm) {
				t.Errorf("%v is no bundle any more", cm)
			}
		case junk.Name:
			if len(cm.Data) > 0 || len(cm.ManagedFields) > 0 {
				t.Errorf("%v is kept though it is no bundle", cm)
			}
		default:
			t.Errorf("%s is cached", cm.Name)
		}
	}
}

// testIdle has a namespace of 10,000 VMIs with one bundle. What a reconcile asks for is counted.
func testIdle(t *testing.T, s *suite) {
	cm := aBundle(t, s.Namespace(t, "idle"), "a")
	s.ensure(t, cm)
	r := s.reconciler(refuseAll())
	reads := &countedReader{Reader: s.Client}
	r.Cache = reads
	for i := range 10_000 {
		r.names.add(client.ObjectKeyFromObject(cm), user{name: fmt.Sprint(i), uid: types.UID(fmt.Sprint(i))})
	}
	step(t, r, client.ObjectKeyFromObject(cm))
	if reads.gets != 1 || reads.lists != 0 {
		t.Errorf("%d gets and %d lists, want the ConfigMap alone", reads.gets, reads.lists)
	}
}

type countedReader struct {
	client.Reader
	gets, lists int
}

func (c *countedReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	c.gets++
	return c.Reader.Get(ctx, key, object, opts...)
}

func (c *countedReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	c.lists++
	return c.Reader.List(ctx, list, opts...)
}

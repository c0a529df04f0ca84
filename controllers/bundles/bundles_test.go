// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/controllers/testcluster"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// TestBundles asks a real API server.
func TestBundles(t *testing.T) {
	s := start(t)
	t.Run("Ensure", func(t *testing.T) { testEnsure(t, s) })
	t.Run("EnsureAtOnce", func(t *testing.T) { testEnsureAtOnce(t, s) })
	t.Run("EnsureRefused", func(t *testing.T) { testEnsureRefused(t, s) })
	t.Run("EnsureRaces", func(t *testing.T) { testEnsureRaces(t, s) })
	t.Run("Sweep", func(t *testing.T) { testSweep(t, s) })
	t.Run("SweepForgets", func(t *testing.T) { testSweepForgets(t, s) })
	t.Run("Counts", func(t *testing.T) { testCounts(t, s) })
	t.Run("SweepWaits", func(t *testing.T) { testSweepWaits(t, s) })
	t.Run("SweepRaces", func(t *testing.T) { testSweepRaces(t, s) })
	t.Run("SweepReadsAllPages", func(t *testing.T) { testSweepReadsAllPages(t, s) })
	t.Run("SweepSharesLists", func(t *testing.T) { testSweepSharesLists(t, s) })
	t.Run("NotOurs", func(t *testing.T) { testNotOurs(t, s) })
	t.Run("Backup", func(t *testing.T) { testBackup(t, s) })
	t.Run("Restore", func(t *testing.T) { testRestore(t, s) })
	t.Run("RestoreRendered", func(t *testing.T) { testRestoreRendered(t, s) })
	t.Run("RestoreRefused", func(t *testing.T) { testRestoreRefused(t, s) })
	t.Run("Lost", func(t *testing.T) { testLost(t, s) })
	t.Run("LostBounds", func(t *testing.T) { testLostBounds(t, s) })
	t.Run("Idle", func(t *testing.T) { testIdle(t, s) })
	t.Run("Leads", func(t *testing.T) { testLeads(t, s) })
}

// suite is a cluster without webhooks: the tests play them.
type suite struct {
	*testcluster.Cluster
	watching client.WithWatch
}

func start(t *testing.T) *suite {
	t.Helper()
	c := testcluster.Start(t, testcluster.Options{})
	watching, err := client.NewWithWatch(c.Env.Config, client.Options{Scheme: testcluster.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return &suite{Cluster: c, watching: watching}
}

func (s *suite) store() *Store { return &Store{Reader: s.Client, Writer: s.Client} }

// reconciler is one that leads, with no users yet. Its writes and live reads go through the funcs.
func (s *suite) reconciler(funcs interceptor.Funcs) *Reconciler {
	c := interceptor.NewClient(s.watching, funcs)
	r := &Reconciler{
		Store: &Store{Reader: c, Writer: c}, Cache: s.Client, Users: []Users{VMIs{Reader: c}},
		Compiler: render.NewCompiler(), Events: events.NewFakeRecorder(1000), SweepAfter: time.Hour,
	}
	r.names.setComplete()
	return r
}

// age makes the reconciler believe that time went by.
func (r *Reconciler) age(d time.Duration) {
	for key, w := range r.idle {
		w.since = w.since.Add(-d)
		r.idle[key] = w
	}
}

// step asks for one ConfigMap, which must work.
func step(t *testing.T, r *Reconciler, key types.NamespacedName) ctrl.Result {
	t.Helper()
	result, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// sweepNow brings a bundle that nothing names to its end: seen, marked, seen, swept.
func sweepNow(t *testing.T, r *Reconciler, key types.NamespacedName) {
	t.Helper()
	for range 4 {
		step(t, r, key)
		r.age(2 * r.SweepAfter)
	}
}

// aBundle is the ConfigMap of a bundle with one patch of this name.
func aBundle(t *testing.T, namespace, name string) *corev1.ConfigMap {
	t.Helper()
	return ConfigMap(rendered(t, domainPatch(namespace, name)), namespace)
}

func rendered(t *testing.T, dp *v1alpha1.DomainPatch) *render.Bundle {
	t.Helper()
	b, err := render.Build(t.Context(), render.VMI{}, []render.Binding{{Patch: render.DomainPatch(dp)}}, nil, render.NewCompiler())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// domainPatch binds all VMIs of its namespace.
func domainPatch(namespace, name string) *v1alpha1.DomainPatch {
	dp := &v1alpha1.DomainPatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	dp.Spec.Selector = &metav1.LabelSelector{}
	dp.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/title", Value: &name}}
	return dp
}

// vmi is a VirtualMachineInstance that names a bundle.
func vmi(name string, cm *corev1.ConfigMap) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "spec": map[string]any{}}}
	object.SetNamespace(cm.Namespace)
	object.SetName(name)
	object.SetAnnotations(map[string]string{v1alpha1.BundleAnnotation: bundle.Sum([]byte(cm.Data[v1alpha1.BundleKey]))})
	return object
}

// marked is a copy with a mark.
func marked(cm *corev1.ConfigMap, since string) *corev1.ConfigMap {
	cm = cm.DeepCopy()
	cm.Annotations = map[string]string{v1alpha1.UnusedSinceAnnotation: since}
	return cm
}

const longAgo = "1970-01-01T00:00:00Z"

// have reads a ConfigMap; nil where there is none.
func (s *suite) have(t *testing.T, cm *corev1.ConfigMap) *corev1.ConfigMap {
	t.Helper()
	var have corev1.ConfigMap
	err := s.Get(t.Context(), client.ObjectKeyFromObject(cm), &have)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &have
}

// wantStored wants a ConfigMap to be the bundle, unmarked, and returns it.
func (s *suite) wantStored(t *testing.T, want *corev1.ConfigMap, reason string) *corev1.ConfigMap {
	t.Helper()
	have := s.have(t, want)
	if have == nil {
		t.Fatalf("ConfigMap %s does not exist: %s", want.Name, reason)
	}
	if !cmp.Equal(have.Data, want.Data) || !cmp.Equal(have.Immutable, want.Immutable) || len(have.BinaryData) > 0 || isMarked(have) || have.DeletionTimestamp != nil {
		t.Errorf("ConfigMap %v, want %v, unmarked: %s", have, want, reason)
	}
	for key, value := range want.Labels {
		if have.Labels[key] != value {
			t.Errorf("labels %v, want %v: %s", have.Labels, want.Labels, reason)
		}
	}
	return have
}

// once is a hook that runs one time.
func once(do func()) func() {
	return func() {
		if do != nil {
			f := do
			do = nil
			f()
		}
	}
}

// before and after call a hook around the calls of one verb.
func afterGet(hook func()) interceptor.Funcs {
	return interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
		defer hook()
		return c.Get(ctx, key, object, opts...)
	}}
}

func afterList(hook func()) interceptor.Funcs {
	return interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		defer hook()
		return c.List(ctx, list, opts...)
	}}
}

func beforeDelete(hook func()) interceptor.Funcs {
	return interceptor.Funcs{Delete: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.DeleteOption) error {
		hook()
		return c.Delete(ctx, object, opts...)
	}}
}

// refuseAll lets no live read and no write pass.
func refuseAll() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errRefused
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errRefused
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return errRefused
		},
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
			return errRefused
		},
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return errRefused
		},
	}
}

var errRefused = errors.New("asked for something")

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v lacks %q", err, part)
		}
	}
}

// ensure plays a webhook that answers the creation of a VMI.
func (s *suite) ensure(t *testing.T, cm *corev1.ConfigMap) {
	t.Helper()
	if err := s.store().Ensure(context.WithoutCancel(t.Context()), cm); err != nil {
		t.Errorf("cannot ensure: %v", err)
	}
}

func mustNot(t *testing.T, err error, what string, args ...any) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(what, args...), err)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// take gives the events since the last call.
func (r *Reconciler) take() []string {
	var all []string
	for {
		select {
		case e := <-r.Events.(*events.FakeRecorder).Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

// named is a VMI that the reconciler knows to name a bundle.
func (s *suite) named(t *testing.T, r *Reconciler, name string, cm *corev1.ConfigMap) client.Object {
	t.Helper()
	v := vmi(name, cm)
	s.Add(t, v)
	r.names.add(client.ObjectKeyFromObject(cm), user{name: name, uid: v.GetUID()})
	return v
}

// testRestore has a VMI whose ConfigMap is missing, or seems to be.
func testRestore(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason   string
		existing func(*corev1.ConfigMap) // what stands there; nil for nothing
		kept     bool                    // whether the cache had it
		bare     bool                    // whether the patch is gone
		same     bool                    // whether it is the same object afterwards
	}{
		"kept":      {"deleted before our eyes", nil, true, true, false},
		"rendered":  {"deleted while no operator ran", nil, false, false, false},
		"late":      {"the cache does not know it yet", func(*corev1.ConfigMap) {}, false, true, true},
		"unlabeled": {"the cache does not know it any more", func(cm *corev1.ConfigMap) { cm.Labels = nil }, false, true, true},
		"foreign":   {"deleted, and something else put there", func(cm *corev1.ConfigMap) { cm.Data = nil }, true, true, false},
		"other":     {"something else was put there while no operator ran", func(cm *corev1.ConfigMap) { cm.Data = nil }, false, false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ns := s.Namespace(t, "restore-"+name)
			cm := aBundle(t, ns, "a")
			key := client.ObjectKeyFromObject(cm)
			existing := cm.DeepCopy()
			if tc.existing != nil {
				tc.existing(existing)
				s.Add(t, existing)
			}
			if !tc.bare {
				s.Add(t, domainPatch(ns, "a"))
			}
			r := s.reconciler(interceptor.Funcs{})
			r.Cache = withoutConfigMaps{s.Client}
			s.named(t, r, "vm", cm)
			if tc.kept {
				r.names.keep(key, cm.Data[v1alpha1.BundleKey])
			}
			for range 2 {
				step(t, r, key)
			}
			have := s.wantStored(t, cm, tc.reason)
			if (have.UID == existing.UID) != tc.same {
				t.Errorf("the same object: %t, want %t: %s", !tc.same, tc.same, tc.reason)
			}
			if got := r.take(); len(got) > 0 {
				t.Errorf("events %q, want none: %s", got, tc.reason)
			}
		})
	}
}

// withoutConfigMaps is a cache that knows of none yet.
type withoutConfigMaps struct{ client.Reader }

func (c withoutConfigMaps) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if _, ok := object.(*corev1.ConfigMap); ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
	}
	return c.Reader.Get(ctx, key, object, opts...)
}

// testRestoreRendered has everything decide about the bundle that can.
func testRestoreRendered(t *testing.T, s *suite) {
	ns := s.Namespace(t, "rendered", "tier", "gold")
	value := "x"
	cluster := &v1alpha1.ClusterDomainPatch{ObjectMeta: metav1.ObjectMeta{Name: "rendered"}}
	cluster.Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
	cluster.Spec.Selector = &metav1.LabelSelector{}
	cluster.Spec.Domain = []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/description", Value: &value}}
	policy := &v1alpha1.DomainPatchPolicy{ObjectMeta: metav1.ObjectMeta{Name: "rendered"}}
	policy.Spec.NamespaceSelector = cluster.Spec.NamespaceSelector
	policy.Spec.Allow = []v1alpha1.AllowedPath{{Path: "/domain/title"}}
	dp := domainPatch(ns, "a")
	b, err := render.Render(t.Context(), render.VMI{}, render.Namespace{Name: ns, Labels: map[string]string{"tier": "gold"}},
		render.Objects{Patches: []render.Patch{render.DomainPatch(dp), render.ClusterDomainPatch(cluster)}, Policies: []v1alpha1.DomainPatchPolicy{*policy}}, render.NewCompiler())
	mustNot(t, err, "cannot render")
	s.Add(t, dp, cluster, policy)
	t.Cleanup(func() {
		for _, object := range []client.Object{cluster, policy} {
			mustNot(t, s.Client.Delete(context.WithoutCancel(t.Context()), object), "cannot delete")
		}
	})
	cm := ConfigMap(b, ns)
	r := s.reconciler(interceptor.Funcs{})
	s.named(t, r, "vm", cm)
	step(t, r, client.ObjectKeyFromObject(cm))
	s.wantStored(t, cm, "patches of both kinds, a policy, and the namespace's labels are what they were")
}

// testLost has VMIs whose bundle nobody has.
func testLost(t *testing.T, s *suite) {
	ns := s.Namespace(t, "lost")
	cm := aBundle(t, ns, "a")
	key := client.ObjectKeyFromObject(cm)
	s.Add(t, domainPatch(ns, "b")) // the patches are others
	r := s.reconciler(interceptor.Funcs{})
	s.named(t, r, "vm1", cm)
	gone := s.named(t, r, "vm2", cm)
	mustNot(t, s.Client.Delete(t.Context(), gone), "cannot delete a VMI")
	wantEvents := func(want int, reason string) {
		t.Helper()
		got := r.take()
		for _, e := range got {
			if !strings.Contains(e, reason) || !strings.Contains(e, cm.Name) {
				t.Errorf("event %q lacks %s or %s", e, reason, cm.Name)
			}
		}
		if len(got) != want {
			t.Errorf("%d events, want %d %s: %q", len(got), want, reason, got)
		}
	}
	if step(t, r, key).RequeueAfter != retryLost {
		t.Error("never tried again")
	}
	wantEvents(1, "Warning "+ReasonBundleLost)
	if s.have(t, cm) != nil || r.states[key] != stateLost {
		t.Errorf("state %s, want lost", r.states[key])
	}
	step(t, r, key)
	wantEvents(0, "")
	s.named(t, r, "vm3", cm)
	step(t, r, key)
	wantEvents(1, "Warning "+ReasonBundleLost)

	s.Add(t, domainPatch(ns, "a"))
	mustNot(t, s.Client.Delete(t.Context(), domainPatch(ns, "b")), "cannot delete the other patch")
	step(t, r, key) // the patches are what they were
	s.wantStored(t, cm, "it can be rendered again")
	step(t, r, key)
	wantEvents(2, "Normal "+ReasonBundleRestored)
	if r.states[key] != stateUsed {
		t.Errorf("state %s, want used", r.states[key])
	}
}

// testLostBounds has more users than anybody reads events of.
func testLostBounds(t *testing.T, s *suite) {
	ns := s.Namespace(t, "lost-bounds")
	cm := aBundle(t, ns, "a")
	loads := 0
	r := s.reconciler(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
		if strings.HasPrefix(key.Name, "vm") {
			loads++
		}
		return c.Get(ctx, key, object, opts...)
	}})
	for i := range mostTold + 20 {
		s.named(t, r, fmt.Sprintf("vm%d", i), cm)
	}
	for range 2 {
		step(t, r, client.ObjectKeyFromObject(cm))
	}
	if got := r.take(); len(got) != mostTold || loads != 2*mostRendered {
		t.Errorf("%d events and %d VMIs loaded, want %d and %d", len(got), loads, mostTold, 2*mostRendered)
	}
}

// testRestoreRefused has the API server refuse to create the ConfigMap again.
func testRestoreRefused(t *testing.T, s *suite) {
	missing := func(ns string, funcs interceptor.Funcs) (*Reconciler, *corev1.ConfigMap) {
		cm := aBundle(t, ns, "a")
		r := s.reconciler(funcs)
		r.names.add(client.ObjectKeyFromObject(cm), user{name: "vm"})
		r.names.keep(client.ObjectKeyFromObject(cm), cm.Data[v1alpha1.BundleKey])
		return r, cm
	}
	wantNothing := func(t *testing.T, r *Reconciler, cm *corev1.ConfigMap) {
		t.Helper()
		if got := step(t, r, client.ObjectKeyFromObject(cm)); !cmp.Equal(got, ctrl.Result{}) {
			t.Errorf("result %v: it is tried again", got)
		}
		if have := s.have(t, cm); have != nil || len(r.states) > 0 || len(r.take()) > 0 {
			t.Errorf("ConfigMap %v, states %v, want none and no event", have, r.states)
		}
	}
	t.Run("terminating", func(t *testing.T) {
		creates := 0
		r, cm := missing(s.terminating(t, "restore-terminating"), interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				creates++
				return nil
			}})
		wantNothing(t, r, cm)
		if creates > 0 {
			t.Error("it fights the end of the namespace")
		}
	})
	t.Run("terminating since", func(t *testing.T) {
		ns := s.Namespace(t, "restore-terminating-since")
		r, cm := missing(ns, afterGet(once(func() {
			mustNot(t, s.Client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}), "cannot delete the namespace")
		})))
		wantNothing(t, r, cm)
	})
	t.Run("no namespace", func(t *testing.T) {
		r, cm := missing("restore-no-namespace", interceptor.Funcs{})
		wantNothing(t, r, cm)
	})
	t.Run("quota", func(t *testing.T) {
		ns := s.Namespace(t, "restore-quota")
		quota := s.quota(t, ns)
		r, cm := missing(ns, interceptor.Funcs{})
		key := client.ObjectKeyFromObject(cm)
		s.named(t, r, "vm", cm)
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
		wantError(t, err, "exceeded quota: small") // and is tried again
		if got := r.take(); len(got) != 1 || !strings.Contains(got[0], "exceeded quota: small") || r.states[key] != stateLost {
			t.Errorf("events %q and state %s, want one that names the quota, and lost", got, r.states[key])
		}
		mustNot(t, s.Client.Delete(t.Context(), quota), "cannot delete the quota")
		s.until(t, "the quota is gone", func() bool {
			_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
			return err == nil
		})
		s.wantStored(t, cm, "there is room again")
	})
}

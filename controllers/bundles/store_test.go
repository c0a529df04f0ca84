// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"errors"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testEnsure puts all sorts of things where the bundle is to be.
func testEnsure(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason   string
		existing func(*corev1.ConfigMap) // what stands there; nil for nothing
		same     bool                    // whether it is the same object afterwards: migrations may read it meanwhile
	}{
		"missing":   {"first use", nil, false},
		"stored":    {"second use", func(*corev1.ConfigMap) {}, true},
		"content":   {"not what the hash says", func(cm *corev1.ConfigMap) { cm.Data = map[string]string{v1alpha1.BundleKey: "{}"} }, false},
		"more":      {"somebody's own key", func(cm *corev1.ConfigMap) { cm.Data["x"] = "y" }, false},
		"binary":    {"somebody's own key", func(cm *corev1.ConfigMap) { cm.BinaryData = map[string][]byte{"x": {0}} }, false},
		"mutable":   {"it may change later", func(cm *corev1.ConfigMap) { cm.Immutable = nil }, true},
		"unlabeled": {"nobody would sweep or restore it", func(cm *corev1.ConfigMap) { cm.Labels = nil }, true},
		"labeled":   {"labels of others do no harm", func(cm *corev1.ConfigMap) { cm.Labels["x"] = "y" }, true},
		"marked":    {"nothing named it", func(cm *corev1.ConfigMap) { cm.Annotations = marked(cm, longAgo).Annotations }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := aBundle(t, s.Namespace(t, "ensure-"+name), "a")
			existing := want.DeepCopy()
			if tc.existing != nil {
				tc.existing(existing)
				s.Add(t, existing)
			}
			s.ensure(t, want)
			have := s.wantStored(t, want, tc.reason)
			if (have.UID == existing.UID) != tc.same {
				t.Errorf("the same object: %t, want %t: %s", !tc.same, tc.same, tc.reason)
			}
			s.ensure(t, want)
			if again := s.have(t, want); again.ResourceVersion != have.ResourceVersion {
				t.Errorf("the second call wrote: %s", tc.reason)
			}
		})
	}
}

// testEnsureAtOnce is ten replicas that answer at the same time.
func testEnsureAtOnce(t *testing.T, s *suite) {
	cases := map[string]func(*corev1.ConfigMap){
		"missing": nil,
		"marked":  func(cm *corev1.ConfigMap) { cm.Annotations = marked(cm, longAgo).Annotations },
		"foreign": func(cm *corev1.ConfigMap) { cm.Data = nil },
	}
	for name, existing := range cases {
		t.Run(name, func(t *testing.T) {
			want := aBundle(t, s.Namespace(t, "at-once-"+name), "a")
			if existing != nil {
				cm := want.DeepCopy()
				existing(cm)
				s.Add(t, cm)
			}
			var replicas sync.WaitGroup
			for range 10 {
				for range 4 {
					replicas.Go(func() { s.ensure(t, want) })
				}
			}
			replicas.Wait()
			s.wantStored(t, want, "40 calls at once")
			var all corev1.ConfigMapList
			if err := s.List(t.Context(), &all, client.InNamespace(want.Namespace)); err != nil || len(all.Items) != 1 {
				t.Errorf("%d ConfigMaps, error %v, want one", len(all.Items), err)
			}
		})
	}
}

// testEnsureRefused has the API server refuse the ConfigMap.
func testEnsureRefused(t *testing.T, s *suite) {
	t.Run("quota", func(t *testing.T) {
		want := aBundle(t, s.Namespace(t, "quota"), "a")
		s.quota(t, want.Namespace)
		err := s.store().Ensure(t.Context(), want)
		wantError(t, err, "cannot write ConfigMap quota/domainpatch-", "exceeded quota: small")
		if !apierrors.IsForbidden(err) {
			t.Errorf("reason %s, want Forbidden", apierrors.ReasonForError(err))
		}
	})
	t.Run("terminating", func(t *testing.T) {
		want := aBundle(t, s.terminating(t, "terminating"), "a")
		err := s.store().Ensure(t.Context(), want)
		wantError(t, err, "is being terminated")
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			t.Errorf("%v lacks its cause", err)
		}
	})
	t.Run("held", func(t *testing.T) {
		want := aBundle(t, s.Namespace(t, "held"), "a")
		held := want.DeepCopy()
		held.Finalizers = []string{"example.org/backup", "example.org/audit"}
		s.Add(t, held)
		mustNot(t, s.Client.Delete(t.Context(), held), "cannot delete")
		err := s.store().Ensure(t.Context(), want)
		wantError(t, err, "cannot write ConfigMap held/"+want.Name, "example.org/backup, example.org/audit", "kubectl patch configmap -n held "+want.Name)
		if !errors.Is(err, errHeld) || errors.Is(err, errRace) {
			t.Errorf("%v says that trying again helps", err)
		}
		mustNot(t, s.Client.Patch(t.Context(), held, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))),
			"what the message says does not work")
		s.ensure(t, want)
		s.wantStored(t, want, "the finalizers are gone")
	})
}

// quota forbids ConfigMaps in a namespace, by the name of small.
func (s *suite) quota(t *testing.T, namespace string) *corev1.ResourceQuota {
	t.Helper()
	none := corev1.ResourceList{"count/configmaps": resource.MustParse("0")}
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: none}}
	s.Add(t, quota)
	quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none} // no quota controller runs here
	mustNot(t, s.Client.Status().Update(t.Context(), quota), "cannot set the quota")
	s.until(t, "the API server knows of the quota", func() bool {
		return apierrors.IsForbidden(s.Client.Create(t.Context(), aBundle(t, namespace, "any"), client.DryRunAll))
	})
	return quota
}

// terminating is a namespace that is being deleted, for ever: no controller ends it.
func (s *suite) terminating(t *testing.T, name string) string {
	t.Helper()
	s.Namespace(t, name)
	mustNot(t, s.Client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}), "cannot delete the namespace")
	return name
}

// testEnsureRaces has others change the ConfigMap between the look and the write.
func testEnsureRaces(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason   string
		existing func(*corev1.ConfigMap) *corev1.ConfigMap
		between  func(*testing.T, *corev1.ConfigMap)
	}{
		"created": {"another replica was faster", nil, s.ensure},
		"swept": {"it was marked, and is gone before the mark is",
			func(cm *corev1.ConfigMap) *corev1.ConfigMap { return marked(cm, longAgo) },
			func(t *testing.T, cm *corev1.ConfigMap) { mustNot(t, s.Client.Delete(t.Context(), cm), "sweep") }},
		"unmarked": {"another replica was faster",
			func(cm *corev1.ConfigMap) *corev1.ConfigMap { return marked(cm, longAgo) }, s.ensure},
		"replaced": {"another replica was faster",
			func(cm *corev1.ConfigMap) *corev1.ConfigMap { cm = cm.DeepCopy(); cm.Data = nil; return cm }, s.ensure},
		"foreign": {"and somebody else than a replica is",
			func(cm *corev1.ConfigMap) *corev1.ConfigMap { return marked(cm, longAgo) },
			func(t *testing.T, cm *corev1.ConfigMap) {
				mustNot(t, s.Client.Delete(t.Context(), cm), "delete")
				other := cm.DeepCopy()
				other.Data, other.ResourceVersion, other.UID = map[string]string{"bundle.json": "{}"}, "", ""
				s.Add(t, other)
			}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := aBundle(t, s.Namespace(t, "races-"+name), "a")
			if tc.existing != nil {
				s.Add(t, tc.existing(want))
			}
			hook := once(func() { tc.between(t, want.DeepCopy()) })
			c := interceptor.NewClient(s.watching, afterGet(hook))
			if err := (&Store{Reader: c, Writer: c}).Ensure(t.Context(), want); err != nil {
				t.Errorf("%v: %s", err, tc.reason)
			}
			s.wantStored(t, want, tc.reason)
		})
	}
	t.Run("mended", func(t *testing.T) {
		want := aBundle(t, s.Namespace(t, "races-mended"), "a")
		broken := want.DeepCopy()
		broken.Data, broken.Immutable = nil, nil
		s.Add(t, broken)
		c := interceptor.NewClient(s.watching, afterGet(once(func() {
			mended := broken.DeepCopy()
			mended.Data, mended.Immutable = want.Data, want.Immutable
			mustNot(t, s.Client.Update(t.Context(), mended), "mend")
		})))
		mustNot(t, (&Store{Reader: c, Writer: c}).Ensure(t.Context(), want), "cannot ensure")
		if have := s.wantStored(t, want, "its owner mended it"); have.UID != broken.UID {
			t.Error("deleted though it is the bundle by now: a pod that is being rendered would not find it")
		}
	})
	t.Run("for ever", func(t *testing.T) {
		want, i := aBundle(t, s.Namespace(t, "races-for-ever"), "a"), 0
		c := interceptor.NewClient(s.watching, afterGet(func() {
			if i++; i%2 == 1 {
				s.Add(t, marked(want, longAgo))
				return
			}
			mustNot(t, s.Client.Delete(t.Context(), want.DeepCopy()), "delete")
		}))
		wantError(t, (&Store{Reader: c, Writer: c}).Ensure(t.Context(), want), "cannot write ConfigMap", "try again")
		if i != attempts {
			t.Errorf("%d attempts, want %d", i, attempts)
		}
	})
}

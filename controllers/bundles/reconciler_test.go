// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// testSweep follows a bundle to its end: one whose VMI was refused after it was written, say.
func testSweep(t *testing.T, s *suite) {
	cm := aBundle(t, s.Namespace(t, "sweep"), "a")
	key := client.ObjectKeyFromObject(cm)
	r := s.reconciler(interceptor.Funcs{})
	s.ensure(t, cm)
	if left := step(t, r, key).RequeueAfter; left < 5*time.Minute || left > 6*time.Minute {
		t.Errorf("comes back after %s, want a tenth of an hour", left)
	}
	s.wantStored(t, cm, "the VMI may be on its way")
	r.age(6 * time.Minute)
	step(t, r, key)
	if have := s.have(t, cm); have == nil || !isMarked(have) {
		t.Fatalf("ConfigMap %v, want one that is marked", have)
	}
	if left := step(t, r, key).RequeueAfter; left < 59*time.Minute || left > time.Hour {
		t.Errorf("comes back after %s, want an hour", left)
	}
	r.age(59 * time.Minute)
	step(t, r, key)
	if s.have(t, cm) == nil {
		t.Fatal("swept before the time")
	}
	r.age(time.Minute)
	step(t, r, key)
	if have := s.have(t, cm); have != nil {
		t.Errorf("ConfigMap %v, want it to be swept", have)
	}
	step(t, r, key)
	if len(r.idle)+len(r.states)+len(r.told) > 0 {
		t.Errorf("the reconciler remembers what is gone: %v %v %v", r.idle, r.states, r.told)
	}
}

// testSweepForgets has a VM that restarts all the time: its bundle is never unused for long.
func testSweepForgets(t *testing.T, s *suite) {
	cm := aBundle(t, s.Namespace(t, "sweep-forgets"), "a")
	key := client.ObjectKeyFromObject(cm)
	r := s.reconciler(interceptor.Funcs{})
	s.ensure(t, cm)
	first := s.have(t, cm)
	for i := range 5 {
		vm := user{name: "vm", uid: types.UID(fmt.Sprint(i))}
		step(t, r, key)
		r.age(5 * time.Minute)
		r.names.add(key, vm)
		step(t, r, key)
		r.names.remove(key, vm)
	}
	if have := s.wantStored(t, cm, "it was used all the time"); have.ResourceVersion != first.ResourceVersion {
		t.Error("the bundle of a VM that restarts was written")
	}
}

// testCounts reads the metrics.
func testCounts(t *testing.T, s *suite) {
	ns := s.Namespace(t, "counts")
	used, unused, lost := aBundle(t, ns, "used"), aBundle(t, ns, "unused"), aBundle(t, ns, "lost")
	r := s.reconciler(interceptor.Funcs{})
	before := counts(t)
	check := func(reason string, want map[string]float64) {
		t.Helper()
		got := counts(t)
		for key := range got {
			if got[key] -= before[key]; got[key] == 0 {
				delete(got, key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics, %s (-want +got):\n%s", reason, diff)
		}
	}
	all := func() {
		for _, cm := range []*corev1.ConfigMap{used, unused, lost} {
			step(t, r, client.ObjectKeyFromObject(cm))
		}
	}
	s.ensure(t, used)
	s.Add(t, marked(unused, longAgo))
	vm := user{name: "vm", uid: "1"}
	r.names.add(client.ObjectKeyFromObject(used), vm)
	r.names.add(client.ObjectKeyFromObject(lost), vm)
	all()
	all()
	check("one of each", map[string]float64{"create": 1, "used": 1, "unused": 1, "lost": 1})
	r.age(time.Hour)
	all()
	all()
	check("one is swept", map[string]float64{"create": 1, "sweep": 1, "used": 1, "lost": 1})
	r.names.keep(client.ObjectKeyFromObject(lost), lost.Data[v1alpha1.BundleKey])
	all()
	all()
	check("one is restored", map[string]float64{"create": 1, "sweep": 1, "restore": 1, "used": 2})
	r.names.remove(client.ObjectKeyFromObject(used), vm)
	all()
	r.age(time.Hour)
	all()
	check("one is marked", map[string]float64{"create": 1, "sweep": 1, "restore": 1, "mark": 1, "used": 1, "unused": 1})
	s.ensure(t, used)
	s.ensure(t, used)
	check("its mark is taken off", map[string]float64{"create": 1, "sweep": 1, "restore": 1, "mark": 1, "unmark": 1, "used": 1, "unused": 1})
}

// counts gives the metrics of bundles by the value of their label.
func counts(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	mustNot(t, err, "cannot gather the metrics")
	all := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "domainpatch_bundle") {
			continue
		}
		for _, m := range f.GetMetric() {
			all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// testSweepWaits is about marks that say nothing of how long the bundle was unused.
func testSweepWaits(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason string
		mark   string
		then   func(*testing.T, *corev1.ConfigMap) // after the reconciler has waited
		swept  bool
	}{
		"past":    {"written by a clock that is behind, or before a backup", longAgo, nil, true},
		"future":  {"written by a clock that is ahead", "2999-01-01T00:00:00Z", nil, true},
		"no time": {"written by anybody", "x", nil, true},
		"used":    {"a webhook took the mark off: the VMI is on its way", longAgo, s.ensure, false},
		"used twice": {"and the bundle was marked again since", longAgo, func(t *testing.T, cm *corev1.ConfigMap) {
			s.ensure(t, cm)
			other := s.reconciler(interceptor.Funcs{})
			step(t, other, client.ObjectKeyFromObject(cm))
			other.age(time.Hour)
			step(t, other, client.ObjectKeyFromObject(cm))
			if !isMarked(s.have(t, cm)) {
				t.Error("not marked again")
			}
		}, false},
		"touched": {"somebody cares for it", longAgo, func(t *testing.T, cm *corev1.ConfigMap) {
			mustNot(t, s.Client.Patch(t.Context(), cm.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"x":"y"}}}`))), "cannot touch")
		}, false},
		"named": {"the cache of VMIs is late", longAgo, func(t *testing.T, cm *corev1.ConfigMap) { s.Add(t, vmi("late", cm)) }, false},
		"deleting": {"its pod may still migrate", longAgo, func(t *testing.T, cm *corev1.ConfigMap) {
			v := vmi("deleting", cm)
			v.SetFinalizers([]string{"example.org/x"})
			s.Add(t, v)
			mustNot(t, s.Client.Delete(t.Context(), v), "cannot delete the VMI")
		}, false},
		"injected": {"a VMI that no webhook saw, with the entry alone", longAgo, func(t *testing.T, cm *corev1.ConfigMap) {
			v := vmi("injected", cm)
			v.SetAnnotations(map[string]string{v1alpha1.HookSidecarsAnnotation: `[{"image":"x","configMap":{"name":"` + cm.Name + `","key":"bundle.json"}}]`})
			s.Add(t, v)
		}, false},
		"other VMI": {"of another bundle", longAgo, func(t *testing.T, cm *corev1.ConfigMap) { s.Add(t, vmi("other", aBundle(t, cm.Namespace, "b"))) }, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cm := aBundle(t, s.Namespace(t, "sweep-waits-"+strings.ReplaceAll(strings.ToLower(name), " ", "-")), "a")
			key := client.ObjectKeyFromObject(cm)
			s.Add(t, marked(cm, tc.mark))
			r := s.reconciler(interceptor.Funcs{})
			step(t, r, key)
			if s.have(t, cm) == nil {
				t.Fatal("swept at first sight: a new leader has not waited itself")
			}
			r.age(time.Hour)
			if tc.then != nil {
				tc.then(t, cm)
			}
			step(t, r, key)
			if gone := s.have(t, cm) == nil; gone != tc.swept {
				t.Errorf("swept: %t, want %t: %s", gone, tc.swept, tc.reason)
			}
		})
	}
}

// testSweepRaces has a webhook answer at the worst moments of a sweep that is under way.
func testSweepRaces(t *testing.T, s *suite) {
	for name, funcs := range map[string]func(func()) interceptor.Funcs{"after the list": afterList, "before the delete": beforeDelete} {
		t.Run(name, func(t *testing.T) {
			cm := aBundle(t, s.Namespace(t, "sweep-races-"+strings.ReplaceAll(name, " ", "-")), "a")
			key := client.ObjectKeyFromObject(cm)
			s.Add(t, marked(cm, longAgo))
			r := s.reconciler(funcs(once(func() { s.ensure(t, cm) })))
			step(t, r, key)
			r.age(time.Hour)
			step(t, r, key)
			s.wantStored(t, cm, "the webhook took the mark off, and its VMI comes")
		})
	}
	t.Run("mark", func(t *testing.T) {
		cm := aBundle(t, s.Namespace(t, "sweep-races-mark"), "a")
		key := client.ObjectKeyFromObject(cm)
		s.ensure(t, cm)
		r := s.reconciler(interceptor.Funcs{})
		step(t, r, key)
		r.age(time.Hour)
		step(t, r, key) // marked; the VMI of the webhook that saw it unmarked comes now
		r.age(time.Hour)
		r.names.add(key, user{name: "vm", uid: "1"})
		step(t, r, key)
		s.wantStored(t, cm, "the mark is taken off where the cache knows a VMI")
	})
	t.Run("held", func(t *testing.T) {
		cm := aBundle(t, s.Namespace(t, "sweep-races-held"), "a")
		held := marked(cm, longAgo)
		held.Finalizers = []string{"example.org/x"}
		s.Add(t, held)
		sweepNow(t, s.reconciler(interceptor.Funcs{}), client.ObjectKeyFromObject(cm))
		s.ensure(t, cm)
		s.wantStored(t, cm, "it is not half deleted when a VMI needs it")
	})
	t.Run("old leader", func(t *testing.T) {
		cm := aBundle(t, s.Namespace(t, "sweep-races-old-leader"), "a")
		key := client.ObjectKeyFromObject(cm)
		s.Add(t, marked(cm, longAgo))
		next := s.reconciler(interceptor.Funcs{})
		step(t, next, key)
		next.age(time.Hour)
		old := s.reconciler(beforeDelete(once(func() { // it froze here, and another one leads
			step(t, next, key)
			if s.have(t, cm) != nil {
				t.Error("the new leader did not sweep")
			}
			s.ensure(t, cm)
			s.Add(t, vmi("vm", cm))
		})))
		step(t, old, key)
		old.age(time.Hour)
		step(t, old, key)
		s.wantStored(t, cm, "another object than the one that the old leader meant")
	})
	t.Run("no list", func(t *testing.T) {
		cm := aBundle(t, s.Namespace(t, "sweep-races-no-list"), "a")
		key := client.ObjectKeyFromObject(cm)
		s.Add(t, marked(cm, longAgo))
		r := s.reconciler(interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return context.DeadlineExceeded
		}})
		step(t, r, key)
		r.age(time.Hour)
		for range 2 {
			if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err == nil {
				t.Error("no error though nobody knows who names the bundle")
			}
		}
		if s.have(t, cm) == nil {
			t.Error("swept though nobody knows who names it")
		}
	})
}

// testSweepSharesLists has many bundles that are due at once.
func testSweepSharesLists(t *testing.T, s *suite) {
	ns, lists := s.Namespace(t, "shares"), 0
	r := s.reconciler(afterList(func() { lists++ }))
	var all []*corev1.ConfigMap
	for _, name := range strings.Split("abcdefghij", "") {
		cm := aBundle(t, ns, name)
		s.Add(t, marked(cm, longAgo))
		all = append(all, cm)
		step(t, r, client.ObjectKeyFromObject(cm))
	}
	r.age(time.Hour)
	for _, cm := range all {
		step(t, r, client.ObjectKeyFromObject(cm))
		if s.have(t, cm) != nil {
			t.Error("not swept")
		}
	}
	if lists != 1 {
		t.Errorf("%d lists, want one", lists)
	}
	late := aBundle(t, ns, "late")
	s.Add(t, marked(late, longAgo))
	step(t, r, client.ObjectKeyFromObject(late))
	r.SweepAfter = 0
	s.Add(t, vmi("late", late))
	step(t, r, client.ObjectKeyFromObject(late))
	if s.have(t, late) == nil || lists != 2 {
		t.Errorf("swept by an old list: %d lists, want another", lists)
	}
}

// testNotOurs has ConfigMaps that look like bundles.
func testNotOurs(t *testing.T, s *suite) {
	cases := map[string]struct {
		reason string
		change func(*corev1.ConfigMap)
	}{
		"name":    {"a copy under another name", func(cm *corev1.ConfigMap) { cm.Name = v1alpha1.BundleConfigMapPrefix + strings.Repeat("0a", 16) }},
		"prefix":  {"somebody's own", func(cm *corev1.ConfigMap) { cm.Name = v1alpha1.BundleConfigMapPrefix + "settings" }},
		"content": {"not what the hash says", func(cm *corev1.ConfigMap) { cm.Data[v1alpha1.BundleKey] += " " }},
		"more":    {"somebody's own key", func(cm *corev1.ConfigMap) { cm.Data["x"] = "y" }},
		"binary":  {"somebody's own key", func(cm *corev1.ConfigMap) { cm.BinaryData = map[string][]byte{"x": {0}} }},
		"label":   {"somebody took it from us", func(cm *corev1.ConfigMap) { cm.Labels[v1alpha1.ManagedByLabel] = "somebody" }},
	}
	for name, tc := range cases {
		for _, mark := range []bool{false, true} {
			cm := aBundle(t, s.Namespace(t, "not-ours-"+name+map[bool]string{true: "-marked"}[mark]), "a")
			tc.change(cm)
			if mark {
				cm = marked(cm, longAgo)
			}
			s.Add(t, cm)
			sweepNow(t, s.reconciler(interceptor.Funcs{}), client.ObjectKeyFromObject(cm))
			if have := s.have(t, cm); have == nil || have.ResourceVersion != cm.ResourceVersion {
				t.Errorf("%s, marked: %t: ConfigMap %v was touched: %s", name, mark, have, tc.reason)
			}
		}
	}
}

// testBackup restores a ConfigMap with its mark, and a VMI with its annotation, from a backup.
func testBackup(t *testing.T, s *suite) {
	cm := aBundle(t, s.Namespace(t, "backup"), "a")
	key := client.ObjectKeyFromObject(cm)
	r := s.reconciler(interceptor.Funcs{})
	s.Add(t, marked(cm, longAgo))
	step(t, r, key)
	if s.have(t, cm) == nil {
		t.Fatal("swept before the VMI is restored, too")
	}
	s.Add(t, vmi("vm", cm))
	r.names.add(key, user{name: "vm", uid: "1"})
	step(t, r, key)
	s.wantStored(t, cm, "a VMI names it")
	r.names.remove(key, user{name: "vm", uid: "1"})
	r.age(2 * time.Hour)
	step(t, r, key)
	s.wantStored(t, cm, "the wait begins when it is no longer named")
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// crowd is a world of many patches in one namespace, or of as many for the cluster, that all
// write the same place.
func crowd(n int, cluster bool, change func(i int, spec *v1alpha1.DomainPatchSpec)) *world {
	w := &world{namespaces: map[string]map[string]string{"vms": {}}}
	for i := range n {
		value := fmt.Sprint(i)
		m := metav1.ObjectMeta{Namespace: "vms", Name: fmt.Sprintf("p%05d", i), UID: types.UID(value), Generation: 1}
		spec := v1alpha1.DomainPatchSpec{Domain: []v1alpha1.DomainRule{{Op: v1alpha1.DomainOpSet, Path: "/domain/devices/disk[alias/@name='ua-a']/driver/@cache", Value: &value}}}
		change(i, &spec)
		s := &subject{memory: &memory{}}
		if cluster {
			m.Namespace = ""
			cdp := &v1alpha1.ClusterDomainPatch{ObjectMeta: m, Spec: v1alpha1.ClusterDomainPatchSpec{DomainPatchSpec: spec}}
			p := render.ClusterDomainPatch(cdp)
			s.Object, s.kind, s.patch = cdp, p.Kind, &p
		} else {
			dp := &v1alpha1.DomainPatch{ObjectMeta: m, Spec: spec}
			p := render.DomainPatch(dp)
			s.Object, s.kind, s.patch = dp, p.Kind, &p
		}
		s.compile()
		w.add(s)
	}
	return w
}

func fleet(n, namespaces int, labels func(i int) map[string]string) []conflict.VMI {
	vmis := make([]conflict.VMI, n)
	for i := range vmis {
		vmis[i].Namespace, vmis[i].Labels = fmt.Sprintf("ns%d", i%namespaces), labels(i)
	}
	return vmis
}

// look does what follows a change, all but the reading and writing, and says how long it takes.
func (w *world) look(vmis []conflict.VMI) (conflicting int, took time.Duration) {
	began := time.Now()
	all := map[*subject][]conflict.Conflict{}
	arenas, subjects := w.contested()
	for _, a := range arenas {
		for p, conflicts := range a.Resolve(vmis, w.namespaces) {
			all[subjects[p]] = conflicts
		}
	}
	w.judge(all)
	for _, found := range all {
		if len(found) > 0 {
			conflicting++
		}
	}
	return conflicting, time.Since(began)
}

// TestGrowth wants ten times the patches to take about ten times as long, however they meet: pairs
// of patches would take a hundred times as long.
func TestGrowth(t *testing.T) {
	const few, many = 1000, 10000
	everything := &metav1.LabelSelector{}
	label := func(key string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: "x"}}
	}
	vmis := fleet(1000, 1, func(i int) map[string]string {
		return map[string]string{"app": "x", "vm.kubevirt.io/name": fmt.Sprint("v", i), fmt.Sprint("app", i%10): "x", v1alpha1.DomainPatchReferencePrefix + fmt.Sprintf("p%05d", i%1000): "true"}
	})
	for i := range vmis {
		vmis[i].Namespace = "vms"
	}
	for name, tc := range map[string]struct {
		reason string
		change func(i int, spec *v1alpha1.DomainPatchSpec)
		want   func(n int) int // patches in conflict
	}{
		"Alone": {"each its own disk", func(i int, s *v1alpha1.DomainPatchSpec) {
			s.Domain[0].Path = fmt.Sprintf("/domain/devices/disk[alias/@name='ua-%d']/driver/@cache", i)
		}, func(int) int { return 0 }},
		"ByName":     {"each its own VM", func(int, *v1alpha1.DomainPatchSpec) {}, func(int) int { return 0 }},
		"Everything": {"all select everything", func(_ int, s *v1alpha1.DomainPatchSpec) { s.Selector = everything }, func(n int) int { return n }},
		"Same":       {"all select the same; a VM gets 64", func(_ int, s *v1alpha1.DomainPatchSpec) { s.Selector = label("app") }, func(int) int { return 64 }},
		"Some":       {"ten kinds of VMs", func(i int, s *v1alpha1.DomainPatchSpec) { s.Selector = label(fmt.Sprint("app", i%10)) }, func(int) int { return 640 }},
	} {
		t.Run(name, func(t *testing.T) {
			least := map[int]time.Duration{}
			for _, n := range []int{few, many} {
				w := crowd(n, false, tc.change)
				for range 3 {
					conflicting, took := w.look(vmis)
					if want := tc.want(n); conflicting != want {
						t.Errorf("%d of %d patches conflict, want %d: %s", conflicting, n, want, tc.reason)
					}
					if least[n] == 0 || took < least[n] {
						least[n] = took
					}
				}
			}
			t.Logf("%d patches: %v, %d patches: %v", few, least[few], many, least[many])
			if least[many] > 40*least[few]+time.Second { // a second for the machine
				t.Errorf("%d patches take %v, %d %v: %s", many, least[many], few, least[few], tc.reason)
			}
		})
	}
}

// TestFleet has 50 patches of the cluster and 10,000 VMs in 200 namespaces, of which each binds
// two patches that conflict.
func TestFleet(t *testing.T) {
	w := crowd(50, true, func(i int, s *v1alpha1.DomainPatchSpec) {
		s.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{fmt.Sprint("app", i): "x"}}
	})
	vmis := fleet(10000, 200, func(i int) map[string]string {
		return map[string]string{"vm.kubevirt.io/name": fmt.Sprint("v", i), fmt.Sprint("app", i%50): "x", fmt.Sprint("app", (i+1)%50): "x"}
	})
	conflicting, took := w.look(vmis)
	t.Logf("%v", took)
	if conflicting != 50 {
		t.Errorf("%d patches conflict, want all 50", conflicting)
	}
	if took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

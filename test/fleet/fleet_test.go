// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"os"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// TestPlan compares what the plan says of its patches with what the operator finds.
func TestPlan(t *testing.T) {
	f := newFleet(options{vmis: 600, namespaces: 30, patches: 50})
	if got := len(f.patches); got != 50 {
		t.Errorf("%d patches, want 50", got)
	}
	patches := rendered(f.patches)
	want := f.expected(f.vmis)
	got := map[client.ObjectKey]int32{}
	for _, v := range f.vmis {
		bound, err := render.Bindings(v.labels, render.Namespace{Name: v.namespace.name, Labels: v.namespace.object().Labels}, patches)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range bound {
			got[client.ObjectKey{Namespace: b.Patch.Namespace, Name: b.Patch.Name}]++
		}
	}
	unbound := 0
	for key, w := range want {
		if got[key] != w.matched || w.current != w.matched || w.outdated != 0 {
			t.Errorf("%v: the plan says %v, the operator binds %d", key, w, got[key])
		}
		if w.matched == 0 {
			unbound++
		}
	}
	if w := want[f.wide().key()].matched; w != 600 {
		t.Errorf("the patch for all has %d VMIs", w)
	}
	if unbound > 2+2*raceNamespaces { // of the races, whose VMIs come later, and two that none binds
		t.Errorf("%d patches bind nothing", unbound)
	}
}

func rendered(planned []*patch) []render.Patch {
	var namespaced []v1alpha1.DomainPatch
	var wide []v1alpha1.ClusterDomainPatch
	for _, p := range planned {
		switch object := p.object().(type) {
		case *v1alpha1.DomainPatch:
			namespaced = append(namespaced, *object)
		case *v1alpha1.ClusterDomainPatch:
			wide = append(wide, *object)
		}
	}
	return render.Patches(namespaced, wide)
}

func TestChange(t *testing.T) {
	f := newFleet(options{vmis: 60, namespaces: 20, patches: 50})
	narrow := f.narrow()
	want := f.expected(f.vmis, narrow)
	if got := want[narrow.key()]; got != (tally{3, 0, 3}) {
		t.Errorf("of the changed patch: %v", got)
	}
	if got := want[f.wide().key()]; got != (tally{60, 57, 3}) {
		t.Errorf("of the patch for all: %v", got)
	}
	before := *narrow.object().(*v1alpha1.DomainPatch).Spec.Domain[1].Value
	narrow.change("other")
	if after := *narrow.object().(*v1alpha1.DomainPatch).Spec.Domain[1].Value; before == after {
		t.Errorf("the patch still says %q", after)
	}
}

func TestUsage(t *testing.T) {
	u, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.RSS < 1<<20 || u.Peak < u.RSS || u.Anonymous <= 0 || u.Anonymous > u.RSS {
		t.Errorf("this program takes %+v", u)
	}
	got, err := cpuTime("7 (a b) c) S 1 7 7 0 -1 4194560 2 0 0 0 150 50 9 9 20 0 1 0 5 6 7")
	if want := 2 * time.Second; err != nil || got != want {
		t.Errorf("CPU time %v, %v, want %v", got, err, want)
	}
}

func TestQuantiles(t *testing.T) {
	var turn times
	for i := range 200 {
		turn = append(turn, time.Duration(i+1)*time.Millisecond)
	}
	line := lineOf("a", []times{turn, turn[:150], turn[:50]})
	if want := (raceLine{"a", 75, 149, 200}); line != want {
		t.Errorf("got %+v, want %+v", line, want)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v, want 2.5", got)
	}
}

// TestVerdicts has a run that meets everything, and one that meets nothing.
func TestVerdicts(t *testing.T) {
	at := time.Now()
	status := func(after time.Duration) request {
		return request{at: at.Add(after), verb: "patch", resource: "domainpatches/status", object: "n/p", code: 200}
	}
	bundle := request{at: at, verb: "create", resource: "configmaps", code: 201}
	vm := request{at: at, verb: "patch", resource: "virtualmachineinstances", code: 200}
	list := request{at: at, verb: "list", resource: "virtualmachineinstances", code: 200}
	lease := request{at: at, verb: "update", resource: "leases", code: 200}
	cases := map[string]struct {
		fill   func(*report)
		missed int
	}{
		"Good": {func(r *report) {
			r.storm([]request{bundle, status(0), status(10 * time.Second)}, bundles{named: 1})
			r.Changes = []changeReport{{Counts: settled{Own: 12, All: 14}}}
			r.changes([]request{status(0)})
			r.idle([]request{lease}, 0)
			r.fillRaces(10, 20, 25, 60)
			r.fillGrowth(4)
		}, 0},
		"Bad": {func(r *report) {
			r.storm([]request{bundle, bundle, status(0), status(9 * time.Second)}, bundles{named: 1, unpatched: 1})
			r.Changes = []changeReport{{Counts: settled{Own: 15.1}}, {Counts: settled{Wrong: "all"}}}
			r.changes([]request{bundle, vm})
			r.idle([]request{list, status(0)}, 0)
			r.fillRaces(10, 25.1, 25, 75.1)
			r.fillGrowth(40)
		}, 3 + 4 + 2 + 2 + 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newReport(options{vmis: 10000})
			c.fill(r)
			if got := r.missed(); got != c.missed {
				t.Errorf("%d missed, want %d: %+v", got, c.missed, r.Targets)
			}
			if err := r.markdown(t.Output()); err != nil {
				t.Error(err)
			}
		})
	}
}

func (r *report) fillRaces(noopMedian, median, noopP99, p99 float64) {
	r.Row.Lines = make([]raceLine, 2)
	r.Calm.Lines = []raceLine{{Median: median}, {Median: noopMedian}}
	r.Rush.Lines = []raceLine{{P99: p99}, {P99: noopP99}}
	r.races()
}

func TestPerVMI(t *testing.T) {
	growth := []step{{VMIs: 1000, RSS: 41}, {VMIs: 2000, RSS: 43}, {VMIs: 3000, RSS: 49}} // 4 MiB per 1000
	if got := perVMI(growth); got < 4.095 || got > 4.097 {
		t.Errorf("%.3f KiB per VMI, want 4.096", got)
	}
}

// fillGrowth has a manager that takes that many KiB per VMI, and twice as many in the second
// half where that is too much anyway.
func (r *report) fillGrowth(perVMI int64) {
	var samples []sample
	for i := range int64(steps + 1) {
		taken := 40<<20 + i*1000*perVMI<<10
		if perVMI > 6 && i > steps/2 {
			taken += (i - steps/2) * 1000 * perVMI << 10
		}
		samples = append(samples, sample{VMIs: int(i) * 1000, usage: usage{RSS: taken, Peak: taken}})
	}
	r.growth(samples, auditLog{})
	r.Memory.Restarted = mib(samples[steps].usage.RSS)
	r.memory(mib(samples[steps].usage.Peak))
}

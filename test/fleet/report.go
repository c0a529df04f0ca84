// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is what one run measures.
type report struct {
	Machine machine
	Sizes   sizes
	VMI     struct{ Bytes, Stored int } // as JSON; Stored has the managed fields, too
	Targets []target
	Growth  []step
	Memory  memoryReport
	Storm   stormReport
	Changes []changeReport
	Calm    raceReport // with pauses
	Row     raceReport // one right after the other
	Rush    raceReport // many at once
	// Requests says what the manager asked of the API server, by phase.
	Requests []phase
}

// machine tells readers what the numbers are worth.
type machine struct {
	Go, CPU string
	Cores   int
}

type sizes struct{ VMIs, Namespaces, Patches, ClusterPatches, Creators, Bundles int }

// target is what must be reached.
type target struct {
	What, MustReach, Measured string
	Met                       bool
}

// step is how the manager has grown when the fleet reached a size. CPU and requests are those since the step before.
type step struct {
	VMIs                 int
	RSS, Peak, Anonymous float64 // MiB
	Seconds, CPU         float64
	Reads, Writes        int
}

type memoryReport struct {
	// MiB: the peak until the restart, the memory after it, and the peak from then on.
	PeakBefore, Restarted, RestartedPeak, PeakAfter float64
	RestartSeconds                                  float64 // until the webhooks were called again
}

type stormReport struct {
	Seconds float64
	Failed  int64   // creations that were tried again
	Counts  settled // from the end of the storm on
}

type changeReport struct {
	Patch  string
	VMIs   int // that have it
	Counts settled
}

type raceReport struct {
	VMIs, Creators int // of a turn
	Pauses         bool
	Lines          []raceLine
}

// raceLine is in milliseconds.
type raceLine struct {
	Name              string
	Median, P99, Most float64
}

// phase is what the manager asked of the API server in one part of the run.
type phase struct{ Name, Writes, Lists, Rest string }

func newReport(o options) *report {
	return &report{Machine: machine{Go: runtime.Version(), CPU: cpuModel(), Cores: runtime.NumCPU()},
		Sizes: sizes{VMIs: o.vmis, Namespaces: o.namespaces, Patches: o.patches, ClusterPatches: clusterPatches, Creators: o.creators}}
}

func cpuModel() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "an unknown CPU"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "an unknown CPU"
}

func (r *report) missed() int {
	n := 0
	for _, t := range r.Targets {
		if !t.Met {
			n++
		}
	}
	return n
}

func (r *report) target(met bool, what, must, measured string) {
	r.Targets = append(r.Targets, target{what, must, measured, met})
}

// add keeps the requests of a phase as text.
func (r *report) add(name string, requests []request) {
	r.Requests = append(r.Requests, phase{name,
		breakdown(requests, request.isWrite),
		breakdown(requests, request.isList),
		breakdown(requests, func(q request) bool { return !q.isWrite() && !q.isList() })})
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// growth keeps the samples, with the requests between them.
func (r *report) growth(samples []sample, log auditLog) {
	for i, s := range samples {
		g := step{VMIs: s.VMIs, RSS: mib(s.usage.RSS), Peak: mib(s.usage.Peak), Anonymous: mib(s.usage.Anonymous)}
		if i > 0 {
			before := samples[i-1].usage
			between := log.in(window{before.At, s.usage.At})
			g.Seconds, g.CPU = s.usage.At.Sub(before.At).Seconds(), (s.usage.CPU - before.CPU).Seconds()
			g.Writes = count(between, request.isWrite)
			g.Reads = len(between) - g.Writes
		}
		r.Growth = append(r.Growth, g)
	}
}

// Limits of what must be reached.
const (
	maxRSS      = 250.0 // MiB
	maxPerVMI   = 6.0   // KiB
	maxCounts   = 15.0  // s
	minGap      = 10 * time.Second
	maxAdded    = 15.0 // ms
	maxTimes    = 3.0  // of the no-op pair's p99
	gapSlack    = 250 * time.Millisecond
	growthNoise = 8.0 // MiB, of the garbage collector, in half the growth
)

// memory judges the memory; last is the peak of the manager that ran last.
func (r *report) memory(last float64) {
	r.Memory.PeakAfter = last
	first, n := r.Growth[1], r.Growth[steps].VMIs
	const middle = (steps + 1) / 2
	peak := max(r.Memory.PeakBefore, last)
	r.target(peak <= maxRSS, "manager: resident memory, peak over the whole run", fmt.Sprintf("at most %.0f MiB", maxRSS), fmt.Sprintf("%.0f MiB", peak))
	slope := perVMI(r.Growth[1:])
	r.target(slope <= maxPerVMI, fmt.Sprintf("manager: resident memory per VMI, from %d to %d, in the boot storm", first.VMIs, n),
		fmt.Sprintf("at most %.0f KiB", maxPerVMI), fmt.Sprintf("%.1f KiB", slope))
	again := (r.Memory.Restarted - r.Growth[0].RSS) * 1024 / float64(n)
	r.target(again <= maxPerVMI, "manager: resident memory per VMI after a restart", fmt.Sprintf("at most %.0f KiB", maxPerVMI), fmt.Sprintf("%.1f KiB", again))
	one, two := perVMI(r.Growth[1:middle+1]), perVMI(r.Growth[middle:])
	noise := growthNoise * 1024 / float64(n-r.Growth[middle].VMIs)
	r.target(two <= one+noise, fmt.Sprintf("manager: growth from %d to %d VMIs", first.VMIs, n), "at most linear",
		fmt.Sprintf("%.1f KiB per VMI until %d, %.1f KiB from there on", one, r.Growth[middle].VMIs, two))
}

// perVMI is by how many KiB the resident memory grows with a VMI: the slope of the line through
// the steps with the least squares.
func perVMI(growth []step) float64 {
	n, x, y, xx, xy := float64(len(growth)), 0.0, 0.0, 0.0, 0.0
	for _, g := range growth {
		v := float64(g.VMIs)
		x, y, xx, xy = x+v, y+g.RSS, xx+v*v, xy+v*g.RSS
	}
	return (n*xy - x*y) / (n*xx - x*x) * 1024
}

func (r *report) storm(requests []request, b bundles) {
	r.Sizes.Bundles = b.named
	r.target(b.unpatched == 0 && b.missing == 0, "boot storm: VMIs without their patches, and bundles that VMIs name and that do not exist", "0 and 0",
		fmt.Sprintf("%d and %d", b.unpatched, b.missing))
	created := count(requests, func(q request) bool { return q.resource == "configmaps" && q.changed() })
	r.target(created == b.named && b.left == 0, "boot storm: ConfigMaps written", fmt.Sprintf("as many as distinct bundles: %d", b.named), fmt.Sprint(created))
	gap, most := shortestGap(requests)
	measured := "none was written twice"
	if gap > 0 {
		measured = fmt.Sprintf("at least %.1f s, at most %d writes of one", gap.Seconds(), most)
	}
	r.target(gap == 0 || gap >= minGap-gapSlack, "boot storm: time between two writes of one patch's status", "at least 10 s", measured)
}

func (r *report) changes(requests []request) {
	isBundle := func(q request) bool { return q.resource == "configmaps" && q.isWrite() }
	isVM := func(q request) bool { return q.isVM() && q.isWrite() }
	r.target(count(requests, isBundle) == 0, "changed patches: bundles written", "0", fmt.Sprint(count(requests, isBundle)))
	r.target(count(requests, isVM) == 0, "changed patches: writes of VMs", "0", fmt.Sprint(count(requests, isVM)))
	for _, c := range r.Changes {
		r.target(c.Counts.Own > 0 && c.Counts.Own <= maxCounts, fmt.Sprintf("changed %s of %d VMIs: its counts are right", c.Patch, c.VMIs),
			fmt.Sprintf("within %.0f s", maxCounts), c.Counts.String())
	}
}

func (r *report) idle(requests []request, cpu time.Duration) {
	lists := count(requests, request.isList)
	writes := count(requests, func(q request) bool { return q.isWrite() && !q.isLease() })
	leases := count(requests, func(q request) bool { return q.isWrite() && q.isLease() })
	r.target(lists == 0, "idle: lists", "0", fmt.Sprint(lists))
	r.target(writes == 0, "idle: writes", "0", fmt.Sprintf("%d, beside %d of the leader's lease; %.1f s of CPU", writes, leases, cpu.Seconds()))
}

func (r *report) races() {
	ours, noop := r.Calm.Lines[0], r.Calm.Lines[1]
	added := ours.Median - noop.Median
	r.target(added <= maxAdded, "VMI create: added at the median, without load", fmt.Sprintf("at most %.0f ms", maxAdded),
		fmt.Sprintf("%.1f ms (%.1f instead of %.1f ms); without a pause between two VMIs %.1f ms", added, ours.Median, noop.Median,
			r.Row.Lines[0].Median-r.Row.Lines[1].Median))
	ours, noop = r.Rush.Lines[0], r.Rush.Lines[1]
	r.target(ours.P99 <= maxTimes*noop.P99, fmt.Sprintf("VMI create: p99 with %d parallel clients", r.Rush.Creators),
		fmt.Sprintf("at most %.0f times the no-op pair's", maxTimes), fmt.Sprintf("%.2f times (%.0f instead of %.0f ms)", ours.P99/noop.P99, ours.P99, noop.P99))
}

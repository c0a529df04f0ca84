// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
)

// markdown writes the tables as docs/performance.md shows them.
func (r *report) markdown(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "The fleet, measured with %s on %d cores of %s: %d VMIs of %d bytes (%d with managed fields) in %d namespaces,\n"+
		"%d patches, %d of them ClusterDomainPatches, %d distinct bundles.\n", r.Machine.Go, r.Machine.Cores, r.Machine.CPU, r.Sizes.VMIs, r.VMI.Bytes, r.VMI.Stored,
		r.Sizes.Namespaces, r.Sizes.Patches, r.Sizes.ClusterPatches, r.Sizes.Bundles)
	fmt.Fprint(&out, "\n| what | must reach | measured | |\n|---|--:|--:|---|\n")
	for _, t := range r.Targets {
		verdict := "met"
		if !t.Met {
			verdict = "MISSED"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", t.What, t.MustReach, t.Measured, verdict)
	}
	r.growthTable(&out)
	r.raceTables(&out)
	r.requestTable(&out)
	_, err := w.Write(out.Bytes())
	return err
}

func (r *report) growthTable(out io.Writer) {
	fmt.Fprintf(out, "\nThe manager in the boot storm, %d creations at a time, each followed by a write of the VMI's status; time, CPU and requests since the line before:\n",
		r.Sizes.Creators)
	fmt.Fprint(out, "\n| VMIs | RSS, MiB | anonymous | peak | s | CPU, s | reads | writes |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, g := range r.Growth {
		fmt.Fprintf(out, "| %d | %.1f | %.1f | %.1f | %.1f | %.1f | %d | %d |\n", g.VMIs, g.RSS, g.Anonymous, g.Peak, g.Seconds, g.CPU, g.Reads, g.Writes)
	}
	fmt.Fprintf(out, "\nThe storm took %.0f s, with %d creations that were refused and tried again; all counts were right after another %s.\n",
		r.Storm.Seconds, r.Storm.Failed, r.Storm.Counts)
	fmt.Fprintf(out, "After a restart, which took %.1f s: %.1f MiB, peak %.1f MiB; peak until then %.1f MiB, at the end %.1f MiB.\n",
		r.Memory.RestartSeconds, r.Memory.Restarted, r.Memory.RestartedPeak, r.Memory.PeakBefore, r.Memory.PeakAfter)
}

func (r *report) raceTables(out io.Writer) {
	for _, race := range []raceReport{r.Calm, r.Row, r.Rush} {
		load := "one right after the other"
		switch {
		case race.Pauses:
			load = "one now and then"
		case race.Creators > 1:
			load = fmt.Sprintf("%d at a time", race.Creators)
		}
		fmt.Fprintf(out, "\nCreating a VMI, %s, in ms: medians over interleaved turns of %d:\n", load, race.VMIs)
		fmt.Fprint(out, "\n| | median | p99 | slowest of all | median of the no-op pair's | p99 of the no-op pair's |\n|---|--:|--:|--:|--:|--:|\n")
		noop := race.Lines[len(race.Lines)-1]
		for _, l := range race.Lines {
			fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f | %.2f | %.2f |\n", l.Name, l.Median, l.P99, l.Most, l.Median/noop.Median, l.P99/noop.P99)
		}
	}
}

func (r *report) requestTable(out io.Writer) {
	fmt.Fprint(out, "\nWhat the manager asked of the API server, by the audit log:\n\n| | writes | lists | other reads |\n|---|---|---|---|\n")
	for _, p := range r.Requests {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", p.Name, p.Writes, p.Lists, p.Rest)
	}
}

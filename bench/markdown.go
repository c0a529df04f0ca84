// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// machine is where the figures come from.
type machine struct {
	CPU   string
	Cores int
	Go    string
}

func thisMachine() machine {
	m := machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version()}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m // not Linux: the architecture must do
	}
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	return m
}

// target is a ratio that the engine must keep.
type target struct {
	Name     string
	Limit    float64
	Measured float64
}

func targets(t *table) []target {
	ours := t.row(repeatedCall).Nanoseconds
	limits := []struct {
		peer  string
		limit float64
	}{{xmlQuery, 0.30}, {libvirtXML, 0.25}, {rawToken, 0.70}}
	var all []target
	for _, l := range limits {
		all = append(all, target{"one application / " + l.peer, l.limit, ours / t.row(l.peer).Nanoseconds})
	}
	return all
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

// markdown writes the report as the tables of docs/performance.md.
func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured with %s on %d cores of %s: medians over interleaved turns.\n", r.Machine.Go, r.Machine.Cores, r.Machine.CPU)
	r.Domain.markdown(&b, "xmlquery")
	fmt.Fprint(&b, "\n| target | at most | measured | |\n|---|--:|--:|---|\n")
	for _, t := range r.Targets {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %s |\n", t.Name, t.Limit, t.Measured, verdict(t.Measured <= t.Limit))
	}
	r.fixtureTable(&b)
	r.CloudInit.markdown(&b, "json-patch")
	for _, g := range r.Growth {
		g.markdown(&b)
	}
	k := r.Retention
	fmt.Fprintf(&b, "\nLive heap after %d first calls of one compiled program: %d KiB, after %d: %d KiB; allocated per call: %.1f and %.1f KiB.\n",
		k.FewCalls, k.HeapFew>>10, k.ManyCalls, k.HeapMany>>10, k.AllocatedFirst/1024, k.AllocatedLast/1024)
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) markdown(b *strings.Builder, yardstick string) {
	fmt.Fprintf(b, "\n%s:\n\n| | us/op | KiB/op | of %s |\n|---|--:|--:|--:|\n", t.Title, yardstick)
	for _, m := range t.Rows {
		fmt.Fprintf(b, "| %s | %.1f | %.1f | %.2f |\n", m.Name, m.Nanoseconds/1e3, m.Bytes/1024, m.Ratio)
	}
}

// fixtureTable has a line per fixture: the time of each contender.
func (r *report) fixtureTable(b *strings.Builder) {
	fmt.Fprint(b, "\nThe same patch on all of KubeVirt's domains, us/op:\n\n| domain | bytes |")
	for _, m := range r.Fixtures[0].Rows {
		name, _, _ := strings.Cut(m.Name, ":")
		fmt.Fprintf(b, " %s |", name)
	}
	fmt.Fprintf(b, " DomainPatch / xmlquery |\n|---|--:|%s--:|\n", strings.Repeat("--:|", len(r.Fixtures[0].Rows)))
	for _, f := range r.Fixtures {
		fmt.Fprintf(b, "| %s | %d |", f.Name, f.Bytes)
		for _, m := range f.Rows {
			fmt.Fprintf(b, " %.0f |", m.Nanoseconds/1e3)
		}
		fmt.Fprintf(b, " %.2f |\n", f.row(repeatedCall).Ratio)
	}
}

func (g *growth) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s:\n\n| times the %s | us/op | times the time | |\n|--:|--:|--:|---|\n", g.Title, g.Input)
	for _, row := range g.Rows {
		fmt.Fprintf(b, "| %.1f | %.0f | %.1f | %s |\n", row.Times, row.Nanoseconds/1e3, row.Factor,
			verdict(row.Factor <= 1+(row.Times-1)*(growthFactor-1)/9)) // ten times the input, at most twelve times the time
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
)

// markdown writes the report as the tables of docs/performance.md.
func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe shim, measured with %s on %d cores of %s: medians over interleaved turns.\n", r.Machine.Go, r.Machine.Cores, r.Machine.CPU)
	r.Client.Markdown(&b)
	r.Server.Markdown(&b)
	fmt.Fprint(&b, "\nWhat makes up those calls, in ms:\n\n| | whole | gRPC, as the echo server | engine, by our log | log line and the rest |\n|---|--:|--:|--:|--:|\n")
	for _, s := range r.Rest {
		fmt.Fprintf(&b, "| %s | %.3f | %.3f | %.3f | %.3f |\n", s.Name, s.Total, s.GRPC, s.Engine, s.LogAndTheRest)
	}
	r.Start.Markdown(&b)
	r.Cold.Markdown(&b)
	r.memoryTables(&b)
	fmt.Fprint(&b, "\n| target | at most | measured | |\n|---|--:|--:|---|\n")
	for _, t := range r.Targets {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %s |\n", t.Name, t.Limit, t.Measured, verdict(t.Measured <= t.Limit))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *report) memoryTables(b *strings.Builder) {
	fmt.Fprint(b, "\nResident memory, idle after the calls of a boot, in MiB; two of each kind run, so the PSS has half of what they share:\n\n"+
		"| | RSS | anonymous | of files | PSS | RSS of the stock shim's |\n|---|--:|--:|--:|--:|--:|\n")
	for _, f := range r.Memory {
		fmt.Fprintf(b, "| %s | %.1f | %.1f | %.1f | %.1f | %.2f |\n", f.Name, f.RSS, f.Anon, f.File, f.PSS, f.RSS/r.Memory[0].RSS)
	}
	fmt.Fprint(b, "\nThe most memory that was ever resident, and the time of the first call:\n\n| | document, bytes | VMI, bytes | bundle, bytes | peak, MB | ms |\n|---|--:|--:|--:|--:|--:|\n")
	for _, p := range r.Peaks {
		fmt.Fprintf(b, "| %s | %d | %d | %d | %.1f | %.0f |\n", p.Name, p.Bytes, p.VMI, p.Bundle, p.Megabytes, p.Milliseconds)
	}
	fmt.Fprint(b, "\nStripped binaries:\n\n| | MB |\n|---|--:|\n")
	for _, s := range r.Sizes {
		fmt.Fprintf(b, "| %s | %.1f |\n", s.Name, s.Megabytes)
	}
}

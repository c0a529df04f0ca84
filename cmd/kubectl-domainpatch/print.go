// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/patch"
)

// printReport tells what every rule did, one line each. There is no report, nil, of a
// document that does not parse.
func printReport(w io.Writer, hook string, report *patch.Report) {
	if report == nil {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range report.Patches {
		fmt.Fprintf(table, "%s: %s: %s\n", hook, p.Patch, withReason(p.Outcome, p.Reason))
		for _, r := range p.Rules {
			name := r.Op
			if r.Name != "" {
				name += " (" + r.Name + ")"
			}
			fmt.Fprintf(table, "  %s\t%s\t%s\tmatched %d, changed %d\n", r.Field, name, withReason(r.Outcome, r.Reason), r.Matched, r.Changed)
			for _, o := range r.Overrides {
				fmt.Fprintf(table, "    overrides %s at %s%s\n", o.Patch, o.Place, andMore(o.Nodes-1))
			}
		}
	}
	table.Flush()
}

func andMore(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func withReason(o patch.Outcome, reason string) string {
	if reason == "" {
		return string(o)
	}
	return string(o) + ": " + reason
}

// difference is the unified diff of what a file wants and what came out.
func difference(file string, want, got []byte) string {
	if filepath.Ext(file) == ".json" {
		if a, b := readable("cloud-init", want), readable("cloud-init", got); !bytes.Equal(a, b) {
			want, got = a, b
		}
	}
	return unified("want", want, "got", got)
}

// unified is a unified diff, without the line above it that only repeats the names.
func unified(oldName string, old []byte, newName string, new []byte) string {
	_, text, _ := bytes.Cut(diff.Diff(oldName, old, newName, new), []byte("\n"))
	return string(text)
}

// printJSON prints a value as JSON that people can read, too.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// readable is a document of a hook with lines for a diff.
func readable(kind string, data []byte) []byte {
	if kind == "cloud-init" {
		return offline.ReadableCloudInit(data)
	}
	return offline.EndLine(data)
}

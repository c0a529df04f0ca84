// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/status"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// statusView asks for what the options want and prints it.
type statusView struct {
	*statusOptions
	streams
	cluster *status.Cluster
}

// all lists objects, and gives what prints them.
func (v *statusView) all(ctx context.Context) (print func() error, err error) {
	o := &status.Overview{}
	switch v.kind {
	case "dp":
		o.Patches, err = v.cluster.Patches(ctx, bundle.KindDomainPatch, v.scope)
	case "cdp":
		o.Patches, err = v.cluster.Patches(ctx, bundle.KindClusterDomainPatch, v.scope)
	case "dpp":
		o.Policies, err = v.cluster.Policies(ctx, v.scope)
	case "vm", "vmi":
		o.VMs, err = v.cluster.VMs(ctx, v.scope)
		if v.kind == "vmi" {
			o.VMs = slices.DeleteFunc(o.VMs, func(vm status.VM) bool { return vm.IsStopped() })
		}
	case "bundle":
		o.Bundles, err = v.cluster.Bundles(ctx, v.scope)
	default:
		o, err = v.cluster.Overview(ctx, v.scope)
	}
	if err != nil {
		return nil, err
	}
	o.Notes = v.cluster.Notes()
	return func() error {
		if v.output == "json" {
			return printJSON(v.out, o)
		}
		return v.tables(o)
	}, nil
}

func (v *statusView) tables(o *status.Overview) error {
	var printed int
	section := func(n int, print func(*table)) {
		if n == 0 {
			return
		}
		if printed > 0 {
			fmt.Fprintln(v.out)
		}
		printed += n
		t := newTable(v)
		print(t)
		t.flushTable()
	}
	section(len(o.Patches), func(t *table) { t.patches(o.Patches) })
	section(len(o.Policies), func(t *table) { t.policies(o.Policies) })
	section(len(o.VMs), func(t *table) { t.vms(o.VMs) })
	section(len(o.Bundles), func(t *table) { t.bundles(o.Bundles) })
	if printed == 0 {
		where := "in namespace " + v.scope.Namespace
		if v.scope.Namespace == "" {
			where = "in any namespace"
		}
		fmt.Fprintf(v.err, "Nothing found %s.\n", where)
	}
	return nil
}

// table prints rows whose columns are as wide as they must be.
type table struct {
	view *statusView
	rows [][]string
	more int // rows that the limit left out
}

func newTable(v *statusView) *table { return &table{view: v} }

func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = inLine(fmt.Sprint(cell))
	}
	t.rows = append(t.rows, texts)
}

// inLine is a text of the cluster's for one line of a terminal.
func inLine(text string) string {
	return offline.Printable(strings.NewReplacer("\t", " ", "\n", " ").Replace(text))
}

// flush prints the rows, without spaces at their ends.
func (t *table) flush() {
	var out bytes.Buffer
	columns := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	columns.Flush()
	for line := range strings.Lines(out.String()) {
		fmt.Fprintln(t.view.out, strings.TrimRight(line, " \n"))
	}
	t.rows = nil
}

// flushTable is flush of rows with a header, and without columns in which no row has anything.
func (t *table) flushTable() {
	for i := len(t.rows[0]) - 1; i >= 0; i-- {
		isEmpty := !slices.ContainsFunc(t.rows[1:], func(row []string) bool { return row[i] != "" })
		for j := range t.rows {
			if isEmpty {
				t.rows[j] = slices.Delete(t.rows[j], i, i+1)
			}
		}
	}
	t.flush()
	if t.more > 0 {
		fmt.Fprintf(t.view.out, "and %d more: --limit 0 shows all\n", t.more)
	}
}

// why is a message that a terminal has room for.
func (t *table) why(text string) string {
	const room = 100
	if runes := []rune(text); t.view.output != "wide" && len(runes) > room {
		return string(runes[:room-1]) + "…"
	}
	return text
}

func (t *table) patches(all []status.Patch) {
	t.row("KIND", "NAMESPACE", "NAME", "ACCEPTED", "READY", "EFFECTIVE", "MATCHED", "CURRENT", "OUTDATED", "FAILED", "WHY")
	for _, p := range all {
		t.row(shortKind(p.Kind), p.Namespace, p.Name, p.Accepted, p.Ready, p.Effective, p.Matched, p.Current, p.Outdated, p.Failed, t.why(p.Why))
	}
}

func shortKind(kind string) string {
	if kind == bundle.KindClusterDomainPatch {
		return "cdp"
	}
	return "dp"
}

func (t *table) policies(all []status.Policy) {
	t.row("POLICY", "ACCEPTED", "READY", "NAMESPACES", "ALLOWED", "WHY")
	for _, p := range all {
		t.row(p.Name, p.Accepted, p.Ready, p.Namespaces, len(p.Allow), t.why(p.Why))
	}
}

// vms puts those first that need attention, since there may be many.
func (t *table) vms(all []status.VM) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b status.VM) int { return a.State.Rank() - b.State.Rank() })
	more := 0
	if limit := t.view.limit; limit > 0 && len(all) > limit {
		all, more = all[:limit], len(all)-limit
	}
	header := []any{"NAMESPACE", "VM", "PHASE", "STATE", "RESTART", "PATCHES", "WHY"}
	if t.view.output == "wide" {
		header = slices.Insert(header, len(header)-1, any("BUNDLE"))
	}
	t.row(header...)
	for _, vm := range all {
		row := []any{vm.Namespace, vm.Name, cmp.Or(vm.Phase, "-"), vm.State, yesOrNo(vm.Restart), t.bindings(vm.Patches), t.why(vm.Why)}
		if t.view.output == "wide" {
			row = slices.Insert(row, len(row)-1, any(vm.Bundle))
		}
		t.row(row...)
	}
	t.more = more
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func (t *table) bindings(all []status.Binding) string {
	const room = 3
	var texts []string
	for i, b := range all {
		if more := len(all) - i; i == room && t.view.output != "wide" {
			texts = append(texts, fmt.Sprintf("+%d", more))
			break
		}
		texts = append(texts, fmt.Sprintf("%s/%s(%s)", shortKind(b.Kind), b.Name, b.By))
	}
	return cmp.Or(strings.Join(texts, ","), "-")
}

func (t *table) bundles(all []status.Bundle) {
	header := []any{"NAMESPACE", "BUNDLE", "BYTES", "PATCHES", "USERS", "UNUSED-SINCE", "WHY"}
	if t.view.output == "wide" {
		header = slices.Insert(header, len(header)-1, any("SHA256"))
	}
	t.row(header...)
	for _, b := range all {
		row := []any{b.Namespace, b.Name, b.Bytes, len(b.Patches), b.Users, b.UnusedSince, t.why(b.Why)}
		if t.view.output == "wide" {
			row = slices.Insert(row, len(row)-1, any(b.SHA256))
		}
		t.row(row...)
	}
}

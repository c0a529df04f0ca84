// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/cmd/terminal"
	"github.com/domainpatch/domainpatch/controllers/status"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// statusOfOne is the output for programs about one object: one of the first four, and what
// belongs to it.
type statusOfOne struct {
	Patch  *status.Patch  `json:"patch,omitempty"`
	Policy *status.Policy `json:"policy,omitempty"`
	VM     *status.VM     `json:"vm,omitempty"`
	Bundle *status.Bundle `json:"bundle,omitempty"`
	// VMs are those that a patch binds, or that run with it.
	VMs []status.VM `json:"vms,omitempty"`
	// Restart is what a restart of the VM changes; of a VM that is stopped, or of which it is not known what
	// it runs with, only what stands in the way of a start.
	Restart *restartChanges `json:"restart,omitempty"`
	Notes   []string        `json:"notes,omitempty"`
}

// restartChanges are unified diffs; empty for no difference.
type restartChanges struct {
	Known   bool     `json:"known"` // else there are no diffs
	Rules   string   `json:"rules,omitempty"`
	Domain  string   `json:"domain,omitempty"`
	Refused string   `json:"refused,omitempty"` // why the VM would not start
	LeftOut []string `json:"leftOut,omitempty"` // patches that it would start without, and why
}

// one reads one object and what belongs to it, and gives what prints that.
func (v *statusView) one(ctx context.Context) (print func() error, err error) {
	all := &statusOfOne{}
	switch v.kind {
	case "dp", "cdp":
		err = v.readPatch(ctx, all)
	case "dpp":
		var policy status.Policy
		policy, err = v.cluster.Policy(ctx, v.name)
		all.Policy = &policy
	case "vm", "vmi":
		err = v.readVM(ctx, all)
	case "bundle":
		var b status.Bundle
		b, err = v.cluster.Bundle(ctx, v.scope.Namespace, v.name)
		all.Bundle = &b
	}
	if err != nil {
		return nil, err
	}
	all.Notes = v.cluster.Notes()
	return func() error {
		if v.output == "json" {
			return printJSON(v.out, all)
		}
		v.printOne(all)
		return nil
	}, nil
}

func (v *statusView) readPatch(ctx context.Context, all *statusOfOne) error {
	kind, scope := bundle.KindDomainPatch, v.scope
	if v.kind == "cdp" {
		kind, scope.Namespace = bundle.KindClusterDomainPatch, ""
	}
	p, err := v.cluster.Patch(ctx, kind, v.scope.Namespace, v.name)
	if err != nil {
		return err
	}
	all.Patch = &p
	all.VMs, err = v.cluster.VMsOf(ctx, p, scope)
	return err
}

func (v *statusView) readVM(ctx context.Context, all *statusOfOne) error {
	vm, err := v.cluster.VM(ctx, v.scope.Namespace, v.name)
	if err != nil {
		return err
	}
	all.VM = &vm
	restart, err := v.cluster.Restart(ctx, v.scope.Namespace, v.name)
	if err != nil {
		return err
	}
	all.Restart, err = v.changes(ctx, restart)
	return err
}

// changes compares what a VM runs with and what it would start with.
func (v *statusView) changes(ctx context.Context, r *status.Restart) (*restartChanges, error) {
	out := &restartChanges{}
	for _, left := range r.LeftOut {
		out.LeftOut = append(out.LeftOut, left.Reason.Error())
	}
	if r.Refused != nil {
		out.Refused = strings.ReplaceAll(r.Refused.Error(), "\n", "; ")
		return out, nil
	}
	if r.Running == nil {
		return out, nil
	}
	out.Known = true
	before, err := r.Running.YAML()
	if err != nil {
		return nil, err
	}
	after, err := r.Next.YAML()
	if err != nil {
		return nil, err
	}
	out.Rules = unified("rules, running", before, "rules, after a restart", after)
	if v.domain == "" {
		return out, nil
	}
	domain, err := v.readDomain(v.streams)
	if err != nil {
		return nil, err
	}
	if before, err = r.Running.Domain(ctx, domain); err != nil {
		return nil, inFile(v.domain, fmt.Errorf("with the patches that the VM runs with: %w", err))
	}
	if after, err = r.Next.Domain(ctx, domain); err != nil {
		return nil, inFile(v.domain, fmt.Errorf("with the patches of a restart: %w", err))
	}
	out.Domain = unified("domain, running", readable("domain", before), "domain, after a restart", readable("domain", after))
	return out, nil
}

// printf prints what a terminal does not act on: a text of the cluster's stays in its line.
func (v *statusView) printf(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = inLine(text)
		}
	}
	fmt.Fprintf(v.out, format, args...)
}

// printableLines are lines that a terminal shows and does not act on.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = inLine(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (v *statusView) printOne(all *statusOfOne) {
	switch {
	case all.Patch != nil:
		v.printPatch(all.Patch, all.VMs)
	case all.Policy != nil:
		v.printPolicy(all.Policy)
	case all.VM != nil:
		v.printVM(all.VM, all.Restart)
	case all.Bundle != nil:
		v.printBundle(all.Bundle)
	}
}

func (v *statusView) printPatch(p *status.Patch, vms []status.VM) {
	v.printf("%s\n", p.ID())
	v.conditions(p.Conditions, p.Why)
	var failed, restart []status.VM
	stopped := 0
	for _, vm := range vms {
		switch {
		case vm.State == status.StateFailed || vm.State == status.StateRefused: // also for another patch
			failed = append(failed, vm)
		case vm.Restart:
			restart = append(restart, vm)
		case vm.IsStopped():
			stopped++
		}
	}
	v.printf("VMs: %d (%d do not start, %d to restart, %d stopped)\n", len(vms), len(failed), len(restart), stopped)
	v.list("Do not start:", failed)
	v.list("Restart these, so that they run with what binds now:", restart)
}

// list prints VMs with what is wrong and what to do, as many as the limit allows.
func (v *statusView) list(title string, vms []status.VM) {
	if len(vms) == 0 {
		return
	}
	v.printf("\n%s\n", title)
	for i, vm := range vms {
		if v.limit > 0 && i == v.limit {
			v.printf("  and %d more: --limit 0 shows all\n", len(vms)-i)
			break
		}
		v.printf("  %s/%s: %s\n", vm.Namespace, vm.Name, cmp.Or(vm.Why, string(vm.State)))
	}
	if next := vms[0].Next(); next != "" {
		v.printf("Next: %s\n", next)
	}
}

func (v *statusView) conditions(all []metav1.Condition, why string) {
	t := newTable(v)
	for _, c := range all {
		t.row("  "+c.Type, c.Status, c.Reason, c.Message)
	}
	t.flush()
	if len(all) == 0 {
		v.printf("  %s\n", why)
	}
}

func (v *statusView) printPolicy(p *status.Policy) {
	v.printf("DomainPatchPolicy %s, for namespaces: %s\n", p.Name, p.Namespaces)
	v.conditions(p.Conditions, p.Why)
	v.printf("Allows %d paths:\n", len(p.Allow))
	for _, a := range p.Allow {
		v.printf("  %s\n", a.Path)
		if a.Reason != "" {
			v.printf("      %s\n", a.Reason)
		}
	}
}

func (v *statusView) printVM(vm *status.VM, r *restartChanges) {
	v.printf("VM %s/%s\n", vm.Namespace, vm.Name)
	t := newTable(v)
	t.row("  Phase", cmp.Or(vm.Phase, "-"))
	t.row("  State", vm.State)
	if vm.Why != "" {
		t.row("  Why", vm.Why)
	}
	if next := vm.Next(); next != "" {
		t.row("  Next", next)
	}
	if vm.Bundle != "" {
		t.row("  Bundle", vm.Bundle)
		t.row("  Runs with", cmp.Or(strings.Join(vm.Runs, ", "), "unknown"))
	}
	t.flush()
	if len(vm.Patches) > 0 {
		fmt.Fprintln(v.out, "\nThese patches bind it now, in this order:")
		for i, b := range vm.Patches {
			t.row(fmt.Sprintf("  %d", i+1), b.ID(), "by its "+b.How(), vm.Since(b))
		}
		t.flush()
	}
	v.printChanges(r)
}

func (v *statusView) printChanges(r *restartChanges) {
	for _, left := range r.LeftOut {
		v.printf("\nA start leaves out a patch: %s\n", left)
	}
	switch {
	case r.Refused != "":
		v.printf("\nA start would be refused: %s\n", r.Refused)
		return
	case !r.Known:
		return
	case r.Rules == "" && r.Domain == "":
		fmt.Fprintln(v.out, "\nA restart changes nothing.")
		return
	}
	for _, text := range []string{r.Domain, r.Rules} {
		if text != "" {
			fmt.Fprintf(v.out, "\n%s", terminal.Diff(v.out, []byte(printableLines(text))))
		}
	}
}

func (v *statusView) printBundle(b *status.Bundle) {
	v.printf("ConfigMap %s/%s\n", b.Namespace, b.Name)
	t := newTable(v)
	t.row("  SHA-256", b.SHA256)
	t.row("  Size", fmt.Sprintf("%d bytes", b.Bytes))
	t.row("  Patches", cmp.Or(strings.Join(b.Patches, ", "), "-"))
	t.row("  Policies", cmp.Or(strings.Join(b.Policies, ", "), "-"))
	if b.Why != "" {
		t.row("  Why", b.Why)
	}
	t.row("  Users", b.Users)
	if b.UnusedSince != "" {
		t.row("  Unused since", b.UnusedSince)
	}
	t.flush()
	for i, user := range b.UsedBy {
		if v.limit > 0 && i == v.limit {
			v.printf("    and %d more: --limit 0 shows all\n", len(b.UsedBy)-i)
			break
		}
		v.printf("    %s\n", user)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/status"
)

// TestStatusShowsCommands prints texts of a cluster that would command a terminal, each way that status has.
func TestStatusShowsCommands(t *testing.T) {
	const evil = "\x1b[2Jgone\u202e\nDomainPatch vms/forged\r"
	conditions := []metav1.Condition{{Type: "Accepted", Status: "False", Reason: "Invalid", Message: evil}}
	patch := status.Patch{Kind: "DomainPatch", Namespace: "vms", Name: "a", Why: evil, Conditions: conditions}
	policy := status.Policy{Name: "a", Why: evil, Conditions: conditions, Namespaces: evil, Allow: []v1alpha1.AllowedPath{{Path: evil, Reason: evil}}}
	vm := status.VM{Namespace: "vms", Name: "a", State: status.StateFailed, Phase: evil, Why: evil, Blamed: []string{patch.ID()}}
	bundle := status.Bundle{Name: "a", Why: evil, Patches: []string{evil}, Policies: []string{evil}, UsedBy: []string{evil}}
	for name, print := range map[string]func(*statusView) error{
		"Tables": func(v *statusView) error {
			return v.tables(&status.Overview{Patches: []status.Patch{patch}, Policies: []status.Policy{policy}, VMs: []status.VM{vm}, Bundles: []status.Bundle{bundle}})
		},
		"Patch":     printed(statusOfOne{Patch: &patch, VMs: []status.VM{vm}}),
		"Unlooked":  printed(statusOfOne{Patch: &status.Patch{Why: evil}}),
		"Policy":    printed(statusOfOne{Policy: &policy}),
		"VM":        printed(statusOfOne{VM: &vm, Restart: &restartChanges{LeftOut: []string{evil}, Refused: evil}}),
		"VMChanges": printed(statusOfOne{VM: &vm, Restart: &restartChanges{Known: true, Rules: evil, Domain: evil}}),
		"Bundle":    printed(statusOfOne{Bundle: &bundle}),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := print(&statusView{statusOptions: &statusOptions{output: "wide"}, streams: streams{out: &out, err: &out}}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "\ufffd[2Jgone\ufffd") {
				t.Errorf("the text is not shown:\n%q", &out)
			}
			if strings.ContainsAny(out.String(), "\x1b\u202e\r") {
				t.Errorf("a terminal acts on it:\n%q", &out)
			}
			if name != "VMChanges" && strings.Contains(out.String(), "\nDomainPatch vms/forged") {
				t.Errorf("the text begins a line of its own:\n%q", &out)
			}
		})
	}
}

func printed(all statusOfOne) func(*statusView) error {
	return func(v *statusView) error { v.printOne(&all); return nil }
}

// TestStatusOfAnothersFailure wants a VM that failed in another patch among those that do not start, not among those
// to restart.
func TestStatusOfAnothersFailure(t *testing.T) {
	vm := status.VM{Namespace: "vms", Name: "a", State: status.StateFailed, Why: "domainpatch: DomainPatch vms/denied: no", Blamed: []string{"DomainPatch vms/denied"}}
	for reason, restart := range map[string]bool{"mend what the message names, then ": false, "": true} {
		vm.Restart = restart
		var out bytes.Buffer
		view := &statusView{statusOptions: &statusOptions{}, streams: streams{out: &out, err: &out}}
		view.printPatch(&status.Patch{Kind: "DomainPatch", Namespace: "vms", Name: "changed", Conditions: []metav1.Condition{{Type: "Accepted", Status: "True"}}}, []status.VM{vm})
		want := "VMs: 1 (1 do not start, 0 to restart, 0 stopped)\n\nDo not start:\n  vms/a: domainpatch: DomainPatch vms/denied: no\nNext: " + reason + "virtctl restart -n vms a"
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "Restart these") {
			t.Errorf("got:\n%s\nwant:\n%s", &out, want)
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// State is how a VM fares with its patches, in a word.
type State string

// The states of a VM. Where several hold, the first one is given.
const (
	// StateRefused: the VM does not start, for its VirtualMachineInstance is refused.
	StateRefused State = "Refused"
	// StateFailed: a start failed in a hook of DomainPatch, or for the image of the hook sidecar.
	StateFailed State = "Failed"
	// StateOutdated: it runs with other patches than it would get now. A restart changes that.
	StateOutdated State = "Outdated"
	// StateUnknown: the user may not read all that tells.
	StateUnknown State = "Unknown"
	// StateCurrent: it runs with what it would get.
	StateCurrent State = "Current"
	// StateStopped: it does not run. What binds is what it will start with. Why tells of a start that failed.
	StateStopped State = "Stopped"
)

// VM is a VirtualMachineInstance, or a VirtualMachine that has none now.
type VM struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Phase is that of the VirtualMachineInstance, or the printable status of a VirtualMachine
	// that has none.
	Phase string `json:"phase"`
	State State  `json:"state"`
	// Restart tells whether a restart would change what the VM runs with. It is false where the VM would not start
	// again, also where a start failed in a patch that is as it was, and so is all that applies before it.
	Restart bool `json:"restart"`
	// Patches are those that bind the VM now, in the order in which they apply.
	Patches []Binding `json:"patches"`
	// Runs names those that the VM runs with, as Binding.ID does, in their order; absent where it has none or
	// that is not known.
	Runs []string `json:"runs,omitempty"`
	// Bundle is the SHA-256 of the bundle that the VM runs with.
	Bundle string `json:"bundle,omitempty"`
	// Why says what is wrong or out of date, and what a user can do where that is not plain.
	Why string `json:"why,omitempty"`
	// Blamed are the patches that a failure is about.
	Blamed []string `json:"blamed,omitempty"`
}

// Binding is a patch that binds a VM, and why.
type Binding struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// By is "label" where a label of the VM refers to the patch, else "selector".
	By string `json:"by"`
	// Value is that of the label: "true" for a demand, or "optional".
	Value string `json:"value,omitempty"`
	// InForce tells whether the VM runs with it: "yes", "changed" for what it was before it changed, or
	// "no"; absent where the VM does not run or that is not known.
	InForce string `json:"inForce,omitempty"`
}

// ID names the patch as errors and reports do: "DomainPatch vms/acme".
func (b Binding) ID() string {
	return fare.Name{Kind: b.Kind, Namespace: b.Namespace, Name: b.Name}.ID()
}

// machine is what is known of a VM, with a VirtualMachineInstance or without.
type machine struct {
	vmi kubevirt.VirtualMachineInstance // as Slim leaves it; of a stopped VM, what its template says
	// Of a VM without a VirtualMachineInstance:
	isStopped bool
	phase     string
	failure   string // why KubeVirt could not create the VirtualMachineInstance, or that the last one failed
}

// isConcerned tells whether a VM is shown: patches have to do with it, or its labels ask for one.
func isConcerned(f *fare.Fare) bool { return f.IsConcerned() || f.Wish.Refused != nil }

// tell puts into words how a VM fares. Where the user is blind, he could not read all patches.
func (m *machine) tell(f *fare.Fare, isBlind, isDenied bool) VM {
	vm := VM{Namespace: m.vmi.Namespace, Name: m.vmi.Name, Phase: m.phase, Bundle: f.Hash, Patches: bindings(f.Wish.Bindings, m.vmi.Labels)}
	changes := f.Runs.ChangesTo(f.Wish.Content)
	if !m.isStopped && f.Known && f.Wish.Refused == nil {
		markInForce(vm.Patches, changes)
	}
	if !m.isStopped {
		vm.Phase = m.vmi.Status.Phase
	}
	for _, p := range f.Runs {
		vm.Runs = append(vm.Runs, p.ID())
	}
	for _, name := range f.Blamed {
		vm.Blamed = append(vm.Blamed, name.ID())
	}
	vm.Restart = !m.isStopped && !f.Current && f.Wish.Refused == nil && !isBlind && (f.Known || !isDenied) && !failsAgain(f, changes)
	refused := ""
	if f.Wish.Refused != nil {
		refused = render.Reasons(f.Wish.Refused, 3)
	}
	switch {
	case m.isStopped && refused != "":
		vm.State, vm.Why = StateRefused, refused
	case m.isStopped && isOurRefusal(m.failure):
		vm.State, vm.Why = StateRefused, m.failure
	case m.isStopped:
		vm.State, vm.Why = StateStopped, m.failure
	case f.Failure != "":
		vm.State, vm.Why = StateFailed, f.Failure
	case isBlind || !f.Known && isDenied:
		vm.State = StateUnknown
	case f.Current:
		vm.State = StateCurrent
	case refused != "":
		vm.State, vm.Why = StateOutdated, "a restart would be refused: "+refused
	case !f.Known:
		vm.State, vm.Why = StateOutdated, "the ConfigMap of its bundle is missing or was written by another version: it cannot migrate until it is restarted"
	default:
		vm.State, vm.Why = StateOutdated, sentence(changes)
	}
	return vm
}

// failsAgain tells whether a start failed in patches that stayed as they were, and so did all that apply before them, so
// that what changed behind them does not mend it.
func failsAgain(f *fare.Fare, changes fare.Changes) bool {
	if f.Failure == "" || len(changes.Changed)+len(changes.Added)+len(changes.Removed) == 0 {
		return false
	}
	upToBlamed := func(c fare.Content) fare.Content {
		for i, p := range slices.Backward(c) {
			if slices.Contains(f.Blamed, p.Name) {
				return c[:i+1]
			}
		}
		return nil
	}
	runs := upToBlamed(f.Runs)
	return len(runs) > 0 && slices.Equal(runs, upToBlamed(f.Wish.Content))
}

// isOurRefusal tells whether KubeVirt repeats a refusal by the operator's webhooks.
func isOurRefusal(message string) bool {
	return strings.Contains(message, `domainpatch.kubevirt.io" denied the request`) || strings.Contains(message, `failed calling webhook`) && strings.Contains(message, "domainpatch.kubevirt.io")
}

// sentence says what a restart changes.
func sentence(changes fare.Changes) string {
	var parts []string
	for _, part := range []struct {
		names []fare.Name
		what  string
	}{{changes.Changed, "changed"}, {changes.Added, "binds now"}, {changes.Removed, "no longer binds"}} {
		if len(part.names) > 0 {
			parts = append(parts, ids(part.names)+" "+part.what)
		}
	}
	if changes.Reordered {
		parts = append(parts, "the order changed")
	}
	if len(parts) == 0 {
		return "the volume that the patches bring changed"
	}
	return strings.Join(parts, "; ")
}

// ids lists names, the first ones at least.
func ids(names []fare.Name) string {
	const shown = 3
	var all []string
	for _, name := range names[:min(len(names), shown)] {
		all = append(all, name.ID())
	}
	if more := len(names) - shown; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

func bindings(all []render.Binding, labels map[string]string) []Binding {
	out := make([]Binding, len(all))
	for i, b := range all {
		out[i] = Binding{Kind: b.Patch.Kind, Namespace: b.Patch.Namespace, Name: b.Patch.Name, By: "selector"}
		if value := labels[b.Patch.ReferenceLabel()]; slices.Contains([]string{v1alpha1.ReferenceDemanded, v1alpha1.ReferenceOptional}, value) {
			out[i].By, out[i].Value = "label", value
		}
	}
	return out
}

// IsStopped tells whether the VM has no VirtualMachineInstance.
func (vm VM) IsStopped() bool { return vm.State == StateStopped || vm.State == StateRefused }

// states are in the order in which they need attention.
var states = []State{StateRefused, StateFailed, StateOutdated, StateUnknown, StateCurrent, StateStopped}

// Rank orders states by how much they need attention: the lowest first.
func (s State) Rank() int { return slices.Index(states, s) }

// Next is what a user can do about the VM's state; empty for nothing.
func (vm VM) Next() string {
	restart := fmt.Sprintf("virtctl restart -n %s %s", vm.Namespace, vm.Name)
	switch vm.State {
	case StateRefused:
		return "mend the patch or the labels of the VM's template: KubeVirt tries again by itself"
	case StateFailed:
		if vm.Restart {
			return restart + ", which gives it what binds now"
		}
		return "mend what the message names, then " + restart
	case StateOutdated:
		if vm.Restart {
			return restart
		}
		return "mend the patch or the labels of the VM's template before it is restarted"
	case StateStopped:
		if vm.Why != "" {
			return fmt.Sprintf("see why: kubectl get events -n %s --field-selector involvedObject.name=%s", vm.Namespace, vm.Name)
		}
	}
	return ""
}

// How says in words why the patch binds.
func (b Binding) How() string {
	if b.By != "label" {
		return b.By
	}
	prefix := v1alpha1.DomainPatchReferencePrefix
	if b.Kind == bundle.KindClusterDomainPatch {
		prefix = v1alpha1.ClusterDomainPatchReferencePrefix
	}
	return fmt.Sprintf("label %s%s: %q", prefix, b.Name, b.Value)
}

// Since says in words whether the VM runs with a patch that binds it. One that failed runs with none.
func (vm VM) Since(b Binding) string {
	switch {
	case vm.State == StateFailed && slices.Contains(vm.Blamed, b.ID()):
		return "failed"
	case vm.State == StateFailed:
		return ""
	}
	return map[string]string{"yes": "in force", "changed": "in force as it was before it changed", "no": "after a restart"}[b.InForce]
}

func markInForce(all []Binding, changes fare.Changes) {
	for i := range all {
		name := fare.Name{Kind: all[i].Kind, Namespace: all[i].Namespace, Name: all[i].Name}
		switch {
		case slices.Contains(changes.Added, name):
			all[i].InForce = "no"
		case slices.Contains(changes.Changed, name):
			all[i].InForce = "changed"
		default:
			all[i].InForce = "yes"
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// unused takes the VMs that patches are tried on off a list of what was passed over.
func (l *Linter) unused(skipped []string) []string {
	used := map[string]bool{}
	for i := range l.options.VMs {
		used[l.options.VMs[i].Listed] = true
	}
	return slices.DeleteFunc(skipped, func(listed string) bool { return used[listed] })
}

// namespaces are the labels of the namespaces that are known.
func (l *Linter) namespaces() map[string]map[string]string {
	if l.options.Namespaces != nil {
		return l.options.Namespaces
	}
	return l.options.Labels
}

// vmis are those of the cluster and of the files, for conflicts. Patches whose files say no namespace
// are taken to be in the VM's.
func (l *Linter) vmis() []conflict.VMI {
	all := slices.Clone(l.options.VMIs)
	for i := range l.options.VMs {
		vm := &l.options.VMs[i]
		all = append(all, conflict.VMI{Namespace: vm.Namespace, Labels: vm.Labels}, conflict.VMI{Labels: vm.Labels})
	}
	return all
}

// markPieces finds the VMs that the files give more than once: kustomize puts one together of them, a base and
// what an overlay changes.
func markPieces(vms []offline.VM) {
	given := map[string]map[string]int{} // how often, by kind and name, and by namespace
	key := func(vm *offline.VM) (name, namespace string) {
		kind, id, _ := strings.Cut(vm.ID, " ")
		name = kind + " " + id[strings.LastIndex(id, "/")+1:]
		if vm.Anywhere {
			return name, ""
		}
		return name, vm.Namespace
	}
	for i := range vms {
		name, namespace := key(&vms[i])
		if given[name] == nil {
			given[name] = map[string]int{}
		}
		given[name][namespace]++
	}
	for i := range vms {
		name, namespace := key(&vms[i])
		all := given[name]
		vms[i].Piece = all[namespace] > 1 || len(all) > 1 && (vms[i].Anywhere || all[""] > 0)
	}
}

// bound says whether a patch binds a VM, as far as files tell.
type bound int

const (
	elsewhere bound = iota // the VM is of a namespace that the patch is not for, or may not be for
	unbound
	perhaps // what is not in the files decides: labels of the namespace, or kustomize
	certain
)

func (s *subject) binds(vm *offline.VM) bound {
	p, namespace, binds := s.patch, vm.Namespace, certain
	if p.Kind == bundle.KindDomainPatch {
		if vm.Anywhere != (p.Namespace == "") && !p.Refers(vm.Labels) { // the one without may be for any
			binds = perhaps
		}
		if vm.Anywhere {
			namespace = cmp.Or(p.Namespace, namespace)
		}
		p.Namespace = cmp.Or(p.Namespace, namespace)
	}
	labels, known := s.namespaces()[namespace]
	cdp, ok := p.Object.(*v1alpha1.ClusterDomainPatch)
	if ok && (vm.Anywhere || !known) && !isEmpty(cdp.Spec.NamespaceSelector) {
		binds = perhaps
		anywhere := *cdp
		anywhere.Spec.NamespaceSelector = nil
		p = render.ClusterDomainPatch(&anywhere)
	}
	in := render.Namespace{Name: namespace, Labels: labels}
	switch {
	case !p.Reaches(in):
		return elsewhere
	case vm.Piece:
		return perhaps
	case p.Binds(vm.Labels, in):
		return binds
	case binds == perhaps: // it may be for other namespaces
		return elsewhere
	}
	return unbound
}

func isEmpty(selector *metav1.LabelSelector) bool {
	return selector == nil || len(selector.MatchLabels)+len(selector.MatchExpressions) == 0
}

// checkVMs tries a patch on the VMs of the files: whether it selects any, and whether they have the
// annotations and labels that it reads.
func checkVMs(s *subject) {
	tried, selected, told := 0, 0, map[string]bool{}
	for i := range s.options.VMs {
		vm := &s.options.VMs[i]
		binds := s.binds(vm)
		if binds != elsewhere {
			tried++
		}
		if binds >= perhaps {
			selected++
		}
		if binds == certain && !vm.Incomplete {
			s.checkAbsent(vm, s.parsedVMI(i), told)
		}
	}
	if selector := s.patch.Spec.Selector; tried > 0 && selected == 0 && !isEmpty(selector) {
		s.warn(SelectsNone, "spec.selector", fmt.Sprintf("selects none of the VMs of the files (%d), and none refers to the patch", tried), "")
	}
}

// checkAbsent finds the annotation or label that the patch misses on a VM. Each is told once.
func (s *subject) checkAbsent(vm *offline.VM, vmi *patch.VMI, told map[string]bool) {
	if vmi == nil {
		return
	}
	absent := s.program.Absent(context.Background(), vmi)
	if absent == nil || isKubeVirts(absent.Key) || told[absent.Field+absent.Key] {
		return
	}
	told[absent.Field+absent.Key] = true
	consequence := "does not start with the patch"
	if s.patch.Spec.FailurePolicy == v1alpha1.FailurePolicyIgnore {
		consequence = "starts without the patch"
	}
	s.warn(AbsentKey, absent.Field, fmt.Sprintf("%s has no %s %.317s, and %s (%s)", vm.ID, absent.Of, absent.Key, consequence, vm.Origin.Position("", 0)), "")
}

// parsedVMI is the VMI of the VM of that index, parsed when the first patch is tried on it; nil for one
// that the engine does not take.
func (l *Linter) parsedVMI(i int) *patch.VMI {
	vmi, tried := l.parsed[i]
	if !tried {
		vmi, _ = patch.ParseVMI(l.options.VMs[i].JSON) // too large for every patch
		l.parsed[i] = vmi
	}
	return vmi
}

// isKubeVirts says whether KubeVirt puts an annotation or label on the VMIs of a VM.
func isKubeVirts(key string) bool {
	return strings.HasPrefix(key, "kubevirt.io/") || key == "vm.kubevirt.io/name"
}

// references finds labels of VMs of the files that demand a patch which is not among the files,
// where patches of that kind and namespace are and all could be read, and those with a value that is none. An
// optional patch need not be there: of these it finds the labels that look misspelt.
func (l *Linter) references() (findings []Finding, silenced int) {
	on := Linter{options: l.options}
	there := l.names()
	allRead := !slices.ContainsFunc(l.findings, func(f Finding) bool { return f.Code == Unreadable })
	for i := range l.options.VMs {
		vm := &l.options.VMs[i]
		s := &subject{Linter: &on, id: vm.ID, origin: vm.Origin}
		s.silences(vm.Own)
		demanded, err := render.Referred(vm.Labels, vm.Namespace, v1alpha1.ReferenceDemanded)
		optional, _ := render.Referred(vm.Labels, vm.Namespace, v1alpha1.ReferenceOptional) // with the same error
		for _, m := range offline.Mistakes(err) {
			s.warn(NoSuchPatch, vm.Template+".labels", m.Reason, "")
		}
		for _, p := range demanded {
			if allRead && there.lack(p, vm.Anywhere) {
				s.warn(NoSuchPatch, vm.Template+".labels."+p.ReferenceLabel(), "the files hold no "+p.ID()+", without which the VM is refused", "")
			}
		}
		for _, p := range optional {
			if meant := there.meant(p, vm); allRead && meant != "" {
				s.warn(NoSuchPatch, vm.Template+".labels."+p.ReferenceLabel(), "the files hold no "+p.ID()+", and the VM starts without it: did you mean "+meant+"?", "")
			}
		}
	}
	return on.findings, on.silenced
}

// names are the names of the patches that were seen, by kind and namespace, and by kind alone for
// whoever has no namespace.
type names map[[2]string]map[string]bool

func (l *Linter) names() names {
	all := names{}
	add := func(name string, in ...string) {
		at := [2]string(in)
		if all[at] == nil {
			all[at] = map[string]bool{}
		}
		all[at][name] = true
	}
	for id := range l.seen {
		kind, name, _ := strings.Cut(id, " ")
		namespace, base, found := strings.Cut(name, "/")
		if !found {
			namespace, base = "", name
		}
		add(base, kind, namespace)
		add(base, kind, "*")
	}
	return all
}

// lack says whether a patch is missing where others are. Patches and VMs without a namespace may be
// meant for any.
func (n names) lack(p render.Patch, anywhere bool) bool {
	here, unplaced := n.beside(p, anywhere)
	return len(here)+len(unplaced) > 0 && !here[p.Name] && !unplaced[p.Name]
}

// beside are the names of the patches that are where that one would be, and of those that may be.
func (n names) beside(p render.Patch, anywhere bool) (here, unplaced map[string]bool) {
	if anywhere && p.Kind == bundle.KindDomainPatch {
		p.Namespace = "*"
	}
	return n[[2]string{p.Kind, p.Namespace}], n[[2]string{p.Kind, ""}]
}

// meant is the name of the patch for which that one is likely to be misspelt; empty for none. It is none that
// the VM refers to as well.
func (n names) meant(p render.Patch, vm *offline.VM) string {
	if !n.lack(p, vm.Anywhere) {
		return ""
	}
	here, unplaced := n.beside(p, vm.Anywhere)
	known := slices.Concat(slices.Sorted(maps.Keys(here)), slices.Sorted(maps.Keys(unplaced)))
	return among(p.Name, slices.DeleteFunc(known, func(name string) bool {
		_, refers := vm.Labels[render.Patch{Kind: p.Kind, Name: name}.ReferenceLabel()]
		return refers || areVariants(name, p.Name)
	}))
}

// areVariants says whether two names differ in a number or in words too short to look misspelt: board-1 and
// board-2, gpu-a and gpu-b.
func areVariants(a, b string) bool {
	x, y := strings.FieldsFunc(a, isNoWord), strings.FieldsFunc(b, isNoWord)
	return slices.Equal(x, y) || len(x) == len(y) && !slices.ContainsFunc(x, func(word string) bool {
		return len(word) > maxVariant && !slices.Contains(y, word)
	})
}

// maxVariant is how many letters a word has at most that tells variants apart.
const maxVariant = 3

func isNoWord(r rune) bool { return !unicode.IsLetter(r) }

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Two patches conflict where they write different things to one place of one VM, and nothing
// but their names says which of the two stays. That is told where it is certain that they
// meet: a VMI that exists binds both, or the selector of one selects whatever the other one
// binds, since it is the same or selects everything.
//
// Most patches write what no other one does, and are left out first. The rest is compared by
// groups that meet: the VMIs of a namespace with the same patches are one, and so are the
// patches of one selector. So the time does not grow with pairs of patches, nor with VMIs
// times pairs.

const (
	// maxBindings is how many times in one scope it is looked whether a patch binds a kind of
	// VMIs. What is beyond is not compared.
	maxBindings = 1 << 20
	// maxEverywhere is how many patches that select everything are compared with all others.
	maxEverywhere = 8
)

// conflict is another patch that writes something else to a place.
type conflict struct{ with, place string }

// scope is where the names of patches decide: among patches of one kind and order.
type scope struct {
	kind, namespace string
	order           int32
}

// arena is one scope, with the patches in it that may conflict, in the order in which they apply.
type arena struct {
	scope
	patches []*subject
	found   map[int]map[int]string // the first others of each that conflict, with the places; by index
	partly  bool                   // there were too many kinds of VMIs
}

// conflicts finds the conflicts of all patches.
func (r *Reconciler) conflicts(ctx context.Context, w *world) (map[*subject][]conflict, error) {
	arenas := w.contested()
	r.contested.Store(len(arenas) > 0)
	all := map[*subject][]conflict{}
	vmis := map[string][]kubevirt.VirtualMachineInstance{}
	for _, a := range arenas {
		if _, known := vmis[a.namespace]; !known {
			var list kubevirt.VirtualMachineInstanceList
			if err := r.Client.List(ctx, &list, client.InNamespace(a.namespace), client.UnsafeDisableDeepCopy); ignoreNoMatch(err) != nil {
				return nil, fmt.Errorf("cannot list VirtualMachineInstances: %w", err)
			}
			vmis[a.namespace] = list.Items
		}
		a.resolve(w, vmis[a.namespace])
		if a.partly {
			ctrl.LoggerFrom(ctx).Info("Too many patches write different things to one place, so that not all VMIs are looked at for conflicts",
				"kind", a.kind, "namespace", a.namespace, "order", a.order, "patches", len(a.patches))
		}
		a.collect(all)
	}
	return all, nil
}

// contested finds the scopes where patches write different things to one place, on whatever VMs.
func (w *world) contested() []*arena {
	all := map[scope][]*subject{}
	for _, s := range w.subjects {
		if s.patch != nil && s.err == nil && !s.writes.IsEmpty() {
			in := scope{s.kind, s.GetNamespace(), s.patch.Spec.Order}
			all[in] = append(all[in], s)
		}
	}
	var arenas []*arena
	for in, subjects := range all {
		contested := patch.Contested(writesOf(subjects))
		a := &arena{scope: in, found: map[int]map[int]string{}}
		for i, s := range subjects {
			if contested[i] {
				a.patches = append(a.patches, s)
			}
		}
		slices.SortFunc(a.patches, func(a, b *subject) int { return cmp.Compare(a.GetName(), b.GetName()) })
		if len(a.patches) > 1 {
			arenas = append(arenas, a)
		}
	}
	return arenas
}

func writesOf(subjects []*subject) []*patch.Writes {
	all := make([]*patch.Writes, len(subjects))
	for i, s := range subjects {
		all[i] = s.writes
	}
	return all
}

// resolve compares the patches that meet, given the VMIs of the scope.
func (a *arena) resolve(w *world, vmis []kubevirt.VirtualMachineInstance) {
	selectors, everywhere := a.bySelector()
	for _, members := range a.meeting(w, vmis, selectors) {
		a.compare(members, members)
	}
	everyone := make([]int, len(a.patches))
	for i := range everyone {
		everyone[i] = i
	}
	a.compare(everywhere, everyone)
}

// compare finds the conflicts between the patches of two lists, by their indexes.
func (a *arena) compare(some, others []int) {
	if len(some) == 0 {
		return
	}
	indexed := make([]*patch.Writes, len(some))
	for i, n := range some {
		indexed[i] = a.patches[n].writes
	}
	x := patch.NewIndex(indexed)
	for _, other := range others {
		for _, c := range x.Conflicts(a.patches[other].writes) {
			a.note(other, some[c.With], c.Place)
			a.note(some[c.With], other, c.Place)
		}
	}
}

// note keeps the first few of what conflicts with a patch.
func (a *arena) note(s, with int, place string) {
	found := a.found[s]
	if found == nil {
		found = map[int]string{}
		a.found[s] = found
	}
	if known, ok := found[with]; !ok || place < known {
		found[with] = place
	}
	if len(found) > patch.ConflictsShown {
		delete(found, slices.Max(slices.Collect(maps.Keys(found))))
	}
}

// collect gives the conflicts of each patch, by the names of the others.
func (a *arena) collect(into map[*subject][]conflict) {
	for s, found := range a.found {
		for _, with := range slices.Sorted(maps.Keys(found)) {
			into[a.patches[s]] = append(into[a.patches[s]], conflict{a.patches[with].patch.ID(), found[with]})
		}
	}
}

// groups are sets of patches that meet, as increasing indexes in an arena.
type groups map[string][]int

// add notes a set. A VM gets no more than so many patches; the first ones stand for all.
func (g groups) add(members []int) {
	if len(members) < 2 {
		return
	}
	members = members[:min(len(members), bundle.MaxPatches)]
	var key []byte
	for _, m := range members {
		key = binary.AppendUvarint(key, uint64(m))
	}
	g[string(key)] = members
}

// bySelector groups the patches that select the same. Those that select everything meet all
// others; the first few of them stand for all.
func (a *arena) bySelector() (same [][]int, everywhere []int) {
	number := map[string]int{}
	for i, s := range a.patches {
		key, all := selectorKey(s)
		if all && len(everywhere) < maxEverywhere {
			everywhere = append(everywhere, i)
		}
		if s.patch.Spec.Selector == nil {
			continue
		}
		n, known := number[key]
		if !known {
			n = len(same)
			number[key], same = n, append(same, nil)
		}
		same[n] = append(same[n], i)
	}
	return same, everywhere
}

// selectorKey is equal for patches that select the same; all tells that a patch selects
// everything that the others of its scope can bind.
func selectorKey(s *subject) (key string, all bool) {
	var namespaces *metav1.LabelSelector
	if cdp, ok := s.Object.(*v1alpha1.ClusterDomainPatch); ok {
		namespaces = cdp.Spec.NamespaceSelector
	}
	selector := s.patch.Spec.Selector
	key = metav1.FormatLabelSelector(selector) + "\n" + metav1.FormatLabelSelector(namespaces)
	return key, isEmpty(selector) && (namespaces == nil || isEmpty(namespaces))
}

func isEmpty(selector *metav1.LabelSelector) bool {
	return selector != nil && len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}

// meeting are the groups of patches that meet: those with the same selector, and those that a
// VMI binds. VMIs that no patch of the arena can tell apart are one.
func (a *arena) meeting(w *world, vmis []kubevirt.VirtualMachineInstance, selectors [][]int) groups {
	g := groups{}
	for _, members := range selectors {
		g.add(members)
	}
	keys, seen, left := a.labelKeys(), map[string]bool{}, maxBindings
	references := map[string]int{}
	for i, s := range a.patches {
		references[s.patch.ReferenceLabel()] = i
	}
	for i := range vmis {
		vmi := &vmis[i]
		kind := kindOf(vmi, keys)
		if seen[kind] {
			continue
		}
		if left -= len(selectors) + 1; left < 0 {
			a.partly = true
			return g
		}
		seen[kind] = true
		g.add(a.bound(vmi, render.Namespace{Name: vmi.Namespace, Labels: w.namespaces[vmi.Namespace]}, selectors, references))
	}
	return g
}

// bound are the patches that a VMI binds. Of those with one selector, one is asked that the VMI
// does not refer to.
func (a *arena) bound(vmi *kubevirt.VirtualMachineInstance, namespace render.Namespace, selectors [][]int, references map[string]int) []int {
	var all []int
	for key := range vmi.Labels {
		if i, ok := references[key]; ok && a.patches[i].patch.Binds(vmi.Labels, namespace) {
			all = append(all, i)
		}
	}
	for _, members := range selectors {
		i := slices.IndexFunc(members, func(m int) bool { return vmi.Labels[a.patches[m].patch.ReferenceLabel()] == "" })
		if i >= 0 && a.patches[members[i]].patch.Binds(vmi.Labels, namespace) {
			all = append(all, members[:min(len(members), bundle.MaxPatches)]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// kindOf is equal for VMIs of one namespace that do not differ in the labels of these keys.
func kindOf(vmi *kubevirt.VirtualMachineInstance, keys map[string]bool) string {
	var labels []string
	for key, value := range vmi.Labels {
		if keys[key] {
			labels = append(labels, key+"="+value)
		}
	}
	slices.Sort(labels)
	return vmi.Namespace + " " + strings.Join(labels, " ")
}

// labelKeys are the keys of all labels that decide whether a patch of the arena binds.
func (a *arena) labelKeys() map[string]bool {
	keys := map[string]bool{}
	for _, s := range a.patches {
		keys[s.patch.ReferenceLabel()] = true
		if selector := s.patch.Spec.Selector; selector != nil {
			for key := range selector.MatchLabels {
				keys[key] = true
			}
			for _, e := range selector.MatchExpressions {
				keys[e.Key] = true
			}
		}
	}
	return keys
}

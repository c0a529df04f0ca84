// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package conflict finds patches that write different things to one place of one VM, where nothing
// but their names says which of the two stays. That is told where it is certain that they
// meet: a VMI that exists binds both, or the selector of one selects whatever the other one
// binds, since it is the same or selects everything.
//
// Most patches write what no other one does, and are left out first. The rest is compared by
// groups that meet: the VMIs of a namespace with the same patches are one, and so are the
// patches of one selector. So the time does not grow with pairs of patches, nor with VMIs
// times pairs.
package conflict

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

const (
	// maxBindings is how many times in one scope it is looked whether a patch binds a kind of
	// VMIs. What is beyond is not compared.
	maxBindings = 1 << 20
	// maxEverywhere is how many patches that select everything are compared with all others.
	maxEverywhere = 8
)

// Patch is an accepted patch.
type Patch struct {
	render.Patch
	Writes *patch.Writes
}

// VMI is a VirtualMachineInstance as far as it tells what binds to it.
type VMI struct {
	Namespace string
	Labels    map[string]string
}

// Conflict is another patch that writes something else to a place.
type Conflict struct {
	With  string // "DomainPatch vms/name"
	Place string // "/domain/title"
}

// Scope is where the names of patches decide: among patches of one kind and order.
type Scope struct {
	Kind, Namespace string
	Order           int32
}

// Arena is one scope, with the patches in it that may conflict, in the order in which they apply.
type Arena struct {
	Scope
	Patches []*Patch
	found   map[int]map[int]string // the first others of each that conflict, with the places; by index
	// Partly tells that there were too many kinds of VMIs to look at all of them.
	Partly bool
}

// Contested finds the scopes where patches write different things to one place, on whatever VMs.
func Contested(patches []*Patch) []*Arena {
	all := map[Scope][]*Patch{}
	for _, p := range patches {
		if !p.Writes.IsEmpty() {
			in := Scope{p.Kind, p.Namespace, p.Spec.Order}
			all[in] = append(all[in], p)
		}
	}
	var arenas []*Arena
	for in, patches := range all {
		contested := patch.Contested(writesOf(patches))
		a := &Arena{Scope: in, found: map[int]map[int]string{}}
		for i, p := range patches {
			if contested[i] {
				a.Patches = append(a.Patches, p)
			}
		}
		slices.SortFunc(a.Patches, func(a, b *Patch) int { return cmp.Compare(a.Name, b.Name) })
		if len(a.Patches) > 1 {
			arenas = append(arenas, a)
		}
	}
	return arenas
}

func writesOf(patches []*Patch) []*patch.Writes {
	all := make([]*patch.Writes, len(patches))
	for i, p := range patches {
		all[i] = p.Writes
	}
	return all
}

// Resolve compares the patches that meet, given the VMIs of the scope and the labels of the
// namespaces by name, and gives the first few conflicts of each, by the names of the others.
func (a *Arena) Resolve(vmis []VMI, namespaces map[string]map[string]string) map[*Patch][]Conflict {
	selectors, everywhere := a.bySelector()
	for _, members := range a.meeting(namespaces, vmis, selectors) {
		a.compare(members, members)
	}
	everyone := make([]int, len(a.Patches))
	for i := range everyone {
		everyone[i] = i
	}
	a.compare(everywhere, everyone)
	return a.collect()
}

// compare finds the conflicts between the patches of two lists, by their indexes.
func (a *Arena) compare(some, others []int) {
	if len(some) == 0 {
		return
	}
	indexed := make([]*patch.Writes, len(some))
	for i, n := range some {
		indexed[i] = a.Patches[n].Writes
	}
	x := patch.NewIndex(indexed)
	for _, other := range others {
		for _, c := range x.Conflicts(a.Patches[other].Writes) {
			a.note(other, some[c.With], c.Place)
			a.note(some[c.With], other, c.Place)
		}
	}
}

// note keeps the first few of what conflicts with a patch.
func (a *Arena) note(s, with int, place string) {
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

// collect gives the conflicts of each patch.
func (a *Arena) collect() map[*Patch][]Conflict {
	into := map[*Patch][]Conflict{}
	for p, found := range a.found {
		for _, with := range slices.Sorted(maps.Keys(found)) {
			into[a.Patches[p]] = append(into[a.Patches[p]], Conflict{a.Patches[with].ID(), found[with]})
		}
	}
	return into
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
func (a *Arena) bySelector() (same [][]int, everywhere []int) {
	number := map[string]int{}
	for i, s := range a.Patches {
		key, all := selectorKey(s)
		if all && len(everywhere) < maxEverywhere {
			everywhere = append(everywhere, i)
		}
		if s.Spec.Selector == nil {
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
func selectorKey(s *Patch) (key string, all bool) {
	var namespaces *metav1.LabelSelector
	if cdp, ok := s.Object.(*v1alpha1.ClusterDomainPatch); ok {
		namespaces = cdp.Spec.NamespaceSelector
	}
	selector := s.Spec.Selector
	key = metav1.FormatLabelSelector(selector) + "\n" + metav1.FormatLabelSelector(namespaces)
	return key, isEmpty(selector) && (namespaces == nil || isEmpty(namespaces))
}

func isEmpty(selector *metav1.LabelSelector) bool {
	return selector != nil && len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}

// meeting are the groups of patches that meet: those with the same selector, and those that a
// VMI binds. VMIs that no patch of the arena can tell apart are one.
func (a *Arena) meeting(namespaces map[string]map[string]string, vmis []VMI, selectors [][]int) groups {
	g := groups{}
	for _, members := range selectors {
		g.add(members)
	}
	keys, seen, left := a.labelKeys(), map[string]bool{}, maxBindings
	references := map[string]int{}
	for i, s := range a.Patches {
		references[s.ReferenceLabel()] = i
	}
	for i := range vmis {
		vmi := &vmis[i]
		kind := kindOf(vmi, keys)
		if seen[kind] {
			continue
		}
		if left -= len(selectors) + 1; left < 0 {
			a.Partly = true
			return g
		}
		seen[kind] = true
		g.add(a.bound(vmi, render.Namespace{Name: vmi.Namespace, Labels: namespaces[vmi.Namespace]}, selectors, references))
	}
	return g
}

// bound are the patches that a VMI binds. Of those with one selector, one is asked that the VMI
// does not refer to.
func (a *Arena) bound(vmi *VMI, namespace render.Namespace, selectors [][]int, references map[string]int) []int {
	var all []int
	for key := range vmi.Labels {
		if i, ok := references[key]; ok && a.Patches[i].Binds(vmi.Labels, namespace) {
			all = append(all, i)
		}
	}
	for _, members := range selectors {
		i := slices.IndexFunc(members, func(m int) bool { return vmi.Labels[a.Patches[m].ReferenceLabel()] == "" })
		if i >= 0 && a.Patches[members[i]].Binds(vmi.Labels, namespace) {
			all = append(all, members[:min(len(members), bundle.MaxPatches)]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// kindOf is equal for VMIs of one namespace that do not differ in the labels of these keys.
func kindOf(vmi *VMI, keys map[string]bool) string {
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
func (a *Arena) labelKeys() map[string]bool {
	keys := map[string]bool{}
	for _, s := range a.Patches {
		keys[s.ReferenceLabel()] = true
		if selector := s.Spec.Selector; selector != nil {
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

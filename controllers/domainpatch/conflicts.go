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
	found   map[*subject]map[string]string // places by the names of the others
	partly  bool                           // there were too many kinds of VMIs
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
		for _, s := range a.patches {
			all[s] = a.conflicts(s)
		}
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
		a := &arena{scope: in, found: map[*subject]map[string]string{}}
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
	groups := a.bySelector()
	a.byVMI(w, vmis, groups)
	for _, members := range groups {
		group := make([]*subject, len(members))
		for i, m := range members {
			group[i] = a.patches[m]
		}
		for i, found := range patch.Conflicts(writesOf(group)) {
			for _, c := range found {
				a.note(group[i], group[c.With].GetName(), c.Place)
			}
		}
	}
}

func (a *arena) note(s *subject, with, place string) {
	if a.found[s] == nil {
		a.found[s] = map[string]string{}
	}
	if known, ok := a.found[s][with]; !ok || place < known {
		a.found[s][with] = place
	}
}

// conflicts are those of a subject, the first few by name.
func (a *arena) conflicts(s *subject) []conflict {
	var all []conflict
	for _, name := range slices.Sorted(maps.Keys(a.found[s])) {
		id := (&bundle.Patch{Kind: a.kind, Namespace: a.namespace, Name: name}).ID()
		all = append(all, conflict{id, a.found[s][name]})
	}
	return all[:min(len(all), patch.MaxConflicts)]
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

// bySelector groups the patches of which one is bound wherever the other one is.
func (a *arena) bySelector() groups {
	same := map[string][]int{}
	var everywhere []int // they meet all others
	for i, s := range a.patches {
		key, all := selectorKey(s)
		if all {
			everywhere = append(everywhere, i)
		} else if s.patch.Spec.Selector != nil {
			same[key] = append(same[key], i)
		}
	}
	g := groups{}
	for _, members := range same {
		g.add(members)
	}
	if len(everywhere) > 0 {
		everywhere = everywhere[:min(len(everywhere), maxEverywhere)]
		for i := range a.patches {
			members := append(slices.Clone(everywhere), i)
			slices.Sort(members)
			g.add(slices.Compact(members))
		}
	}
	return g
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

// byVMI groups the patches that VMIs bind. VMIs that no patch of the arena can tell apart
// are one.
func (a *arena) byVMI(w *world, vmis []kubevirt.VirtualMachineInstance, into groups) {
	keys := a.labelKeys()
	seen := map[string]bool{}
	left := maxBindings
	for i := range vmis {
		vmi := &vmis[i]
		kind := kindOf(vmi, keys)
		if seen[kind] {
			continue
		}
		if left -= len(a.patches); left < 0 {
			a.partly = true
			return
		}
		seen[kind] = true
		namespace := render.Namespace{Name: vmi.Namespace, Labels: w.namespaces[vmi.Namespace]}
		var bound []int
		for j, s := range a.patches {
			if s.patch.Binds(vmi.Labels, namespace) {
				bound = append(bound, j)
			}
		}
		into.add(bound)
	}
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

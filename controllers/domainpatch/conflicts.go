// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// conflicts finds the conflicts of all patches.
func (r *Reconciler) conflicts(ctx context.Context, w *world) (map[*subject][]conflict.Conflict, error) {
	arenas, subjects := w.contested()
	r.contested.Store(len(arenas) > 0)
	all := map[*subject][]conflict.Conflict{}
	vmis := map[string][]conflict.VMI{}
	for _, a := range arenas {
		if _, known := vmis[a.Namespace]; !known {
			found, err := r.labelled(ctx, a.Namespace)
			if err != nil {
				return nil, err
			}
			vmis[a.Namespace] = found
		}
		for p, conflicts := range a.Resolve(vmis[a.Namespace], w.namespaces) {
			all[subjects[p]] = conflicts
		}
		if a.Partly {
			ctrl.LoggerFrom(ctx).Info("Too many patches write different things to one place, so that not all VMIs are looked at for conflicts",
				"kind", a.Kind, "namespace", a.Namespace, "order", a.Order, "patches", len(a.Patches))
		}
	}
	return all, nil
}

// labelled lists the VMIs of a namespace, or of all, with their labels.
func (r *Reconciler) labelled(ctx context.Context, namespace string) ([]conflict.VMI, error) {
	var list kubevirt.VirtualMachineInstanceList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); ignoreNoMatch(err) != nil {
		return nil, fmt.Errorf("cannot list VirtualMachineInstances: %w", err)
	}
	vmis := make([]conflict.VMI, len(list.Items))
	for i := range list.Items {
		vmis[i] = conflict.VMI{Namespace: list.Items[i].Namespace, Labels: list.Items[i].Labels}
	}
	return vmis, nil
}

// contested finds the scopes where accepted patches write different things to one place, and
// whose patches they are.
func (w *world) contested() ([]*conflict.Arena, map[*conflict.Patch]*subject) {
	var patches []*conflict.Patch
	subjects := map[*conflict.Patch]*subject{}
	for _, s := range w.subjects {
		if s.patch != nil && s.err == nil {
			p := &conflict.Patch{Patch: *s.patch, Writes: s.writes}
			patches, subjects[p] = append(patches, p), s
		}
	}
	return conflict.Contested(patches), subjects
}

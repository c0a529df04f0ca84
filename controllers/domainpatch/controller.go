// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package domainpatch writes the conditions of DomainPatches: whether a patch compiles,
// and whether a VM that binds it now gets it. It touches no VM.
package domainpatch

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// SetupWithManager makes a manager run the reconciler: on changes of a patch's spec, and for
// all patches on changes of KubeVirt's configuration.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	configuration := source.Kind(mgr.GetCache(), &kubevirt.KubeVirt{},
		handler.TypedEnqueueRequestsFromMapFunc(r.everyPatch), predicate.TypedGenerationChangedPredicate[*kubevirt.KubeVirt]{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("domainpatch").
		For(&v1alpha1.DomainPatch{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		// As a bare function the source does not hold up the start: it waits, in the background, for KubeVirt to be installed.
		WatchesRawSource(source.Func(configuration.Start)).
		Complete(r)
}

func (r *Reconciler) everyPatch(ctx context.Context, _ *kubevirt.KubeVirt) []reconcile.Request {
	var patches v1alpha1.DomainPatchList
	if err := r.Client.List(ctx, &patches); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot list DomainPatches")
		return nil
	}
	requests := make([]reconcile.Request, 0, len(patches.Items))
	for i := range patches.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{
			Namespace: patches.Items[i].Namespace, Name: patches.Items[i].Name}})
	}
	return requests
}

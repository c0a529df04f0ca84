// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package counts writes the counts in the status of DomainPatches: how many VMIs a patch
// matches, and how they fare with it. It counts a namespace at a time, since all of its
// patches together decide what a VMI gets.
package counts

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
)

// Interval is how long changes are gathered before a namespace is counted, and so the
// shortest time between two writes to one patch.
const Interval = 10 * time.Second

// SetupWithManager makes a manager run the reconciler. Requests carry a namespace as their name.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	vmis := source.Kind(mgr.GetCache(), &kubevirt.VirtualMachineInstance{},
		delayed[*kubevirt.VirtualMachineInstance](r.Interval),
		predicate.TypedFuncs[*kubevirt.VirtualMachineInstance]{UpdateFunc: isRelevant})
	return ctrl.NewControllerManagedBy(mgr).
		Named("counts").
		Watches(&v1alpha1.DomainPatch{}, delayed[client.Object](r.Interval), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		// As a bare function the source does not hold up the start: it waits, in the background, for KubeVirt to be installed.
		WatchesRawSource(source.Func(vmis.Start)).
		Complete(r)
}

// isRelevant keeps the many updates of a VMI's status away that change no count.
func isRelevant(e event.TypedUpdateEvent[*kubevirt.VirtualMachineInstance]) bool {
	return !equality.Semantic.DeepEqual(e.ObjectOld.Labels, e.ObjectNew.Labels) ||
		!equality.Semantic.DeepEqual(e.ObjectOld.Annotations, e.ObjectNew.Annotations) ||
		e.ObjectOld.SyncError() != e.ObjectNew.SyncError()
}

// delayed asks for an object's namespace to be counted after the interval. A queue holds a
// request once, with the earliest of its times, so nothing is counted more often than that.
func delayed[T client.Object](interval time.Duration) handler.TypedEventHandler[T, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(object client.Object, q queue) {
		q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: object.GetNamespace()}}, interval)
	}
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[T], q queue) { enqueue(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[T], q queue) { enqueue(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[T], q queue) { enqueue(e.Object, q) },
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package counts writes the numbers in the status of patches: how many VMIs a patch
// matches, and how they fare with it, with the first of those that need attention.
//
// It counts a namespace at a time, since all patches that reach it decide together what a VMI
// gets, and again when something in it changed; a ClusterDomainPatch gets the sums over the
// namespaces. Passes are at least Interval apart, and a pass writes a patch once, if its
// numbers changed: the cost depends on neither the number of VMs nor that of their changes.
//
// The label that takes a namespace out of the webhooks' reach is not looked at: the VMs that
// started without their patches are those to restart afterwards.
package counts

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
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

// Interval is the shortest time between two passes, from the end of one to the start of the
// next, and so between two writes to one patch.
const Interval = 10 * time.Second

// gathering is the part of Interval in which changes are gathered before a pass, since they
// rarely come alone.
const gathering = 5

// SetupWithManager makes a manager run the reconciler. There is one request, without a name:
// what is to be counted is remembered in changes.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	vmis := source.Kind(mgr.GetCache(), &kubevirt.VirtualMachineInstance{},
		marking[*kubevirt.VirtualMachineInstance](r, r.markNamespace),
		predicate.TypedFuncs[*kubevirt.VirtualMachineInstance]{UpdateFunc: isRelevant})
	return ctrl.NewControllerManagedBy(mgr).
		Named("counts").
		Watches(&v1alpha1.DomainPatch{}, marking[client.Object](r, r.markNamespace), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.ClusterDomainPatch{}, marking[client.Object](r, r.markAll), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Namespace{}, marking[client.Object](r, r.markName), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		// A bundle may come into the cache after the VMI that names it.
		Watches(&corev1.ConfigMap{}, marking[client.Object](r, r.markNamespace), builder.WithPredicates(onlyNew)).
		Watches(&corev1.Event{}, marking[client.Object](r, r.markNamespace), builder.WithPredicates(newFailure)).
		// As a bare function the source does not hold up the start: it waits, in the background, for KubeVirt to be installed.
		WatchesRawSource(source.Func(vmis.Start)).
		Complete(r)
}

// isRelevant keeps the many updates of a VMI's status away that change no count.
func isRelevant(e event.TypedUpdateEvent[*kubevirt.VirtualMachineInstance]) bool {
	before, after := e.ObjectOld, e.ObjectNew
	return before.HasEnded() != after.HasEnded() ||
		before.SyncFailure() != after.SyncFailure() ||
		!equality.Semantic.DeepEqual(before.Labels, after.Labels) ||
		!equality.Semantic.DeepEqual(before.Annotations, after.Annotations)
}

var onlyNew = predicate.Funcs{
	UpdateFunc: func(event.UpdateEvent) bool { return false },
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// newFailure lets events of KubeVirt's pass that repeat an error of the shim, when it is another one.
var newFailure = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return shimsError(e.Object) != "" },
	UpdateFunc: func(e event.UpdateEvent) bool { return shimsError(e.ObjectNew) != shimsError(e.ObjectOld) },
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

func shimsError(object client.Object) string {
	if e, ok := object.(*corev1.Event); ok {
		return kubevirt.ShimsError(e.Message)
	}
	return ""
}

func (r *Reconciler) markNamespace(object client.Object) { r.changes.mark(object.GetNamespace()) }
func (r *Reconciler) markName(object client.Object)      { r.changes.mark(object.GetName()) }
func (r *Reconciler) markAll(client.Object)              { r.changes.markAll() }

// marking remembers what an event is about, and asks for a pass. A queue holds a request
// once, with the earliest of its times.
func marking[T client.Object](r *Reconciler, mark func(client.Object)) handler.TypedEventHandler[T, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(object client.Object, q queue) {
		mark(object)
		q.AddAfter(reconcile.Request{}, r.Interval/gathering)
	}
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[T], q queue) { enqueue(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[T], q queue) { enqueue(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[T], q queue) { enqueue(e.Object, q) },
	}
}

// changes are the namespaces in which something changed since they were counted. The zero
// value says nothing of that yet: take gives all for the first time.
type changes struct {
	mu         sync.Mutex
	counted    bool // all were, once
	namespaces map[string]bool
}

func (c *changes) mark(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.namespaces == nil {
		c.namespaces = map[string]bool{}
	}
	c.namespaces[namespace] = true
}

func (c *changes) markAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted = false
}

// take gives the namespaces that are to be counted, or all, and forgets them.
func (c *changes) take() (namespaces map[string]bool, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	namespaces, all = c.namespaces, !c.counted
	c.namespaces, c.counted = nil, true
	return namespaces, all
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// kindVM is the kind of requests to render; the other kinds are those of patches, whose
// condition Rendered is asked for.
const kindVM = "VirtualMachine"

// Request asks for a VirtualMachine or a patch to be looked at.
type Request struct {
	kind string
	types.NamespacedName
}

func requestFor(p render.Patch) Request {
	return Request{p.Kind, types.NamespacedName{Namespace: p.Namespace, Name: p.Name}}
}

// Reconcile does what is asked for.
func (r *Reconciler) Reconcile(ctx context.Context, req Request) (ctrl.Result, error) {
	if req.kind == kindVM {
		return ctrl.Result{}, r.renderVM(ctx, req.NamespacedName)
	}
	return ctrl.Result{}, r.writeRendered(ctx, req)
}

// SetupWithManager makes a manager run the reconciler: for a VM when its spec changes, for all
// VMs of a namespace when its patches or labels change, and for all when what is the
// cluster's changes.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changes := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	vms := source.TypedKind(mgr.GetCache(), &kubevirt.VirtualMachine{},
		handler.TypedEnqueueRequestsFromMapFunc(r.vm), predicate.TypedGenerationChangedPredicate[*kubevirt.VirtualMachine]{})
	near := handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []Request {
		return r.vms(ctx, object.GetNamespace())
	})
	inside := handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, namespace client.Object) []Request {
		return r.vms(ctx, namespace.GetName())
	})
	// Of patches every change counts: others write the list of conditions whole, too, and condition Rendered must stand.
	patch := func(kind string) handler.TypedEventHandler[client.Object, Request] {
		return handler.TypedEnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []Request {
			return []Request{{kind, client.ObjectKeyFromObject(object)}}
		})
	}
	return builder.TypedControllerManagedBy[Request](mgr).
		Named("template").
		// As a bare function the source does not hold up the start: it waits, in the background, for KubeVirt to be installed.
		WatchesRawSource(source.TypedFunc[Request](vms.Start)).
		WatchesRawSource(source.TypedFunc[Request](func(_ context.Context, queue workqueue.TypedRateLimitingInterface[Request]) error {
			r.ask = queue.Add
			return nil
		})).
		Watches(&v1alpha1.DomainPatch{}, patch(bundle.KindDomainPatch)).
		Watches(&v1alpha1.ClusterDomainPatch{}, patch(bundle.KindClusterDomainPatch)).
		Watches(&v1alpha1.DomainPatch{}, near, changes).
		Watches(&v1alpha1.ClusterDomainPatch{}, near, changes).
		Watches(&v1alpha1.DomainPatchPolicy{}, near, changes).
		Watches(&corev1.Namespace{}, inside, builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Complete(r)
}

func (r *Reconciler) vm(_ context.Context, vm *kubevirt.VirtualMachine) []Request {
	return []Request{{kindVM, client.ObjectKeyFromObject(vm)}}
}

// vms are those of a namespace; all for the empty name.
func (r *Reconciler) vms(ctx context.Context, namespace string) []Request {
	var list kubevirt.VirtualMachineList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot list VirtualMachines")
		return nil
	}
	requests := make([]Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, Request{kindVM, client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

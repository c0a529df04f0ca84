// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package domainpatch writes the conditions of patches of both kinds and of policies:
// whether an object compiles, whether a VM that binds a patch now gets it, and whether the
// edits come out as they are written. It touches no VM.
//
// A patch's conditions depend on much besides the patch: on KubeVirt's configuration and
// plugins, on the policies and labels of its namespace, on other patches. So every change
// leads to one look at all objects, from the cache, and what each of them says is found out
// without I/O. Changes are gathered before that (see Gather), and of the result only what
// is new is written. What takes time, compiling a patch, is done once per generation.
package domainpatch

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
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

const (
	// Gather is how long changes are gathered before conditions are found out anew.
	Gather = time.Second
	// servedInterval is how often the API server is asked for kinds that it does not serve.
	servedInterval = 10 * time.Second
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager makes a manager run the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	newSpec := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	configuration := source.Kind(mgr.GetCache(), &kubevirt.KubeVirt{},
		gathered[*kubevirt.KubeVirt](), predicate.TypedGenerationChangedPredicate[*kubevirt.KubeVirt]{})
	plugins := source.Kind(mgr.GetCache(), &kubevirt.Plugin{},
		gathered[*kubevirt.Plugin](), predicate.TypedFuncs[*kubevirt.Plugin]{UpdateFunc: func(event.TypedUpdateEvent[*kubevirt.Plugin]) bool { return false }})
	vmis := source.Kind(mgr.GetCache(), &kubevirt.VirtualMachineInstance{},
		gathered[*kubevirt.VirtualMachineInstance](), predicate.TypedLabelChangedPredicate[*kubevirt.VirtualMachineInstance]{},
		predicate.NewTypedPredicateFuncs(func(*kubevirt.VirtualMachineInstance) bool { return r.contested.Load() }))
	return ctrl.NewControllerManagedBy(mgr).
		Named("domainpatch").
		Watches(&v1alpha1.DomainPatch{}, gathered[client.Object](), newSpec).
		Watches(&v1alpha1.ClusterDomainPatch{}, gathered[client.Object](), newSpec).
		Watches(&v1alpha1.DomainPatchPolicy{}, gathered[client.Object](), newSpec).
		Watches(&corev1.Namespace{}, gathered[client.Object](), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		// As bare functions the sources do not hold up the start: they wait, in the background, for KubeVirt to be installed.
		WatchesRawSource(source.Func(configuration.Start)).
		WatchesRawSource(source.Func(vmis.Start)).
		WatchesRawSource(whenServed(mgr, &kubevirt.Plugin{}, plugins)).
		Complete(r)
}

// gathered asks for all conditions to be found out after Gather. The queue holds the one
// request there is once, with the earliest of its times.
func gathered[T client.Object]() handler.TypedEventHandler[T, reconcile.Request] {
	ask := func(q queue) { q.AddAfter(reconcile.Request{}, Gather) }
	return handler.TypedFuncs[T, reconcile.Request]{
		CreateFunc: func(_ context.Context, _ event.TypedCreateEvent[T], q queue) { ask(q) },
		UpdateFunc: func(_ context.Context, _ event.TypedUpdateEvent[T], q queue) { ask(q) },
		DeleteFunc: func(_ context.Context, _ event.TypedDeleteEvent[T], q queue) { ask(q) },
	}
}

// whenServed is a source of a kind that most clusters do not have: it starts when the API
// server serves the kind, at once or later, and says nothing until then.
func whenServed(mgr ctrl.Manager, kind client.Object, of source.Source) source.Source {
	return source.Func(func(ctx context.Context, q queue) error {
		gvk, err := mgr.GetClient().GroupVersionKindFor(kind)
		if err != nil {
			return err
		}
		go func() {
			err := wait.PollUntilContextCancel(ctx, servedInterval, true, func(context.Context) (bool, error) {
				_, err := mgr.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
				return err == nil, nil
			})
			if err == nil {
				err = of.Start(ctx, q)
			}
			if err != nil && ctx.Err() == nil {
				mgr.GetLogger().Error(err, "Cannot watch", "kind", gvk.Kind)
			}
		}()
		return nil
	})
}

// ignoreNoMatch is for lists of kinds that the API server may not serve.
func ignoreNoMatch(err error) error {
	if meta.IsNoMatchError(err) {
		return nil
	}
	return err
}

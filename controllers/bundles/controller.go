// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager makes a manager, whose cache has CacheOptions, run the reconciler. It does
// nothing until all users are known; without KubeVirt that waits until KubeVirt is installed.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("bundles").
		WatchesRawSource(source.Kind(mgr.GetCache(), &corev1.ConfigMap{}, r.onConfigMap())).
		WatchesRawSource(source.Func(func(ctx context.Context, q queue) error { return r.watchUsers(ctx, mgr.GetCache(), q) })).
		Complete(r)
}

// watchUsers fills the index, and asks for everything when it is complete. It does not wait for that.
func (r *Reconciler) watchUsers(ctx context.Context, c cache.Cache, q queue) error {
	var sources []source.SyncingSource
	for kind, users := range r.Users {
		s := source.Kind(c, users.Object(), r.onUser(kind))
		if err := s.Start(ctx, q); err != nil {
			return err
		}
		sources = append(sources, s)
	}
	go func() {
		for _, s := range sources {
			if err := s.WaitForSync(ctx); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "Cannot find out which bundles are in use: none is collected or restored")
				return
			}
		}
		if err := r.begin(ctx, c, q); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Cannot look at the bundles that exist")
		}
	}()
	return nil
}

// begin asks for all ConfigMaps that exist or are named.
func (r *Reconciler) begin(ctx context.Context, c client.Reader, q queue) error {
	if ctx.Err() != nil {
		return nil
	}
	r.names.setComplete()
	for _, key := range r.names.named() {
		q.Add(reconcile.Request{NamespacedName: key})
	}
	var existing corev1.ConfigMapList
	if err := c.List(ctx, &existing); err != nil {
		return fmt.Errorf("cannot list the ConfigMaps of bundles: %w", err)
	}
	for i := range existing.Items {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&existing.Items[i])})
	}
	return nil
}

// onUser keeps the index, and asks for the ConfigMaps that are named or no longer named. The many
// other updates of an object cost a comparison.
func (r *Reconciler) onUser(kind int) handler.Funcs {
	change := func(object client.Object, q queue, change func(types.NamespacedName, user)) {
		if name, ok := configMapName(r.Users[kind].Bundle(object)); ok {
			key := types.NamespacedName{Namespace: object.GetNamespace(), Name: name}
			change(key, user{kind: kind, name: object.GetName(), uid: object.GetUID()})
			q.Add(reconcile.Request{NamespacedName: key})
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { change(e.Object, q, r.names.add) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { change(e.Object, q, r.names.remove) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			users := r.Users[kind]
			if e.ObjectOld.GetUID() == e.ObjectNew.GetUID() && users.Bundle(e.ObjectOld) == users.Bundle(e.ObjectNew) {
				return
			}
			change(e.ObjectNew, q, r.names.add) // first, so that a bundle that both name stays named
			change(e.ObjectOld, q, r.names.remove)
		},
	}
}

// onConfigMap asks for ConfigMaps that have the name of a bundle, and remembers the bundles that
// are deleted while somebody names them.
func (r *Reconciler) onConfigMap() handler.TypedFuncs[*corev1.ConfigMap, reconcile.Request] {
	ask := func(cm *corev1.ConfigMap, q queue) {
		if isConfigMapName(cm.Name) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(cm)})
		}
	}
	remember := func(cm *corev1.ConfigMap) {
		if text, ok := content(cm); ok {
			r.names.keep(client.ObjectKeyFromObject(cm), text)
		}
	}
	return handler.TypedFuncs[*corev1.ConfigMap, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*corev1.ConfigMap], q queue) { ask(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.TypedDeleteEvent[*corev1.ConfigMap], q queue) {
			remember(e.Object)
			ask(e.Object, q)
		},
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*corev1.ConfigMap], q queue) {
			if e.ObjectOld.ResourceVersion == e.ObjectNew.ResourceVersion {
				return
			}
			if _, ok := content(e.ObjectNew); !ok { // deleted and created again as something else, between two looks
				remember(e.ObjectOld)
			}
			ask(e.ObjectNew, q)
		},
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Reasons of events on the objects that name a bundle, VirtualMachineInstances above all.
const (
	// ReasonBundleLost (Warning): the ConfigMap with the VM's patches does not exist and cannot be
	// created again. The VM runs on, but cannot migrate until it is restarted.
	ReasonBundleLost = "BundleLost"
	// ReasonBundleRestored (Normal): the ConfigMap that was lost exists again.
	ReasonBundleRestored = "BundleRestored"
)

const (
	// retryLost is how long a lost bundle stays so before its patches are tried once more.
	retryLost = 10 * time.Minute
	// mostRendered is how many users of a missing bundle are rendered in search of it.
	mostRendered = 10
	// mostTold is how many users of a lost bundle get an event.
	mostTold = 100
)

// restore creates a ConfigMap again that is missing and that somebody names. In a namespace
// that is being deleted it leaves things alone.
func (r *Reconciler) restore(ctx context.Context, key types.NamespacedName) (ctrl.Result, error) {
	delete(r.idle, key)
	var namespace corev1.Namespace
	err := r.Store.Reader.Get(ctx, client.ObjectKey{Name: key.Namespace}, &namespace)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if err != nil || namespace.DeletionTimestamp != nil {
		r.forget(key)
		return ctrl.Result{}, nil
	}
	text, err := r.find(ctx, key, render.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	switch {
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("cannot look for what ConfigMap %s held: %w", key, err)
	case text == "":
		r.lose(ctx, key, errors.New("it was deleted, and the patches that bind now are others"))
		return ctrl.Result{RequeueAfter: retryLost}, nil
	}
	err = r.Store.ensure(ctx, configMap(key.Namespace, text), operationRestore)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		r.forget(key)
		return ctrl.Result{}, nil
	case apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || errors.Is(err, errHeld):
		r.lose(ctx, key, err)
	}
	return ctrl.Result{}, err
}

// find gives the bundle that a ConfigMap held: from the API server, where only the cache is
// late or our label is gone; from what the cache held when it was deleted; or from the
// patches, where they are what they were. It is empty where all fail.
func (r *Reconciler) find(ctx context.Context, key types.NamespacedName, namespace render.Namespace) (string, error) {
	var cm corev1.ConfigMap
	if err := r.Store.Reader.Get(ctx, key, &cm); client.IgnoreNotFound(err) != nil {
		return "", err
	}
	if text, ok := content(&cm); ok {
		return text, nil
	}
	if text := r.names.kept(key); text != "" {
		return text, nil
	}
	return r.rendered(ctx, key, namespace)
}

// rendered gives the bundle if the users of the ConfigMap would get it now, too.
func (r *Reconciler) rendered(ctx context.Context, key types.NamespacedName, namespace render.Namespace) (string, error) {
	objects, err := Objects(ctx, r.Store.Reader, namespace.Name)
	if err != nil {
		return "", err
	}
	users := r.names.users(key)
	for _, u := range users[:min(len(users), mostRendered)] {
		vmi, err := r.Users[u.kind].Load(ctx, client.ObjectKey{Namespace: key.Namespace, Name: u.name})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		b, err := render.Render(ctx, vmi, namespace, objects, r.Compiler)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err == nil && b.Applies() && b.Name() == key.Name {
			return string(b.JSON), nil
		}
	}
	return "", nil
}

// Objects reads what decides about the patches of a namespace's VMs, beside the namespace.
func Objects(ctx context.Context, reader client.Reader, namespace string) (render.Objects, error) {
	var namespaced v1alpha1.DomainPatchList
	var cluster v1alpha1.ClusterDomainPatchList
	var policies v1alpha1.DomainPatchPolicyList
	err := errors.Join(
		reader.List(ctx, &namespaced, client.InNamespace(namespace)),
		reader.List(ctx, &cluster),
		reader.List(ctx, &policies),
	)
	return render.Objects{Patches: render.Patches(namespaced.Items, cluster.Items), Policies: policies.Items}, err
}

// lose reports a bundle that cannot be restored, to each of its users once.
func (r *Reconciler) lose(ctx context.Context, key types.NamespacedName, reason error) {
	r.states.set(key, stateLost)
	told := r.told[key]
	if told == nil {
		told = map[types.UID]bool{}
		if r.told == nil {
			r.told = map[types.NamespacedName]map[types.UID]bool{}
		}
		r.told[key] = told
		ctrl.LoggerFrom(ctx).Info("A bundle is lost", "reason", reason.Error())
	}
	for _, u := range r.names.users(key) {
		if len(told) >= mostTold {
			return
		}
		if told[u.uid] {
			continue
		}
		told[u.uid] = true
		r.tell(ctx, key, u, corev1.EventTypeWarning, ReasonBundleLost, fmt.Sprintf(
			"ConfigMap %s with the VM's patches does not exist and cannot be created again: the VM cannot migrate, nor start if it has not yet, until it is restarted: %v",
			key.Name, reason))
	}
}

// tellFound tells those who were told that a bundle is lost that it exists again.
func (r *Reconciler) tellFound(ctx context.Context, key types.NamespacedName) {
	told := r.told[key]
	if told == nil {
		return
	}
	delete(r.told, key)
	for _, u := range r.names.users(key) {
		if told[u.uid] {
			r.tell(ctx, key, u, corev1.EventTypeNormal, ReasonBundleRestored,
				fmt.Sprintf("ConfigMap %s with the VM's patches exists again: the VM can migrate", key.Name))
		}
	}
}

// tell writes an event on a user that still exists and is to stay.
func (r *Reconciler) tell(ctx context.Context, key types.NamespacedName, u user, kind, reason, message string) {
	object := r.Users[u.kind].Object()
	if err := r.Cache.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: u.name}, object); err != nil {
		return // it went away
	}
	if object.GetUID() == u.uid && object.GetDeletionTimestamp() == nil {
		r.Events.Eventf(object, nil, kind, reason, "Restore", "%.1000s", message)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// markFraction is the part of SweepAfter for which nothing names a bundle before it is marked:
// a VM that restarts, and a VMI that is on its way, cost no write.
const markFraction = 10

// Reconciler marks and sweeps the ConfigMaps of bundles, and restores those that are missing.
// It runs on the leader, one request at a time. A request is a ConfigMap, whether it exists or not.
type Reconciler struct {
	Store *Store
	// Cache has the ConfigMaps (CacheOptions) and the users.
	Cache client.Reader
	// Users are all that can name a bundle.
	Users    []Users
	Compiler render.Compiler
	Events   events.EventRecorder
	// SweepAfter is how long a bundle stays marked before it is swept. It must be longer than
	// a request to the API server can take (by default a minute), and is to cover the slowest
	// creation of a VMI.
	SweepAfter time.Duration

	names  index
	states states
	idle   map[types.NamespacedName]idle
	told   map[types.NamespacedName]map[types.UID]bool // of a lost bundle
	last   survey
}

// idle is since when, by this process's own monotonic clock, nothing names one version of a
// ConfigMap. Any write to the ConfigMap starts another.
type idle struct {
	version string
	since   time.Time
}

// survey is a live list of all names of a namespace.
type survey struct {
	namespace string
	begun     time.Time
	names     map[string]bool
}

// Reconcile brings one ConfigMap one step further.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if !r.names.isComplete() {
		return ctrl.Result{}, nil // asked for again when it is
	}
	key := req.NamespacedName
	var cm corev1.ConfigMap
	err := r.Cache.Get(ctx, key, &cm)
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	switch exists, named := err == nil && isOurs(&cm), r.names.isNamed(key); {
	case exists && named:
		return ctrl.Result{}, r.use(ctx, &cm)
	case exists:
		return r.collect(ctx, &cm)
	case named:
		return r.restore(ctx, key)
	}
	r.forget(key)
	return ctrl.Result{}, nil
}

// forget is for a ConfigMap that does not exist, or is none of ours, and that nothing names.
func (r *Reconciler) forget(key types.NamespacedName) {
	r.states.set(key, "")
	delete(r.idle, key)
	delete(r.told, key)
}

// use is for a bundle that somebody names: it must not be marked.
func (r *Reconciler) use(ctx context.Context, cm *corev1.ConfigMap) error {
	key := client.ObjectKeyFromObject(cm)
	delete(r.idle, key)
	r.names.keep(key, "")
	r.states.set(key, stateUsed)
	r.tellFound(ctx, key)
	if !isMarked(cm) || cm.DeletionTimestamp != nil {
		return nil
	}
	return superseded(counted(operationUnmark, r.mark(ctx, cm, nil)))
}

// collect is for a bundle that nothing names, as far as the cache knows. It is marked after a
// while, and swept after another.
func (r *Reconciler) collect(ctx context.Context, cm *corev1.ConfigMap) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(cm)
	r.states.set(key, stateUnused)
	delete(r.told, key)
	if cm.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	w := r.idle[key]
	if w.version != cm.ResourceVersion {
		w = idle{version: cm.ResourceVersion, since: time.Now()}
		if r.idle == nil {
			r.idle = map[types.NamespacedName]idle{}
		}
		r.idle[key] = w
	}
	enough := r.SweepAfter
	if !isMarked(cm) {
		enough /= markFraction
	}
	due := w.since.Add(enough)
	if left := time.Until(due); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	if !isMarked(cm) {
		now := metav1.Now().UTC().Format(time.RFC3339)
		return ctrl.Result{}, superseded(counted(operationMark, r.mark(ctx, cm, &now)))
	}
	return r.sweep(ctx, cm, due)
}

// mark sets the mark of one version of a ConfigMap, or takes it off where since is nil. Of any
// later version an event tells.
func (r *Reconciler) mark(ctx context.Context, cm *corev1.ConfigMap, since *string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": cm.ResourceVersion,
		"annotations":     map[string]*string{v1alpha1.UnusedSinceAnnotation: since},
	}})
	if err != nil {
		return err
	}
	return r.Store.Writer.Patch(ctx, metadata(cm), client.RawPatch(types.MergePatchType, patch))
}

// sweep deletes a marked bundle whose wait was over when it was due, unless a live list finds
// somebody who names it. Only the very version is deleted that was marked and waited for.
func (r *Reconciler) sweep(ctx context.Context, cm *corev1.ConfigMap, due time.Time) (ctrl.Result, error) {
	if len(cm.Finalizers) > 0 {
		return ctrl.Result{}, nil // it would be held, half deleted, and refuse the next VMI that needs it
	}
	if err := r.survey(ctx, cm.Namespace, due); err != nil {
		return ctrl.Result{}, err
	}
	if r.last.names[cm.Name] {
		delete(r.idle, client.ObjectKeyFromObject(cm))
		return ctrl.Result{RequeueAfter: r.SweepAfter}, nil
	}
	err := r.Store.Writer.Delete(ctx, metadata(cm), client.Preconditions{UID: &cm.UID, ResourceVersion: &cm.ResourceVersion})
	return ctrl.Result{}, superseded(counted(operationSweep, err))
}

// survey lists a namespace's names live, unless the last list was of this namespace and began
// later: many bundles that are due at once share one list.
func (r *Reconciler) survey(ctx context.Context, namespace string, after time.Time) error {
	if r.last.namespace == namespace && !r.last.begun.Before(after) {
		return nil
	}
	r.last = survey{}
	found := survey{namespace: namespace, begun: time.Now(), names: map[string]bool{}}
	for _, u := range r.Users {
		if err := u.Named(ctx, namespace, func(name string) { found.names[strings.Clone(name)] = true }); err != nil {
			return fmt.Errorf("cannot find out which bundles are named: %w", err)
		}
	}
	r.last = found
	return nil
}

// metadata names a ConfigMap, for writes whose answer is to be short.
func metadata(cm *corev1.ConfigMap) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: cm.Namespace, Name: cm.Name}}
	out.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	return out
}

// superseded leaves out the errors that tell that another version exists, or none: an event
// of the cache brings the request back.
func superseded(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

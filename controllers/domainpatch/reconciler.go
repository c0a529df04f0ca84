// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Reconciler writes the conditions of one DomainPatch at a time.
type Reconciler struct {
	Client  client.Client
	Compile render.CompileFunc
	Events  events.EventRecorder
}

// Reconcile finds out the conditions and writes them, if they changed.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var dp v1alpha1.DomainPatch
	if err := r.Client.Get(ctx, req.NamespacedName, &dp); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var installed kubevirt.KubeVirtList
	if err := r.Client.List(ctx, &installed); err != nil && !meta.IsNoMatchError(err) {
		return ctrl.Result{}, fmt.Errorf("cannot list KubeVirts: %w", err)
	}
	before := dp.DeepCopy()
	_, err := r.Compile(render.DomainPatch(&dp))
	dp.Status.ObservedGeneration = dp.Generation
	for _, c := range conditions(err, installed.Items) {
		c.ObservedGeneration = dp.Generation
		meta.SetStatusCondition(&dp.Status.Conditions, c)
	}
	if equality.Semantic.DeepEqual(before.Status, dp.Status) {
		return ctrl.Result{}, nil
	}
	if err := r.Client.Status().Patch(ctx, &dp, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.report(before, &dp)
	return ctrl.Result{}, nil
}

// report tells of conditions whose status or reason changed.
func (r *Reconciler) report(before, after *v1alpha1.DomainPatch) {
	for _, c := range after.Status.Conditions {
		old := meta.FindStatusCondition(before.Status.Conditions, c.Type)
		if old != nil && old.Status == c.Status && old.Reason == c.Reason {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.Status != metav1.ConditionTrue {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(after, nil, kind, c.Reason, "Reconcile", "%.1000s", c.Message)
	}
}

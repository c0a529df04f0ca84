// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Reconciler writes the counts of all DomainPatches of one namespace at a time.
type Reconciler struct {
	Client   client.Client
	Compile  render.CompileFunc
	Interval time.Duration // see Interval
}

// Reconcile counts the namespace that the request names, and writes what changed.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	namespace := client.InNamespace(req.Name)
	var patches v1alpha1.DomainPatchList
	if err := r.Client.List(ctx, &patches, namespace); err != nil || len(patches.Items) == 0 {
		return ctrl.Result{}, err
	}
	var vmis kubevirt.VirtualMachineInstanceList
	if err := r.Client.List(ctx, &vmis, namespace); err != nil && !meta.IsNoMatchError(err) {
		return ctrl.Result{}, fmt.Errorf("cannot list VirtualMachineInstances: %w", err)
	}
	counted, err := count(ctx, vmis.Items, render.Patches(patches.Items, nil), r.Compile)
	if err != nil {
		return ctrl.Result{}, err
	}
	var errs []error
	for i := range patches.Items {
		dp := &patches.Items[i]
		errs = append(errs, r.write(ctx, dp, counted[dp.Name]))
	}
	return ctrl.Result{}, errors.Join(errs...)
}

func (r *Reconciler) write(ctx context.Context, dp *v1alpha1.DomainPatch, t tally) error {
	before := dp.DeepCopy()
	s := &dp.Status
	s.Matched, s.Current, s.Outdated, s.Failed = t.matched, t.current, t.outdated, t.failed
	if s.Matched == before.Status.Matched && s.Current == before.Status.Current &&
		s.Outdated == before.Status.Outdated && s.Failed == before.Status.Failed {
		return nil
	}
	return client.IgnoreNotFound(r.Client.Status().Patch(ctx, dp, client.MergeFrom(before)))
}

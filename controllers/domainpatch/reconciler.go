// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"context"
	"errors"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reconciler writes the conditions of all patches and policies. It is not safe for
// concurrent use.
type Reconciler struct {
	Client client.Client // reads from a cache
	Live   client.Reader // reads from the API server
	Events events.EventRecorder
	// Templates says that templates are rendered, and so that condition Rendered is kept up to
	// date elsewhere. Else it speaks of the past, and is removed.
	Templates bool

	known     map[types.UID]*memory
	contested atomic.Bool // patches may conflict, depending on the VMIs that there are
}

// Reconcile finds out the conditions of all objects, whatever the request is, and writes
// those that changed. An object that cannot be read or written does not hold up the others.
func (r *Reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	w, err := r.observe(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	for _, s := range w.subjects {
		s.compile()
	}
	readable, err := r.readStrictly(ctx, w.subjects)
	conflicts, conflictsErr := r.conflicts(ctx, w)
	if conflictsErr != nil {
		return ctrl.Result{}, errors.Join(err, conflictsErr)
	}
	verdicts := w.judge(conflicts)
	w.count(verdicts)
	return ctrl.Result{}, errors.Join(err, r.write(ctx, readable, verdicts))
}

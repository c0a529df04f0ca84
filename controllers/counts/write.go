// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package counts

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
)

// Reasons of events on patches. Each is written when a count leaves zero.
const (
	// ReasonOutdated (Normal): VMs run with other patches than would bind now.
	ReasonOutdated = "VMsOutdated"
	// ReasonFailed (Warning): VMs do not start because of the patch.
	ReasonFailed = "VMsFailed"
)

// write writes the numbers of a patch, if they changed; nil is for zero.
func (r *Reconciler) write(ctx context.Context, p render.Patch, want *tally) (wrote bool, err error) {
	if want == nil {
		want = &tally{}
	}
	target, have := numbersOf(p)
	if equality.Semantic.DeepEqual(have, *want) {
		return false, nil
	}
	body, err := json.Marshal(map[string]any{"status": want})
	if err != nil {
		return false, fmt.Errorf("cannot encode the status of %s: %w", p.ID(), err)
	}
	err = r.Client.Status().Patch(ctx, target, client.RawPatch(types.MergePatchType, body))
	switch {
	case apierrors.IsNotFound(err):
		return false, nil // deleted meanwhile
	case err != nil:
		return false, fmt.Errorf("cannot write the status of %s: %w", p.ID(), err)
	}
	metrics.StatusWrites.WithLabelValues(p.Kind).Inc()
	r.report(p, have, *want)
	return true, nil
}

// numbersOf gives an object by which to write a patch's status, and what stands there now.
func numbersOf(p render.Patch) (target client.Object, have tally) {
	name := metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name}
	var s *v1alpha1.DomainPatchStatus
	switch object := p.Object.(type) {
	case *v1alpha1.DomainPatch:
		target, s = &v1alpha1.DomainPatch{ObjectMeta: name}, &object.Status
	case *v1alpha1.ClusterDomainPatch:
		target, s = &v1alpha1.ClusterDomainPatch{ObjectMeta: name}, &object.Status
	}
	return target, tally{s.Matched, s.Current, s.Outdated, s.Failed, s.OutdatedVMIs, s.Failures}
}

// report tells of counts that are no longer zero.
func (r *Reconciler) report(p render.Patch, before, after tally) {
	if before.Outdated == 0 && after.Outdated > 0 {
		r.Events.Eventf(p.Object, nil, corev1.EventTypeNormal, ReasonOutdated, "Count",
			"%s with other patches than would bind now, until restarted: status.outdatedVMIs lists the first", number(after.Outdated, "VM runs", "VMs run"))
	}
	if before.Failed == 0 && after.Failed > 0 {
		first := after.Failures[0]
		r.Events.Eventf(p.Object, nil, corev1.EventTypeWarning, ReasonFailed, "Count", "%.1000s",
			fmt.Sprintf("%s, first %s/%s: %s", number(after.Failed, "VM does not start", "VMs do not start"), first.Namespace, first.Name, first.Message))
	}
}

func number(n int32, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

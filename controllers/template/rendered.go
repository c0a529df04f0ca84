// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// vmsShown is how many VMs a condition names.
const vmsShown = 5

// writeRendered writes condition Rendered of a patch. A patch that never had a VM with another
// owner's annotations has no such condition.
func (r *Reconciler) writeRendered(ctx context.Context, patch Request) error {
	object, status := emptyPatch(patch.kind)
	if err := r.Client.Get(ctx, patch.NamespacedName, object); err != nil {
		return client.IgnoreNotFound(err)
	}
	before := object.DeepCopyObject().(client.Object)
	condition := rendered(r.memory.takenFrom(patch))
	condition.ObservedGeneration = object.GetGeneration()
	known := meta.FindStatusCondition(status.Conditions, condition.Type)
	if known == nil && condition.Status == metav1.ConditionTrue || !meta.SetStatusCondition(&status.Conditions, condition) {
		return nil
	}
	// The list of conditions is written whole, and others write it, too: hence the lock.
	err := r.Client.Status().Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	return client.IgnoreNotFound(err)
}

func emptyPatch(kind string) (client.Object, *v1alpha1.DomainPatchStatus) {
	if kind == bundle.KindClusterDomainPatch {
		patch := &v1alpha1.ClusterDomainPatch{}
		return patch, &patch.Status
	}
	patch := &v1alpha1.DomainPatch{}
	return patch, &patch.Status
}

func rendered(taken []types.NamespacedName) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRendered, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonRendered,
		Message: "the templates of all VMs that bind the patch have it"}
	if len(taken) == 0 {
		return c
	}
	var names []string
	for _, vm := range taken[:min(len(taken), vmsShown)] {
		names = append(names, vm.String())
	}
	if more := len(taken) - vmsShown; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonAnnotationTaken
	c.Message = fmt.Sprintf("the templates of these VMs have annotation %s or %s from another owner, so they start without the patch: %s; "+
		"their events say which and whose", v1alpha1.HookSidecarsAnnotation, v1alpha1.BundleAnnotation, strings.Join(names, ", "))
	return c
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/metrics"
)

// maxRequests is how many requests are under way at once.
const maxRequests = 8

// inParallel does something to every subject, and gives the errors in their order.
func inParallel(subjects []*subject, do func(*subject) error) []error {
	errs := make([]error, len(subjects))
	var group errgroup.Group
	group.SetLimit(maxRequests)
	for i, s := range subjects {
		group.Go(func() error {
			errs[i] = do(s)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errs
}

// written is the status that was written last, which the cache may learn of later.
type written struct {
	resourceVersion    string
	observedGeneration int64
	conditions         []metav1.Condition
}

func (w *written) newerThan(s *subject) bool {
	if w == nil {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(w.resourceVersion, s.GetResourceVersion())
	return err == nil && order > 0
}

// write writes the conditions of the subjects where they are not what they should be.
func (r *Reconciler) write(ctx context.Context, subjects []*subject, verdicts map[*subject]verdict) error {
	return errors.Join(inParallel(subjects, func(s *subject) error {
		conditions := s.updated(verdicts[s], r.Templates)
		if s.observedGeneration == s.GetGeneration() && equality.Semantic.DeepEqual(conditions, s.conditions) {
			return nil
		}
		if err := r.patchStatus(ctx, s, conditions); err != nil {
			return err
		}
		r.report(s, conditions)
		return nil
	})...)
}

// updated are the conditions that the status should have.
func (s *subject) updated(v verdict, templates bool) []metav1.Condition {
	conditions := slices.Clone(s.conditions)
	if !templates {
		meta.RemoveStatusCondition(&conditions, v1alpha1.ConditionRendered)
	}
	for _, c := range v {
		c.ObservedGeneration = s.GetGeneration()
		meta.SetStatusCondition(&conditions, c)
	}
	return conditions
}

// patchStatus writes nothing but the fields of this package: the counts are written elsewhere.
func (r *Reconciler) patchStatus(ctx context.Context, s *subject, conditions []metav1.Condition) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"observedGeneration": s.GetGeneration(), "conditions": conditions}})
	if err != nil {
		return err
	}
	object := s.DeepCopyObject().(client.Object)
	if err := r.Client.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("cannot write the status of %s %s: %w", s.kind, s.key(), err))
	}
	metrics.StatusWrites.WithLabelValues(s.kind).Inc()
	s.written = &written{resourceVersion: object.GetResourceVersion(), observedGeneration: s.GetGeneration(), conditions: conditions}
	return nil
}

// report tells of conditions whose status or reason changed, by events on the object.
func (r *Reconciler) report(s *subject, conditions []metav1.Condition) {
	for i := range conditions {
		c := &conditions[i]
		if !isNews(meta.FindStatusCondition(s.conditions, c.Type), c) {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.Status != metav1.ConditionTrue {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(s.Object, nil, kind, c.Reason, "Reconcile", "%.1000s", c.Message)
	}
}

// isNews says whether a condition is worth an event. That nothing stands in the way of the
// edits is, only after something did.
func isNews(before, c *metav1.Condition) bool {
	wasFalse := before != nil && before.Status == metav1.ConditionFalse
	if c.Type == v1alpha1.ConditionEffective && !wasFalse && c.Status != metav1.ConditionFalse {
		return false
	}
	return before == nil || before.Status != c.Status || before.Reason != c.Reason
}

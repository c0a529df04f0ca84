// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// judge finds out the conditions of all subjects.
func (w *world) judge() map[*subject]verdict {
	verdicts := make(map[*subject]verdict, len(w.subjects))
	limits := map[string]*limits{}
	for _, s := range w.subjects {
		f := facts{isPolicy: s.policy != nil, err: s.err, kubevirts: w.kubevirts}
		if s.kind == bundle.KindDomainPatch {
			if limits[s.GetNamespace()] == nil {
				limits[s.GetNamespace()] = w.limits(s.GetNamespace())
			}
			f.policiesInvalid = limits[s.GetNamespace()].invalid
		}
		verdicts[s] = f.verdict()
	}
	return verdicts
}

// limits are what the policies of a namespace say.
type limits struct {
	invalid []string // names of those that are not accepted
}

func (w *world) limits(namespace string) *limits {
	l := &limits{}
	n := render.Namespace{Name: namespace, Labels: w.namespaces[namespace]}
	for _, s := range w.policies {
		if len(render.Policies(n, []v1alpha1.DomainPatchPolicy{*s.policy})) > 0 && s.err != nil {
			l.invalid = append(l.invalid, s.GetName())
		}
	}
	slices.Sort(l.invalid)
	return l
}

// count sets the metric of patches.
func count(verdicts map[*subject]verdict) {
	type series struct{ kind, ready string }
	n := map[series]int{}
	for s, v := range verdicts {
		for _, c := range v {
			if s.policy == nil && c.Type == v1alpha1.ConditionReady {
				n[series{s.kind, string(c.Status)}]++
			}
		}
	}
	for _, kind := range []string{bundle.KindDomainPatch, bundle.KindClusterDomainPatch} {
		for _, ready := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse} {
			metrics.Patches.WithLabelValues(kind, string(ready)).Set(float64(n[series{kind, string(ready)}]))
		}
	}
}

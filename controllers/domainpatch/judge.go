// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/metrics"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// judge finds out the conditions of all subjects.
func (w *world) judge(conflicts map[*subject][]conflict.Conflict) map[*subject]verdict {
	verdicts := make(map[*subject]verdict, len(w.subjects))
	plugins := w.pluginNames()
	namespaces := map[string]*limits{}
	for _, s := range w.subjects {
		f := facts{isPolicy: s.policy != nil, err: s.err, kubevirts: w.kubevirts}
		if s.err == nil {
			f.plugins, f.lost, f.conflicts = plugins, s.lost, conflicts[s]
		}
		if s.kind == bundle.KindDomainPatch {
			l := namespaces[s.GetNamespace()]
			if l == nil {
				l = w.limits(s.GetNamespace())
				namespaces[s.GetNamespace()] = l
			}
			f.policies, f.policiesInvalid, f.denied = l.names, l.invalid, s.deniedBy(l)
		}
		verdicts[s] = f.verdict()
	}
	return verdicts
}

func (w *world) pluginNames() []string {
	var names []string
	for i := range w.plugins {
		names = append(names, w.plugins[i].Name)
	}
	slices.Sort(names)
	return names
}

// count sets the metrics of patches and plugins.
func (w *world) count(verdicts map[*subject]verdict) {
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
	metrics.Plugins.WithLabelValues().Set(float64(len(w.plugins)))
}

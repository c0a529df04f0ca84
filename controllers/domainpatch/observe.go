// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/kubevirt"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// world is what the conditions depend on, at one time. The objects are the cache's own and
// must not be changed.
type world struct {
	subjects   []*subject
	policies   []*subject // those of the subjects that are policies, by name
	namespaces map[string]map[string]string
	kubevirts  []kubevirt.KubeVirt
	plugins    []kubevirt.Plugin
}

// subject is an object whose conditions are written: a patch of either kind, or a policy.
type subject struct {
	client.Object
	kind   string
	patch  *render.Patch               // nil for a policy
	policy *v1alpha1.DomainPatchPolicy // nil for a patch

	// The status that is written, or that the cache does not know yet.
	observedGeneration int64
	conditions         []metav1.Condition

	*memory
}

// memory is what is known of an object from one time to the next.
type memory struct {
	generation int64 // that all of it is about, but for the last write
	compiled   bool
	err        error // why the object is not accepted
	strict     bool  // it was read strictly, so that err speaks of unknown fields, too

	// Of an accepted patch:
	writes *patch.Writes
	lost   []string           // rules whose edits KubeVirt's schema does not hold
	rules  []patch.RulePlaces // of a DomainPatch, for policies
	denied denial

	limits *patch.Limits // of an accepted policy

	written *written
}

// key names the subject among those of its kind.
func (s *subject) key() types.NamespacedName { return client.ObjectKeyFromObject(s) }

// observe reads everything from the cache.
func (r *Reconciler) observe(ctx context.Context) (*world, error) {
	w := &world{namespaces: map[string]map[string]string{}}
	var patches v1alpha1.DomainPatchList
	var clusterPatches v1alpha1.ClusterDomainPatchList
	var policies v1alpha1.DomainPatchPolicyList
	var namespaces corev1.NamespaceList
	var kubevirts kubevirt.KubeVirtList
	var plugins kubevirt.PluginList
	for _, list := range []client.ObjectList{&patches, &clusterPatches, &policies, &namespaces, &kubevirts, &plugins} {
		if err := r.Client.List(ctx, list, client.UnsafeDisableDeepCopy); ignoreNoMatch(err) != nil {
			return nil, fmt.Errorf("cannot list: %w", err)
		}
	}
	w.kubevirts, w.plugins = kubevirts.Items, plugins.Items
	for i := range namespaces.Items {
		w.namespaces[namespaces.Items[i].Name] = namespaces.Items[i].Labels
	}
	for i := range patches.Items {
		dp := &patches.Items[i]
		p := render.DomainPatch(dp)
		w.add(&subject{Object: dp, kind: p.Kind, patch: &p, observedGeneration: dp.Status.ObservedGeneration, conditions: dp.Status.Conditions})
	}
	for i := range clusterPatches.Items {
		cdp := &clusterPatches.Items[i]
		p := render.ClusterDomainPatch(cdp)
		w.add(&subject{Object: cdp, kind: p.Kind, patch: &p, observedGeneration: cdp.Status.ObservedGeneration, conditions: cdp.Status.Conditions})
	}
	for i := range policies.Items {
		dpp := &policies.Items[i]
		w.add(&subject{Object: dpp, kind: bundle.KindDomainPatchPolicy, policy: dpp, observedGeneration: dpp.Status.ObservedGeneration, conditions: dpp.Status.Conditions})
	}
	slices.SortFunc(w.policies, func(a, b *subject) int { return cmp.Compare(a.GetName(), b.GetName()) })
	r.remember(w)
	return w, nil
}

func (w *world) add(s *subject) {
	w.subjects = append(w.subjects, s)
	if s.policy != nil {
		w.policies = append(w.policies, s)
	}
}

// remember gives the subjects what is known of them, and forgets objects that are gone.
func (r *Reconciler) remember(w *world) {
	known := make(map[types.UID]*memory, len(w.subjects))
	for _, s := range w.subjects {
		m := r.known[s.GetUID()]
		if m == nil {
			m = &memory{}
		}
		if m.generation != s.GetGeneration() {
			*m = memory{generation: s.GetGeneration(), written: m.written}
		}
		known[s.GetUID()] = m
		s.memory = m
		if m.written.newerThan(s) {
			s.observedGeneration, s.conditions = m.written.observedGeneration, m.written.conditions
		}
	}
	r.known = known
}

// compile finds out whether the object is accepted, as far as its known fields tell, and what
// else takes time to find out.
func (s *subject) compile() {
	if s.compiled {
		return
	}
	s.compiled = true
	var program *patch.Program
	if s.policy != nil {
		if program, s.err = render.CompiledPolicy(s.policy); s.err == nil {
			s.limits = program.Limits()
		}
		return
	}
	if program, s.err = render.Compile(*s.patch); s.err != nil {
		return
	}
	s.writes = program.Writes()
	rules := program.Places()
	for i := range rules {
		if rules[i].Dropped() {
			s.lost = append(s.lost, label(&rules[i]))
		}
	}
	if s.kind == bundle.KindDomainPatch {
		s.rules = rules
	}
}

// label names a rule for a person.
func label(r *patch.RulePlaces) string {
	if r.Name == "" {
		return r.Field
	}
	return r.Field + " (" + r.Name + ")"
}

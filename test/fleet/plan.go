// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// Labels of the fleet's objects.
const (
	envLabel  = "env"  // of namespaces
	tierLabel = "tier" // of VMIs
	osLabel   = "os"   // of VMIs
	turnLabel = "turn" // of VMIs that are deleted after they were measured
	// pairLabel says which webhooks the VMIs of a namespace meet, where it matters.
	pairLabel  = "fleet.example/pair"
	noopPair   = "noop"
	patchedFor = "domainpatch"
)

// raceNamespaces is how many namespaces each pair of webhooks has to itself.
const raceNamespaces = 5

// namespace is one of the fleet.
type namespace struct {
	name, env, os string
	pair          string // empty: for the fleet
	vmis          int    // so many were planned in it
}

func (n namespace) object() *corev1.Namespace {
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: map[string]string{envLabel: n.env}}}
	if n.pair != "" {
		object.Labels[pairLabel] = n.pair
	}
	if n.pair == noopPair {
		object.Labels[v1alpha1.InjectLabel] = v1alpha1.InjectDisabled
	}
	return object
}

// fleet is what is to be created.
type fleet struct {
	namespaces []*namespace // of the VMIs that stay
	patched    []*namespace // of those that race through the manager's webhooks
	unpatched  []*namespace // and through the others
	patches    []*patch
	vmis       []vmi // those that stay, in the order of their creation
}

// newFleet plans a fleet. Its VMIs go to the namespaces in turn.
func newFleet(o options) *fleet {
	f := &fleet{}
	for i := range o.namespaces {
		f.namespaces = append(f.namespaces, newNamespace(fmt.Sprintf("fleet-%03d", i), i))
	}
	for i := range raceNamespaces {
		f.patched = append(f.patched, newNamespace(fmt.Sprintf("race-patched-%d", i), i))
		f.patched[i].pair = patchedFor
		f.unpatched = append(f.unpatched, newNamespace(fmt.Sprintf("race-noop-%d", i), i))
		f.unpatched[i].pair = noopPair
	}
	f.patches = append(clusterWide(), f.namespaced(o.patches-clusterPatches)...)
	for i := range o.vmis {
		f.vmis = append(f.vmis, f.namespaces[i%o.namespaces].next(f))
	}
	return f
}

func newNamespace(name string, i int) *namespace {
	n := &namespace{name: name, env: []string{"prod", "staging", "dev"}[i%3], os: "linux"}
	if i%10 == 5 {
		n.os = "windows"
	}
	return n
}

func (f *fleet) all() []*namespace {
	return append(append(append([]*namespace{}, f.namespaces...), f.patched...), f.unpatched...)
}

// vmi is a VMI as it was planned. Those of a tier in a namespace are alike, so they share a bundle.
type vmi struct {
	namespace *namespace
	name      string
	labels    map[string]string
}

// next plans another VMI of a namespace: every third is a database, every third a batch worker.
func (n *namespace) next(f *fleet) vmi {
	tier := []string{"web", "db", "batch"}[n.vmis%3]
	v := vmi{namespace: n, name: fmt.Sprintf("%s-%s-%d", n.name, tier, n.vmis), labels: map[string]string{
		"app": "fleet", "kubevirt.io/size": "medium", "kubevirt.io/domain": n.name, tierLabel: tier, osLabel: n.os}}
	n.vmis++
	for _, p := range f.patches {
		if p.refers != nil && p.refers(v) {
			v.labels[p.referenceLabel()] = p.reference
		}
	}
	return v
}

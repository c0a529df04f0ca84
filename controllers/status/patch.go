// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/fare"
	"github.com/domainpatch/domainpatch/controllers/remote"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Patch is a DomainPatch or a ClusterDomainPatch. The counts are those that the operator wrote, at
// most ten seconds ago.
type Patch struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Accepted, Ready and Effective are True, False or Unknown; Unknown, too, where the operator
	// has not spoken of the newest generation.
	Accepted  string `json:"accepted"`
	Ready     string `json:"ready"`
	Effective string `json:"effective"`
	Matched   int32  `json:"matched"`
	Current   int32  `json:"current"`
	Outdated  int32  `json:"outdated"`
	Failed    int32  `json:"failed"`
	// Why is the first condition that is not True: its type, reason and message.
	Why        string             `json:"why,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Policy is a DomainPatchPolicy.
type Policy struct {
	Name       string                 `json:"name"`
	Accepted   string                 `json:"accepted"`
	Ready      string                 `json:"ready"`
	Namespaces string                 `json:"namespaces"` // those that it selects: a label selector, or "all"
	Allow      []v1alpha1.AllowedPath `json:"allow,omitempty"`
	Why        string                 `json:"why,omitempty"`
	Conditions []metav1.Condition     `json:"conditions,omitempty"`
}

// Patches lists the patches of a kind, by namespace and name.
func (c *Cluster) Patches(ctx context.Context, kind string, s Scope) ([]Patch, error) {
	resource := remote.DomainPatches
	if kind == bundle.KindClusterDomainPatch {
		resource, s.Namespace = remote.ClusterDomainPatches, ""
	}
	found, err := c.listPatches(ctx, resource, kind, s.Namespace)
	var all []Patch
	for _, p := range found {
		if s.selects(p.Object.GetLabels()) {
			all = append(all, patchOf(p))
		}
	}
	return all, err
}

// Patch gives one patch; the namespace is for a DomainPatch.
func (c *Cluster) Patch(ctx context.Context, kind, namespace, name string) (Patch, error) {
	resource := remote.DomainPatches
	if kind == bundle.KindClusterDomainPatch {
		resource, namespace = remote.ClusterDomainPatches, ""
	}
	text, err := remote.Get[json.RawMessage](ctx, c.Reader, resource, namespace, name)
	if err != nil {
		return Patch{}, err
	}
	p, _, err := render.DecodePatch(kind, text)
	if err != nil {
		return Patch{}, fmt.Errorf("cannot read %s: %w", p.ID(), err)
	}
	return patchOf(p), nil
}

func patchOf(p render.Patch) Patch {
	var s v1alpha1.DomainPatchStatus
	switch object := p.Object.(type) {
	case *v1alpha1.DomainPatch:
		s = object.Status
	case *v1alpha1.ClusterDomainPatch:
		s = object.Status
	}
	is := verdictsOf(s.Conditions, p.Object.GetGeneration())
	return Patch{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name,
		Accepted: is(v1alpha1.ConditionAccepted), Ready: is(v1alpha1.ConditionReady), Effective: is(v1alpha1.ConditionEffective),
		Matched: s.Matched, Current: s.Current, Outdated: s.Outdated, Failed: s.Failed,
		Why: why(s.Conditions, p.Object.GetGeneration()), Conditions: s.Conditions}
}

// verdictsOf gives the status of conditions as they are for a generation.
func verdictsOf(conditions []metav1.Condition, generation int64) func(kind string) string {
	return func(kind string) string {
		condition := meta.FindStatusCondition(conditions, kind)
		if condition == nil || condition.ObservedGeneration != generation {
			return string(metav1.ConditionUnknown)
		}
		return string(condition.Status)
	}
}

// order is that of the conditions: what comes of an earlier one is not told again.
var order = []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionEffective, v1alpha1.ConditionRendered}

func why(conditions []metav1.Condition, generation int64) string {
	for _, kind := range order {
		condition := meta.FindStatusCondition(conditions, kind)
		switch {
		case condition == nil:
		case condition.ObservedGeneration != generation:
			return "the operator has not looked at the newest generation yet: does it run?"
		case condition.Status != metav1.ConditionTrue:
			return fmt.Sprintf("%s: %s: %s", kind, condition.Reason, condition.Message)
		}
	}
	if len(conditions) == 0 {
		return "the operator has not looked at it yet: does it run?"
	}
	return ""
}

// Policies lists the policies by name.
func (c *Cluster) Policies(ctx context.Context, s Scope) ([]Policy, error) {
	found, err := c.readPolicies(ctx)
	var all []Policy
	for i := range found {
		if s.selects(found[i].Labels) {
			all = append(all, policyOf(&found[i]))
		}
	}
	return all, err
}

// Policy gives one policy.
func (c *Cluster) Policy(ctx context.Context, name string) (Policy, error) {
	text, err := remote.Get[json.RawMessage](ctx, c.Reader, remote.DomainPatchPolicies, "", name)
	if err != nil {
		return Policy{}, err
	}
	p, _, err := render.DecodePolicy(text)
	if err != nil {
		return Policy{}, fmt.Errorf("cannot read DomainPatchPolicy %s: %w", name, err)
	}
	return policyOf(p), nil
}

func (c *Cluster) readPolicies(ctx context.Context) ([]v1alpha1.DomainPatchPolicy, error) {
	var all []v1alpha1.DomainPatchPolicy
	err := remote.List(ctx, c.Reader, remote.DomainPatchPolicies, remote.Selection{}, func(items []json.RawMessage) error {
		for _, item := range items {
			p, _, err := render.DecodePolicy(item)
			if err != nil {
				return fmt.Errorf("cannot read DomainPatchPolicy %s: %w", p.Name, err)
			}
			all = append(all, *p)
		}
		return nil
	})
	return all, err
}

func policyOf(p *v1alpha1.DomainPatchPolicy) Policy {
	is := verdictsOf(p.Status.Conditions, p.Generation)
	namespaces := metav1.FormatLabelSelector(p.Spec.NamespaceSelector)
	if p.Spec.NamespaceSelector == nil || namespaces == "" || namespaces == "<none>" {
		namespaces = "all"
	}
	return Policy{Name: p.Name, Accepted: is(v1alpha1.ConditionAccepted), Ready: is(v1alpha1.ConditionReady), Namespaces: namespaces,
		Allow: p.Spec.Allow, Why: why(p.Status.Conditions, p.Generation), Conditions: p.Status.Conditions}
}

// ID names the patch as errors and reports do: "DomainPatch vms/acme".
func (p Patch) ID() string { return fare.Name{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}.ID() }

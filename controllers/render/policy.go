// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Policies are those of all policies that select a namespace. A selector that does not
// parse selects, so that the policy, which is not accepted then, is not forgotten.
func Policies(namespace Namespace, all []v1alpha1.DomainPatchPolicy) []v1alpha1.DomainPatchPolicy {
	return slices.DeleteFunc(slices.Clone(all), func(p v1alpha1.DomainPatchPolicy) bool {
		return !selectsNamespace(p.Spec.NamespaceSelector, namespace)
	})
}

// CompilePolicyFunc says why a policy is not accepted, if so. CompilePolicy is one.
type CompilePolicyFunc func(*v1alpha1.DomainPatchPolicy) error

// CompilePolicy says why a policy is not accepted, if so; patch.Errors lists the parts of
// the error with their field paths.
func CompilePolicy(p *v1alpha1.DomainPatchPolicy) error {
	_, err := CompiledPolicy(p)
	return err
}

// CompiledPolicy compiles a policy to a program that holds nothing else. The error is that of
// CompilePolicy.
func CompiledPolicy(p *v1alpha1.DomainPatchPolicy) (*patch.Program, error) {
	wire := policyInBundle(p)
	program, err := patch.Compile(&bundle.Bundle{FormatVersion: bundle.FormatVersion, Policies: []bundle.Policy{wire}})
	if _, selectorErr := metav1.LabelSelectorAsSelector(p.Spec.NamespaceSelector); selectorErr != nil {
		err = errors.Join(&patch.Error{Patch: wire.ID(), Field: "spec.namespaceSelector", Err: selectorErr}, err)
	}
	return program, err
}

func policyInBundle(p *v1alpha1.DomainPatchPolicy) bundle.Policy {
	wire := bundle.Policy{Name: p.Name}
	for _, a := range p.Spec.Allow {
		wire.Allow = append(wire.Allow, a.Path)
	}
	return wire
}

// governance is what the policies of a namespace say.
type governance struct {
	policies []bundle.Policy // in the order of their names
	// notAccepted is why what they allow cannot be told, if so: leaving one out could allow
	// everything.
	notAccepted error
}

func govern(policies []v1alpha1.DomainPatchPolicy, bindings []Binding, compile CompilePolicyFunc) governance {
	var g governance
	if !slices.ContainsFunc(bindings, Binding.limited) {
		return g
	}
	var errs []error
	for i := range policies {
		g.policies = append(g.policies, policyInBundle(&policies[i]))
		errs = append(errs, compile(&policies[i]))
	}
	slices.SortFunc(g.policies, func(a, b bundle.Policy) int { return cmp.Compare(a.Name, b.Name) })
	g.notAccepted = errors.Join(errs...)
	return g
}

// encode encodes the bundle of these patches; nil for none.
func (g governance) encode(applying []Binding) ([]byte, error) {
	if len(applying) == 0 {
		return nil, nil
	}
	wire := bundle.Bundle{FormatVersion: bundle.FormatVersion, Policies: g.of(applying)}
	for _, a := range applying {
		wire.Patches = append(wire.Patches, a.Patch.InBundle())
	}
	return bundle.Encode(&wire)
}

// of gives the policies that go into a bundle with these patches.
func (g governance) of(applying []Binding) []bundle.Policy {
	if !slices.ContainsFunc(applying, Binding.limited) {
		return nil
	}
	return g.policies
}

// limited tells whether policies limit the patch that binds.
func (b Binding) limited() bool { return b.Patch.Kind == bundle.KindDomainPatch }

// ungovernable tells why the policies keep a patch from applying at all, if so, and whether
// that refuses the VMI.
func (b Binding) ungovernable(limits governance) (reason error, refuse bool) {
	if !b.limited() || limits.notAccepted == nil {
		return nil, false
	}
	return fmt.Errorf("%s cannot apply, for a policy of its namespace is not accepted: %s", b.Patch.ID(), Line(limits.notAccepted)),
		!b.dispensable()
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Patch is a patch of either kind, as far as rendering is concerned.
type Patch struct {
	// Object is the *v1alpha1.DomainPatch or *v1alpha1.ClusterDomainPatch itself.
	Object interface {
		metav1.Object
		runtime.Object
	}
	Kind      string // bundle.KindDomainPatch or bundle.KindClusterDomainPatch
	Namespace string // empty for a ClusterDomainPatch
	Name      string
	Spec      *v1alpha1.DomainPatchSpec

	selector labels.Selector // that of Spec; nil where it does not parse

	// Of a ClusterDomainPatch alone:
	namespaceSelector *metav1.LabelSelector
	pvc               *v1alpha1.SharedPVC
}

// DomainPatch is a DomainPatch as a Patch. It points into dp.
func DomainPatch(dp *v1alpha1.DomainPatch) Patch {
	return Patch{Object: dp, Kind: bundle.KindDomainPatch, Namespace: dp.Namespace, Name: dp.Name, Spec: &dp.Spec,
		selector: parseSelector(dp.Spec.Selector)}
}

// ClusterDomainPatch is a ClusterDomainPatch as a Patch. It points into cdp.
func ClusterDomainPatch(cdp *v1alpha1.ClusterDomainPatch) Patch {
	return Patch{Object: cdp, Kind: bundle.KindClusterDomainPatch, Name: cdp.Name, Spec: &cdp.Spec.DomainPatchSpec,
		selector: parseSelector(cdp.Spec.Selector), namespaceSelector: cdp.Spec.NamespaceSelector, pvc: cdp.Spec.PVC}
}

// Patches are the patches of both kinds. They point into the slices.
func Patches(namespaced []v1alpha1.DomainPatch, cluster []v1alpha1.ClusterDomainPatch) []Patch {
	all := make([]Patch, 0, len(namespaced)+len(cluster))
	for i := range namespaced {
		all = append(all, DomainPatch(&namespaced[i]))
	}
	for i := range cluster {
		all = append(all, ClusterDomainPatch(&cluster[i]))
	}
	return all
}

// ID names the patch as the engine does in its errors and reports.
func (p Patch) ID() string {
	return (&bundle.Patch{Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}).ID()
}

// ReferenceLabel is the label by which a VMI refers to the patch.
func (p Patch) ReferenceLabel() string {
	if p.Kind == bundle.KindClusterDomainPatch {
		return v1alpha1.ClusterDomainPatchReferencePrefix + p.Name
	}
	return v1alpha1.DomainPatchReferencePrefix + p.Name
}

// InBundle is the part of the patch that goes into a bundle: everything but the fields
// that decide where and in which order it applies.
func (p Patch) InBundle() bundle.Patch {
	spec := p.Spec
	out := bundle.Patch{
		Kind:          p.Kind,
		Namespace:     p.Namespace,
		Name:          p.Name,
		FailurePolicy: bundle.FailurePolicy(spec.FailurePolicy),
	}
	if out.FailurePolicy == "" { // no API server that sets the default stands before a file
		out.FailurePolicy = bundle.Fail
	}
	for _, m := range spec.MatchConditions {
		out.MatchConditions = append(out.MatchConditions, bundle.MatchCondition{Name: m.Name, Expression: m.Expression})
	}
	for _, v := range spec.Variables {
		out.Variables = append(out.Variables, bundle.Variable{Name: v.Name, Expression: v.Expression, Pattern: v.Pattern})
	}
	for i := range spec.Domain {
		out.Domain = append(out.Domain, domainRule(&spec.Domain[i]))
	}
	for i := range spec.CloudInit {
		out.CloudInit = append(out.CloudInit, cloudInitRule(&spec.CloudInit[i]))
	}
	return out
}

func domainRule(r *v1alpha1.DomainRule) bundle.DomainRule {
	return bundle.DomainRule{
		Name:       r.Name,
		Op:         bundle.Op(r.Op),
		Path:       r.Path,
		Value:      r.Value,
		Expression: r.Expression,
		XML:        r.XML,
		Position:   bundle.Position(r.Position),
		Key:        r.Key,
		Expect:     bundle.Expect(r.Expect),
		When:       r.When,
	}
}

func cloudInitRule(r *v1alpha1.CloudInitRule) bundle.CloudInitRule {
	return bundle.CloudInitRule{
		Name:       r.Name,
		Target:     bundle.Target(r.Target),
		Op:         bundle.Op(r.Op),
		Path:       r.Path,
		From:       r.From,
		Value:      json.RawMessage(r.Value.Raw),
		YAML:       r.YAML,
		Expression: r.Expression,
		When:       r.When,
		Create:     r.Create,
	}
}

// CompileFunc compiles one patch alone. Compile is one; callers that see the same patch
// often put a cache around it. An error says why the patch is not accepted.
type CompileFunc func(Patch) (*patch.Program, error)

// Compiler compiles what a VMI gets. Callers who see the same objects often, or know more
// about them, put functions of their own around those of NewCompiler.
type Compiler struct {
	Patch  CompileFunc
	Policy CompilePolicyFunc
}

// NewCompiler returns a Compiler that compiles everything each time.
func NewCompiler() Compiler { return Compiler{Patch: Compile, Policy: CompilePolicy} }

// Compile compiles one patch alone. Its error, of which patch.Errors lists the parts with
// their field paths, is why the patch is not accepted.
func Compile(p Patch) (*patch.Program, error) {
	alone := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{p.InBundle()}}
	program, err := patch.Compile(alone)
	if err == nil { // a patch that no bundle can hold would refuse every VMI that it binds
		if _, tooLarge := bundle.Encode(alone); tooLarge != nil {
			err = p.fieldError("spec", tooLarge)
		}
	}
	if err = errors.Join(p.checkBinding(), err); err != nil {
		return nil, err
	}
	return program, nil
}

// checkBinding checks what does not go into a bundle.
func (p Patch) checkBinding() error {
	var errs []error
	if _, err := metav1.LabelSelectorAsSelector(p.Spec.Selector); err != nil {
		errs = append(errs, p.fieldError("spec.selector", err))
	}
	if _, err := metav1.LabelSelectorAsSelector(p.namespaceSelector); err != nil {
		errs = append(errs, p.fieldError("spec.namespaceSelector", err))
	}
	if p.pvc != nil {
		if err := p.pvc.Validate(); err != nil {
			errs = append(errs, p.fieldError("spec.pvc", errors.New(Line(err))))
		}
	}
	return errors.Join(errs...)
}

func (p Patch) fieldError(field string, err error) error {
	return &patch.Error{Patch: p.ID(), Field: field, Err: err}
}

// Reasons gives what Compile found as one line without the patch's name: field paths and
// reasons, at most so many of them, and how many more there are.
func Reasons(err error, most int) string {
	found := patch.Errors(err)
	if len(found) == 0 {
		return Line(err)
	}
	var parts []string
	for _, e := range found[:min(most, len(found))] {
		parts = append(parts, strings.ReplaceAll(e.Detail(), "\n", " "))
	}
	if more := len(found) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// Line makes one line of joined errors.
func Line(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Namespace is the namespace of a VMI.
type Namespace struct {
	Name   string
	Labels map[string]string // selectors of cluster-scoped objects read them
}

// Binding says that a patch applies to a VMI.
type Binding struct {
	Patch Patch
	// Demanded tells that the VMI must not start without the patch, whatever the patch's
	// failurePolicy says while it is not accepted.
	Demanded bool
}

// Bindings selects the patches that apply to a VMI with these labels in this namespace,
// by reference or by selector, in the order in which they apply. DomainPatches of other
// namespaces, and ClusterDomainPatches that do not select this one, are passed over.
//
// The error joins what is wrong with the labels: demands of patches that do not exist or
// do not reach the namespace, and references with an unknown value, the first few of each kind
// by name. A selector that does not parse
// selects, so that the patch, which is not accepted then, is not forgotten.
func Bindings(vmiLabels map[string]string, namespace Namespace, patches []Patch) ([]Binding, error) {
	wanted, err := parseReferences(vmiLabels)
	errs := []error{err}
	var bound []Binding
	var unreached []Patch
	for _, p := range patches {
		if !p.Reaches(namespace) {
			if p.Kind == bundle.KindClusterDomainPatch && wanted.take(p) == v1alpha1.ReferenceDemanded {
				unreached = append(unreached, p)
			}
			continue
		}
		value := wanted.take(p)
		if value != "" || selects(p.selector, vmiLabels) {
			bound = append(bound, Binding{Patch: p, Demanded: value == v1alpha1.ReferenceDemanded})
		}
	}
	slices.SortFunc(unreached, func(a, b Patch) int { return cmp.Compare(a.Name, b.Name) })
	errs = append(errs, firstFew(unreached, func(p Patch) error {
		return fmt.Errorf("label %s: the namespaceSelector of %s does not select namespace %s: remove the label from the VM template, or ask the cluster's admin",
			p.ReferenceLabel(), p.ID(), namespace.Name)
	}), wanted.missing(namespace.Name))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	Sort(bound)
	return bound, nil
}

// Binds tells whether the patch binds a VMI with these labels in this namespace, by reference or
// by selector.
func (p Patch) Binds(vmiLabels map[string]string, namespace Namespace) bool {
	return p.Reaches(namespace) && (p.Refers(vmiLabels) || selects(p.selector, vmiLabels))
}

// Refers tells whether labels of a VMI name the patch.
func (p Patch) Refers(vmiLabels map[string]string) bool {
	value := vmiLabels[p.ReferenceLabel()]
	return value == v1alpha1.ReferenceDemanded || value == v1alpha1.ReferenceOptional
}

// Reaches tells whether a patch can bind VMIs of a namespace.
func (p Patch) Reaches(namespace Namespace) bool {
	if p.Kind == bundle.KindDomainPatch {
		return p.Namespace == namespace.Name
	}
	return selectsNamespace(p.namespaceSelector, namespace)
}

// Sort puts bindings into the order in which their patches apply: those of the cluster last.
func Sort(bindings []Binding) {
	last := map[string]int{bundle.KindClusterDomainPatch: 1}
	slices.SortStableFunc(bindings, func(a, b Binding) int {
		return cmp.Or(last[a.Patch.Kind]-last[b.Patch.Kind], cmp.Compare(a.Patch.Spec.Order, b.Patch.Spec.Order), cmp.Compare(a.Patch.Name, b.Patch.Name))
	})
}

// reference is the way in which a VMI's labels name a patch.
type reference struct{ kind, name string }

// references are the patches that a VMI's labels name, with ReferenceDemanded or ReferenceOptional.
type references map[reference]string

// referencePrefixes are the labels' prefixes for the kinds of patches.
var referencePrefixes = []struct{ kind, prefix string }{
	{bundle.KindDomainPatch, v1alpha1.DomainPatchReferencePrefix},
	{bundle.KindClusterDomainPatch, v1alpha1.ClusterDomainPatchReferencePrefix},
}

func parseReferences(vmiLabels map[string]string) (references, error) {
	r := references{}
	var bad []string
	for _, key := range slices.Sorted(maps.Keys(vmiLabels)) {
		for _, p := range referencePrefixes {
			name, ok := strings.CutPrefix(key, p.prefix)
			if !ok {
				continue
			}
			switch value := vmiLabels[key]; value {
			case v1alpha1.ReferenceDemanded, v1alpha1.ReferenceOptional:
				r[reference{p.kind, name}] = value
			case v1alpha1.ReferenceNone:
			default:
				bad = append(bad, key)
			}
		}
	}
	return r, firstFew(bad, func(key string) error { return badValue(key, vmiLabels[key]) })
}

// Referred are the patches, by kind, namespace and name alone, that a VMI with these labels in this namespace
// refers to, by labels with this value, in the order of their labels. The error is that of Bindings for labels with
// an unknown value.
func Referred(vmiLabels map[string]string, namespace, value string) ([]Patch, error) {
	wanted, err := parseReferences(vmiLabels)
	var all []Patch
	for key, given := range wanted {
		if given != value {
			continue
		}
		p := Patch{Kind: key.kind, Name: key.name}
		if key.kind == bundle.KindDomainPatch {
			p.Namespace = namespace
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Patch) int { return cmp.Compare(a.ReferenceLabel(), b.ReferenceLabel()) })
	return all, err
}

// firstFew joins what is wrong with the first ones, and counts the rest, for VM owners may write as
// many labels as fit into an object.
func firstFew[T any](all []T, describe func(T) error) error {
	var errs []error
	for _, one := range all[:min(len(all), reasonsShown)] {
		errs = append(errs, describe(one))
	}
	if more := len(all) - reasonsShown; more > 0 {
		errs = append(errs, fmt.Errorf("and %d more such labels", more))
	}
	return errors.Join(errs...)
}

// take gives what a reference to the patch says, and takes it off the list; empty for none.
func (r references) take(p Patch) string {
	key := reference{p.Kind, p.Name}
	value := r[key]
	delete(r, key)
	return value
}

func badValue(key, value string) error {
	err := fmt.Errorf("label %.317s: value %.100q is none of %q, %q and %q", key, value,
		v1alpha1.ReferenceDemanded, v1alpha1.ReferenceOptional, v1alpha1.ReferenceNone)
	if key == v1alpha1.InjectLabel && value == v1alpha1.InjectDisabled {
		err = fmt.Errorf("%w: it is a reference to a patch here, and takes VMs out of reach as a label of the namespace only", err)
	}
	return err
}

// missing says which demands are left.
func (r references) missing(namespace string) error {
	var errs []error
	for _, p := range referencePrefixes {
		var names []string
		for key, value := range r {
			if key.kind == p.kind && value == v1alpha1.ReferenceDemanded {
				names = append(names, key.name)
			}
		}
		slices.Sort(names)
		errs = append(errs, firstFew(names, func(name string) error {
			patch := bundle.Patch{Kind: p.kind, Name: fmt.Sprintf("%.253s", name)} // webhooks see labels before they are checked
			if p.kind == bundle.KindDomainPatch {
				patch.Namespace = namespace
			}
			return fmt.Errorf("label %s%s: %s does not exist: create it, or remove the label from the VM template", p.prefix, patch.Name, patch.ID())
		}))
	}
	return errors.Join(errs...)
}

// parseSelector gives nil for a selector that does not parse.
func parseSelector(selector *metav1.LabelSelector) labels.Selector {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil
	}
	return s
}

// selects takes a selector that does not parse, nil, for one that selects.
func selects(s labels.Selector, set map[string]string) bool {
	return s == nil || s.Matches(labels.Set(set))
}

// selectsNamespace is selects for namespaces, where no selector selects all.
func selectsNamespace(selector *metav1.LabelSelector, namespace Namespace) bool {
	return selector == nil || selects(parseSelector(selector), namespace.Labels)
}

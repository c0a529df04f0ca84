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
)

// Binding says that a patch applies to a VMI.
type Binding struct {
	Patch *v1alpha1.DomainPatch
	// Demanded tells that the VMI must not start without the patch, whatever the patch's
	// failurePolicy says while it is not accepted.
	Demanded bool
}

// Bindings selects the patches that apply to a VMI with these labels in this namespace,
// by reference or by selector, in the order in which they apply. Patches of other
// namespaces are passed over. The result points into patches.
//
// The error joins everything that is wrong with the labels: demands of patches that do
// not exist, and references with an unknown value. A selector that does not parse
// selects, so that the patch, which is not accepted then, is not forgotten.
func Bindings(vmiLabels map[string]string, namespace string, patches []v1alpha1.DomainPatch) ([]Binding, error) {
	references, err := parseReferences(vmiLabels)
	errs := []error{err}
	var bound []Binding
	for i := range patches {
		dp := &patches[i]
		if dp.Namespace != namespace {
			continue
		}
		value := references.patches[dp.Name]
		delete(references.patches, dp.Name)
		if value != "" || selects(dp.Spec.Selector, vmiLabels) {
			bound = append(bound, Binding{Patch: dp, Demanded: value == v1alpha1.ReferenceDemanded})
		}
	}
	errs = append(errs, references.missing(namespace)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	Sort(bound)
	return bound, nil
}

// Sort puts bindings into the order in which their patches apply.
func Sort(bindings []Binding) {
	slices.SortStableFunc(bindings, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.Patch.Spec.Order, b.Patch.Spec.Order), cmp.Compare(a.Patch.Name, b.Patch.Name))
	})
}

// references are the patches that a VMI's labels name, with ReferenceDemanded or ReferenceOptional.
type references struct {
	patches        map[string]string
	clusterPatches map[string]string
}

func parseReferences(vmiLabels map[string]string) (references, error) {
	r := references{patches: map[string]string{}, clusterPatches: map[string]string{}}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(vmiLabels)) {
		into := r.patches
		name, ok := strings.CutPrefix(key, v1alpha1.DomainPatchReferencePrefix)
		if !ok {
			into = r.clusterPatches
			if name, ok = strings.CutPrefix(key, v1alpha1.ClusterDomainPatchReferencePrefix); !ok {
				continue
			}
		}
		switch value := vmiLabels[key]; value {
		case v1alpha1.ReferenceDemanded, v1alpha1.ReferenceOptional:
			into[name] = value
		case v1alpha1.ReferenceNone:
		default:
			errs = append(errs, badValue(key, value))
		}
	}
	return r, errors.Join(errs...)
}

func badValue(key, value string) error {
	err := fmt.Errorf("label %s: value %q is none of %q, %q and %q", key, value,
		v1alpha1.ReferenceDemanded, v1alpha1.ReferenceOptional, v1alpha1.ReferenceNone)
	if key == v1alpha1.InjectLabel && value == v1alpha1.InjectDisabled {
		err = fmt.Errorf("%w: it is a reference to a patch here, and takes VMs out of reach as a label of the namespace only", err)
	}
	return err
}

// missing gives an error for every demand that is left.
func (r references) missing(namespace string) []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.patches)) {
		if r.patches[name] == v1alpha1.ReferenceDemanded {
			errs = append(errs, fmt.Errorf("label %s%s: DomainPatch %s/%s does not exist: create it, or remove the label from the VM template",
				v1alpha1.DomainPatchReferencePrefix, name, namespace, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.clusterPatches)) {
		if r.clusterPatches[name] == v1alpha1.ReferenceDemanded {
			errs = append(errs, fmt.Errorf("label %s%s: ClusterDomainPatch %s does not exist: create it, or remove the label from the VM template",
				v1alpha1.ClusterDomainPatchReferencePrefix, name, name))
		}
	}
	return errs
}

func selects(selector *metav1.LabelSelector, vmiLabels map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err != nil || s.Matches(labels.Set(vmiLabels))
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// Patch is the part of a DomainPatch that goes into a bundle: everything but the fields
// that decide where and in which order it applies.
func Patch(dp *v1alpha1.DomainPatch) bundle.Patch {
	spec := &dp.Spec
	p := bundle.Patch{
		Kind:          bundle.KindDomainPatch,
		Namespace:     dp.Namespace,
		Name:          dp.Name,
		FailurePolicy: bundle.FailurePolicy(spec.FailurePolicy),
	}
	if p.FailurePolicy == "" { // no API server that sets the default stands before a file
		p.FailurePolicy = bundle.Fail
	}
	for _, m := range spec.MatchConditions {
		p.MatchConditions = append(p.MatchConditions, bundle.MatchCondition{Name: m.Name, Expression: m.Expression})
	}
	for _, v := range spec.Variables {
		p.Variables = append(p.Variables, bundle.Variable{Name: v.Name, Expression: v.Expression, Pattern: v.Pattern})
	}
	for i := range spec.Domain {
		p.Domain = append(p.Domain, domainRule(&spec.Domain[i]))
	}
	for i := range spec.CloudInit {
		p.CloudInit = append(p.CloudInit, cloudInitRule(&spec.CloudInit[i]))
	}
	return p
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
type CompileFunc func(*v1alpha1.DomainPatch) (*patch.Program, error)

// Compile compiles one patch alone. Its error, of which patch.Errors lists the parts with
// their field paths, is why the patch is not accepted.
func Compile(dp *v1alpha1.DomainPatch) (*patch.Program, error) {
	alone := &bundle.Bundle{FormatVersion: bundle.FormatVersion, Patches: []bundle.Patch{Patch(dp)}}
	program, err := patch.Compile(alone)
	if err == nil { // a patch that no bundle can hold would refuse every VMI that it binds
		if _, tooLarge := bundle.Encode(alone); tooLarge != nil {
			err = &patch.Error{Patch: alone.Patches[0].ID(), Field: "spec", Err: tooLarge}
		}
	}
	if _, selectorErr := metav1.LabelSelectorAsSelector(dp.Spec.Selector); selectorErr != nil {
		p := Patch(dp)
		err = errors.Join(&patch.Error{Patch: p.ID(), Field: "spec.selector", Err: selectorErr}, err)
	}
	if err != nil {
		return nil, err
	}
	return program, nil
}

// Reasons gives what Compile found as one line without the patch's name: field paths and
// reasons, at most so many of them, and how many more there are.
func Reasons(err error, most int) string {
	found := patch.Errors(err)
	if len(found) == 0 {
		return line(err)
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

// line makes one line of joined errors.
func line(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// id names a patch as the engine does in its errors and reports.
func id(dp *v1alpha1.DomainPatch) string {
	return (&bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: dp.Namespace, Name: dp.Name}).ID()
}

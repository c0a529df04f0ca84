// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// policies are the compiled policies of a bundle. They judge what namespaced patches make
// of the document, not how the rules are written: what any policy allows is left out
// of the document before and after the patch, and the rest must be the same.
type policies struct {
	names   []string
	allowed []allowedPath
}

type allowedPath struct {
	policy, field string
	path          *selector.Path
}

// policiesShown is how many policies a message names.
const policiesShown = 3

// compilePolicies compiles what the policies of a bundle allow.
func compilePolicies(b *bundle.Bundle) (policies, error) {
	if len(b.Policies) > bundle.MaxPolicies {
		return policies{}, fmt.Errorf("the bundle has %d policies, over the limit of %d per VM", len(b.Policies), bundle.MaxPolicies)
	}
	var out policies
	var errs []error
	known := map[string]bool{} // the paths of out.allowed
	for i := range b.Policies {
		p := &b.Policies[i]
		out.names = append(out.names, p.Name)
		if n := len(p.Allow); n > bundle.MaxAllowed {
			errs = append(errs, &Error{Patch: p.ID(), Field: "spec.allow", Err: fmt.Errorf("%d paths are over the limit of %d: split the policy", n, bundle.MaxAllowed)})
			continue
		}
		for j, text := range p.Allow {
			if known[text] { // policies have much in common, and every patch looks for all of it
				continue
			}
			field := fmt.Sprintf("spec.allow[%d].path", j)
			path, err := selector.Compile(text)
			if err != nil {
				errs = append(errs, &Error{Patch: p.ID(), Field: field, Err: fmt.Errorf("%q: %w", text, err)})
				continue
			}
			known[text] = true
			out.allowed = append(out.allowed, allowedPath{policy: p.ID(), field: field, path: path})
		}
	}
	return out, errors.Join(errs...)
}

// govern says whether the policies limit a patch. Those of the cluster's admin are exempt.
func (p *policies) govern(c *compiled) bool {
	return len(p.names) > 0 && c.source.Kind == bundle.KindDomainPatch && len(c.domain) > 0
}

// tryGoverned is tryDomain under the policies: a patch that changes what none of them allows
// fails, be it on a first or on a repeated call.
func (c *compiled) tryGoverned(call *domainCall, first *PatchReport) (report PatchReport, err error) {
	if !call.policies.govern(c) {
		return c.tryDomain(call, first)
	}
	defer c.recovered(&report, &err)
	edits := call.doc.Edits()
	before, limit := call.governed()
	report, err = c.tryDomain(call, first)
	if err != nil || call.doc.Edits() == edits {
		return report, err
	}
	if limit == nil {
		limit = call.policies.judge(call, before)
	}
	if limit != nil {
		err = c.ruleError("spec.domain", "", limit)
	}
	return report, err
}

// judge compares what the policies do not allow to change with what it was before the patch.
func (p *policies) judge(call *domainCall, before *remnant) error {
	after, err := call.governed()
	if err != nil {
		return err
	}
	if d := before.difference(after); d != nil {
		return fmt.Errorf("denied by %s: %s is %s, which is not among what is allowed: "+
			"ask the cluster's admin for a policy that allows it, or for a ClusterDomainPatch that does it", p, d.place, d.change)
	}
	return nil
}

// String names the policies for a person.
func (p *policies) String() string {
	names := bundle.KindDomainPatchPolicy + " " + strings.Join(p.names[:min(len(p.names), policiesShown)], ", ")
	if more := len(p.names) - policiesShown; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return names
}

// governedState is what governed found, of the document at a certain edit.
type governedState struct {
	doc   *document.Document
	edits int
	rest  *remnant
}

// governed is the part of the document that no policy allows to change. It is found out
// once for every state of the document, so that what one patch leaves is what the next one
// finds.
func (call *domainCall) governed() (*remnant, error) {
	if known := call.known; known.rest != nil && known.doc == call.doc && known.edits == call.doc.Edits() {
		return known.rest, nil
	}
	left, err := call.policies.selects(call)
	if err != nil {
		return nil, err
	}
	rest := left.rest(call.doc)
	call.known = governedState{doc: call.doc, edits: call.doc.Edits(), rest: rest}
	return rest, nil
}

// selects finds the nodes that the policies allow to change. A limit that a path hits denies,
// and so does the end of the call's time, which every path's budget asks for at first.
func (p *policies) selects(call *domainCall) (leftOut, error) {
	out := leftOut{}
	for _, a := range p.allowed {
		nodes, err := a.path.Select(call.doc, &selector.Budget{Context: call.ctx})
		if err != nil {
			return nil, fmt.Errorf("denied: %s does not tell what it allows: %s: %s: %w", a.policy, a.field, a.path, err)
		}
		for _, n := range nodes {
			out[n] = true
		}
	}
	return out, nil
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"context"
	"fmt"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// Domain applies the bundle to a libvirt domain. doc is the domain XML, vmi the VMI as
// JSON. first is nil on a first call; on a repeated call of the same attempt to start
// the VM it is the report that the first call returned: what was skipped or ignored
// stays so, and expectations that no longer hold are lines of the report.
//
// The result is the input's bytes where nothing changed. On an error the result is nil
// and the report, if there is one, tells how far the call came. Errors of a patch are
// of type *Error; others concern the document or the VMI.
//
// A first call also checks that the edits survive the calls that follow (see selfcheck.go).
// A patch that fails and may do so is left out, and the call starts again.
func (p *Program) Domain(ctx context.Context, doc, vmi []byte, first *Report) ([]byte, *Report, error) {
	in, end, err := p.newInput(ctx, vmi)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	r := domainRun{program: p, input: in, source: doc, first: first, ignored: map[int]PatchReport{}}
	for {
		out, report, err := r.once()
		if err == nil || !r.leaveOut(report) {
			return out, report, err
		}
	}
}

// domainRun is the work on one call: one or more applications to the same document.
type domainRun struct {
	program *Program
	input   *input
	source  []byte
	first   *Report
	ignored map[int]PatchReport // by index of the patch: the failures that are left out
	sound   int                 // how many patches, less those that are ignored, survived the last search for one to blame
}

// once applies the patches and checks the result of a first call. On an error the report
// says of the patch to leave out, if there is one, that it is ignored.
func (r *domainRun) once() ([]byte, *Report, error) {
	call, report, err := r.apply(r.program)
	if err != nil {
		return nil, report, err
	}
	out := call.doc.Bytes()
	if r.first != nil || bytes.Equal(out, r.source) {
		return out, report, nil
	}
	if err := r.program.checkSurvival(call, out, report); err != nil {
		if err := r.blame(report, err); err != nil {
			return nil, report, err
		}
	}
	return out, report, nil
}

// leaveOut makes the next application do without the patch that the report newly ignores;
// it is false where there is none.
func (r *domainRun) leaveOut(report *Report) bool {
	if report == nil {
		return false
	}
	for i, p := range report.Patches {
		if _, known := r.ignored[i]; p.Outcome == Ignored && !known {
			r.ignored[i] = p
			return true
		}
	}
	return false
}

// apply parses the document and applies a program to it.
func (r *domainRun) apply(p *Program) (*domainCall, *Report, error) {
	doc, err := parseDomain(r.source)
	if err != nil {
		return nil, nil, err
	}
	call := p.newCall(r.input, doc, r.first != nil)
	if !call.repeat {
		call.others = schema.OthersOf(doc.Element())
	}
	report, err := p.applyDomain(call, r.first, r.ignored)
	return call, report, err
}

// domainCall is the state of one pass over a document.
type domainCall struct {
	input
	doc     *document.Document
	budget  *selector.Budget // the current rule's
	repeat  bool
	refused error         // why the current rule, a set, does not create an element
	others  schema.Others // on a first call, for the check of its result

	authors  authors
	policies *policies
	known    governedState
}

func (p *Program) newCall(in *input, doc *document.Document, repeat bool) *domainCall {
	call := &domainCall{input: *in, doc: doc, repeat: repeat, policies: &p.policies}
	if len(p.patches) > 1 {
		call.authors.wrote = map[place]string{}
	}
	return call
}

// applyDomain applies all patches in their order, but those that are ignored. It ends with the
// first that fails.
func (p *Program) applyDomain(call *domainCall, first *Report, ignored map[int]PatchReport) (*Report, error) {
	report := &Report{Patches: make([]PatchReport, 0, len(p.patches))}
	for i := range p.patches {
		if done, ok := ignored[i]; ok {
			report.Patches = append(report.Patches, done)
			continue
		}
		var before *PatchReport
		if first != nil && i < len(first.Patches) {
			before = &first.Patches[i]
		}
		done, err := p.patches[i].tryGoverned(call, before)
		if err != nil {
			p.patches[i].fail(&done, err)
		}
		report.Patches = append(report.Patches, done)
		if err != nil {
			return report, err
		}
	}
	return report, nil
}

func parseDomain(src []byte) (*document.Document, error) {
	doc, err := document.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the domain XML: %w", err)
	}
	if e := doc.Element(); e.Data != "domain" || e.NamespaceURI != "" {
		return nil, fmt.Errorf("the root element is %.40q instead of <domain>", e.Data)
	}
	hidePlaceholders(doc)
	return doc, nil
}

// tryDomain runs the patch. A panic is a fault of this program; it fails the patch, so
// that the message names it and failurePolicy counts.
func (c *compiled) tryDomain(call *domainCall, before *PatchReport) (report PatchReport, err error) {
	defer c.recovered(&report, &err)
	if len(c.domain) == 0 {
		return PatchReport{Patch: c.source.ID(), Outcome: Skipped, Reason: "the patch has no domain rules"}, nil
	}
	run, report, err := c.begin(&call.input, before)
	if err == nil && run {
		err = c.applyDomainRules(call, before, &report)
	}
	return report, err
}

func (c *compiled) applyDomainRules(call *domainCall, before *PatchReport, report *PatchReport) error {
	call.authors.current = report.Patch
	for i := range c.domain {
		r := &c.domain[i]
		call.budget, call.refused = &selector.Budget{Context: call.ctx}, nil
		call.document = &documentValue{doc: call.doc, budget: call.budget}
		rule, err := r.run(call, ruleBefore(before, i))
		report.Rules = append(report.Rules, rule)
		if err == nil {
			err = context.Cause(call.ctx)
		}
		if err != nil {
			return c.ruleError(r.field, r.Name, err)
		}
	}
	return nil
}

// run decides whether a rule applies, and applies it.
func (r *domainRule) run(call *domainCall, before *RuleReport) (RuleReport, error) {
	report := RuleReport{Field: r.field, Name: r.Name, Op: string(r.Op), Outcome: Applied}
	if before != nil && before.Outcome == Skipped {
		report.Outcome, report.Reason = Skipped, before.Reason
		return report, nil
	}
	if r.when != nil && !call.repeat {
		holds, err := r.when.bool(&call.input)
		if err != nil {
			report.Outcome = Failed
			return report, fmt.Errorf("when: %w", err)
		}
		if !holds {
			report.Outcome, report.Reason = Skipped, "when is false"
			return report, nil
		}
	}
	done, err := r.apply(r, call)
	report.Overrides = call.authors.take()
	report.Matched, report.Changed = done.matched, done.changed
	switch {
	case done.replaced > 0:
		report.Reason = fmt.Sprintf("%d replaced", done.replaced)
	case done.created > 0:
		report.Reason = fmt.Sprintf("%d created", done.created)
	}
	if done.skipped != "" {
		report.Outcome, report.Reason = Skipped, done.skipped
	}
	if err != nil && call.repeat && !isLimit(err) {
		report.Reason = "on this repeated call: " + err.Error()
		return report, nil
	}
	if err != nil {
		report.Outcome = Failed
	}
	return report, err
}

// places selects what the rule edits; see expected.
func (r *domainRule) places(call *domainCall) (nodes []selector.Node, done effect, unexpected, err error) {
	path, err := r.expandedPath(&call.input)
	if err != nil {
		return nil, effect{}, nil, err
	}
	nodes, err = path.Select(call.doc, call.budget)
	if err != nil {
		return nil, effect{}, nil, err
	}
	done.matched = len(nodes)
	nodes, unexpected, err = expected(r, call, nodes)
	return nodes, done, unexpected, err
}

// expected is what of the selected places a rule edits. Where they are not what it expects,
// a first call fails. A repeated call, in which libvirt's own devices have joined, reports that
// as unexpected, and leaves all of them alone if one was expected and there are several: the
// edit may stand already, and nobody can tell where.
func expected[T any](r *domainRule, call *domainCall, found []T) (edit []T, unexpected, err error) {
	err = r.checkExpect(call, len(found))
	if err == nil || !call.repeat {
		return found, nil, err
	}
	if len(found) > 1 {
		found = nil
	}
	return found, err, nil
}

// checkExpect compares the number of nodes with what the rule expects.
func (r *domainRule) checkExpect(call *domainCall, found int) error {
	switch {
	case r.expect == bundle.ExpectSome && found == 0:
		return fmt.Errorf("%s selects nothing, at least one node is expected%s", r.Path, r.stop(call))
	case r.expect == bundle.ExpectOne && found == 0:
		return fmt.Errorf("%s selects 0 nodes, exactly one is expected%s", r.Path, r.stop(call))
	case r.expect == bundle.ExpectOne && found != 1:
		return fmt.Errorf("%s selects %d nodes, exactly one is expected", r.Path, found)
	}
	return nil
}

// stop says where the path of the rule, which selects nothing, stops; empty where that is not
// known, or there is more to say. It quotes the patch, not the values of its variables.
func (r *domainRule) stop(call *domainCall) string {
	path, err := r.expandedPath(&call.input)
	if err != nil || call.refused != nil {
		return ""
	}
	reach := path.Reach(call.doc, call.budget)
	if reach.Nodes == 0 {
		return ""
	}
	reached, missing := r.path.Spell(reach)
	if reach.Nodes == 1 {
		return fmt.Sprintf(": %s selects 1 node, without %s", reached, missing)
	}
	return fmt.Sprintf(": %s selects %d nodes, none with %s", reached, reach.Nodes, missing)
}

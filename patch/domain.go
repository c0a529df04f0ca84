// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
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
// A first call also applies the bundle to its own result, which must change nothing:
// KubeVirt repeats the call, and a rule that acts twice would act twice.
func (p *Program) Domain(ctx context.Context, doc, vmi []byte, first *Report) ([]byte, *Report, error) {
	in, end, err := p.newInput(ctx, vmi)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	ignored := map[int]error{}
	for {
		out, report, err := p.domainOnce(in, doc, first, ignored)
		if err != nil || first != nil || bytes.Equal(out, doc) {
			return out, report, err
		}
		i, blame := p.checkIdempotent(in, out, report)
		if blame == nil {
			return out, report, nil
		}
		if i >= 0 {
			p.patches[i].fail(&report.Patches[i], blame)
		}
		// Whoever is to blame: a call fails only if it fails without the patches that may fail.
		if i = p.dispensable(i, report); i < 0 {
			return nil, report, blame
		}
		ignored[i] = blame
	}
}

// dispensable finds a patch to leave out and try again: the blamed one, else the last one
// that applied and may fail. It gives -1 where there is none.
func (p *Program) dispensable(blamed int, report *Report) int {
	if blamed >= 0 && p.patches[blamed].source.FailurePolicy == bundle.Ignore {
		return blamed
	}
	for i := len(p.patches) - 1; i >= 0; i-- {
		if p.patches[i].source.FailurePolicy == bundle.Ignore && report.Patches[i].Outcome == Applied {
			return i
		}
	}
	return -1
}

// checkIdempotent applies the bundle to its result and blames the last rule that changed it.
func (p *Program) checkIdempotent(in *input, out []byte, report *Report) (patch int, err error) {
	again, repeat, err := p.domainOnce(in, out, report, nil)
	if err != nil {
		return -1, fmt.Errorf("cannot apply the patches to their own result: %w", err)
	}
	if bytes.Equal(again, out) {
		return 0, nil
	}
	for i := len(repeat.Patches) - 1; i >= 0; i-- {
		rules := repeat.Patches[i].Rules
		for j := len(rules) - 1; j >= 0; j-- {
			if r := rules[j]; r.Changed > 0 && r.Outcome == Applied {
				return i, p.patches[i].ruleError(r.Field, r.Name,
					errors.New("the rule is not idempotent: KubeVirt calls the hook up to three times per boot, and it changes its own result"))
			}
		}
	}
	return -1, errors.New("the patches are not idempotent: applied to their own result they change it")
}

// domainCall is the state of one pass over a document.
type domainCall struct {
	input
	doc    *document.Document
	budget *selector.Budget // the current rule's
	repeat bool
}

func (p *Program) domainOnce(in *input, src []byte, first *Report, ignored map[int]error) ([]byte, *Report, error) {
	doc, err := parseDomain(src)
	if err != nil {
		return nil, nil, err
	}
	call := &domainCall{input: *in, doc: doc, repeat: first != nil}
	report := &Report{}
	for i := range p.patches {
		var before *PatchReport
		if first != nil && i < len(first.Patches) {
			before = &first.Patches[i]
		}
		done, err := p.patches[i].applyDomain(call, before, ignored[i])
		report.Patches = append(report.Patches, done)
		if err != nil {
			return nil, report, err
		}
	}
	return call.doc.Bytes(), report, nil
}

func parseDomain(src []byte) (*document.Document, error) {
	doc, err := document.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("cannot parse the domain XML: %w", err)
	}
	if e := doc.Element(); e.Data != "domain" || e.NamespaceURI != "" {
		return nil, fmt.Errorf("the root element is <%s> instead of <domain>", e.Data)
	}
	hidePlaceholders(doc)
	return doc, nil
}

// hidePlaceholders keeps rules off the interfaces that KubeVirt adds to the first call
// alone, to have libvirt reserve PCI ports for hotplug.
func hidePlaceholders(doc *document.Document) {
	for _, devices := range document.Elements(doc.Element()) {
		if devices.Data != "devices" {
			continue
		}
		for _, n := range document.Elements(devices) {
			if isPlaceholder(n) {
				doc.Hide(n)
			}
		}
	}
}

func isPlaceholder(n *xmlquery.Node) bool {
	i := document.Attribute(n, "", "type")
	if n.Data != "interface" || i < 0 || n.Attr[i].Value != "ethernet" {
		return false
	}
	alias, ok := childKey("alias", "name").value(n)
	return ok && strings.HasPrefix(alias, "name=placeholder-")
}

// applyDomain applies one patch, whole or not at all. The error, if any, fails the call.
func (c *compiled) applyDomain(call *domainCall, before *PatchReport, ignored error) (PatchReport, error) {
	if ignored != nil {
		return PatchReport{Patch: c.source.ID(), Outcome: Ignored, Reason: ignored.Error()}, nil
	}
	var snapshot []byte
	if c.source.FailurePolicy == bundle.Ignore {
		snapshot = call.doc.Bytes()
	}
	report, err := c.tryDomain(call, before)
	if err == nil {
		return report, nil
	}
	if !c.fail(&report, err) {
		return report, err
	}
	if call.doc, err = call.doc.Restore(snapshot); err != nil {
		return report, fmt.Errorf("cannot undo %s: %w", c.source.ID(), err)
	}
	hidePlaceholders(call.doc)
	return report, nil
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
	for i := range c.domain {
		r := &c.domain[i]
		call.budget = &selector.Budget{}
		call.document = &documentValue{doc: call.doc, budget: call.budget}
		rule, err := r.run(call, ruleBefore(before, i))
		report.Rules = append(report.Rules, rule)
		if err == nil {
			err = call.ctx.Err()
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
	report.Matched, report.Changed = done.matched, done.changed
	if done.replaced > 0 {
		report.Reason = fmt.Sprintf("%d replaced", done.replaced)
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
	nodes, err = r.path.Select(call.doc, call.budget)
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
	err = r.checkExpect(len(found))
	if err == nil || !call.repeat {
		return found, nil, err
	}
	if len(found) > 1 {
		found = nil
	}
	return found, err, nil
}

// checkExpect compares the number of nodes with what the rule expects.
func (r *domainRule) checkExpect(found int) error {
	switch {
	case r.expect == bundle.ExpectSome && found == 0:
		return fmt.Errorf("%s selects nothing, at least one node is expected", r.Path)
	case r.expect == bundle.ExpectOne && found != 1:
		return fmt.Errorf("%s selects %d nodes, exactly one is expected", r.Path, found)
	}
	return nil
}

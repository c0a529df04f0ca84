// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// KubeVirt calls the hook up to three times per boot and keeps of a result what its structs
// have fields for. Only the last result reaches libvirt, and an error comes too late after the
// first call: the domain is defined by then. So a first call plays the second one.

// errNotIdempotent says that a repeated call changes the result of the first.
var errNotIdempotent = errors.New("the rule is not idempotent: KubeVirt calls the hook up to three times per boot, and it changes its own result")

// checkSurvival applies the program to its own result as a repeated call would, first to the
// result as it is, then to what KubeVirt and libvirt make of it. Neither may change what stands
// there. The call is the one that made the result; its document is used up.
func (p *Program) checkSurvival(call *domainCall, result []byte, first *Report) error {
	call.repeat = true
	edits := call.doc.Edits()
	if _, err := p.applyDomain(call, first, nil); err != nil {
		return fmt.Errorf("the rule cannot be applied to its own result: %w", causeOf(err))
	}
	if call.doc.Edits() != edits && !bytes.Equal(call.doc.Bytes(), result) {
		return errNotIdempotent
	}
	marker := unusedMarker(result)
	inputs, err := schema.Next(call.doc.Element(), call.others, marker, p.mindsOrder())
	if err != nil {
		return notSurviving("%w", err)
	}
	for _, input := range inputs {
		if err := p.checkNext(call, input, marker, first); err != nil {
			return err
		}
	}
	return nil
}

// ordering is what a path has that selects by position or looks at the first of several nodes:
// a number in brackets, a function, a sibling.
var ordering = lazyregexp.New(`\[\s*[0-9]|\(|sibling::`)

// mindsOrder says whether a rule may do something else where elements come in another order.
func (p *Program) mindsOrder() bool {
	for i := range p.patches {
		for _, r := range p.patches[i].domain {
			if ordering().MatchString(r.Path) || strings.Contains(r.Expression+r.When, "xpath") {
				return true
			}
		}
	}
	return false
}

// checkNext applies the program to what the next call may get.
func (p *Program) checkNext(call *domainCall, input []byte, marker string, first *Report) error {
	doc, err := parseDomain(input)
	if err != nil {
		return notSurviving("%w", err)
	}
	libvirts := libvirtsOf(doc, marker)
	if _, err := p.applyDomain(p.newCall(&call.input, doc, true), first, nil); err != nil {
		return notSurviving("%w", causeOf(err))
	}
	return newPasses(call.doc, doc, marker, libvirts).result()
}

// unusedMarker is a text that the document does not contain.
func unusedMarker(document []byte) string {
	marker := "dp-check"
	for bytes.Contains(document, []byte(marker)) {
		marker += "-"
	}
	return marker
}

// causeOf takes the place off an error of a rule: the blame adds it again.
func causeOf(err error) error {
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// blame says in the report whose edits do not survive, and gives the error of the call. It is
// nil where the document does not survive without any edit, as one that KubeVirt cannot read.
//
// To blame is the rule behind a part of the bundle that survives (see longest). It may be innocent
// where patches depend on each other. So a call fails only if it fails without the patches that
// may fail: where the one to blame is not among them, another of them is left out. Where the time
// is over nobody is.
func (r *domainRun) blame(report *Report, failure error) error {
	i, err := r.culprit(failure)
	if err == nil || context.Cause(r.input.ctx) != nil {
		return err
	}
	if i >= 0 {
		r.program.patches[i].fail(&report.Patches[i], err)
		if report.Patches[i].Outcome == Ignored {
			return err
		}
	}
	if i = r.dispensable(report); i >= 0 {
		r.program.patches[i].fail(&report.Patches[i], err)
	}
	return err
}

// dispensable is the last patch that applied and may fail, or -1: of a namespace if there is
// one, so that no tenant's rule costs the VM a patch of the cluster's admin.
func (r *domainRun) dispensable(report *Report) int {
	for _, kind := range []string{bundle.KindDomainPatch, bundle.KindClusterDomainPatch} {
		for i := len(r.program.patches) - 1; i >= 0; i-- {
			source := &r.program.patches[i].source
			if source.Kind == kind && source.FailurePolicy == bundle.Ignore && report.Patches[i].Outcome == Applied {
				return i
			}
		}
	}
	return -1
}

// culprit finds the patch to blame, and the error that tells the rule. The patch is -1 where
// the time did not suffice, and the error nil where it is no patch's fault.
func (r *domainRun) culprit(failure error) (patch int, err error) {
	p := r.program
	survive := func(n int) bool { return r.try(p.prefix(n, 0)) == nil }
	i := -1
	if r.sound > 0 {
		i = beyond(r.sound, len(p.patches), survive)
	}
	if i < 0 {
		i = longest(len(p.patches), survive)
	}
	j := -1
	if i >= 0 {
		j = longest(len(p.patches[i].domain), func(n int) bool { return r.try(p.prefix(i, n)) == nil })
	}
	if ended := context.Cause(r.input.ctx); ended != nil {
		return -1, fmt.Errorf("%w, and there was no time to find the patch to blame: %w", failure, ended)
	}
	if i < 0 {
		return -1, nil
	}
	if j >= 0 {
		failure = r.try(p.prefix(i, j+1))
	}
	if failure == nil || j < 0 {
		return -1, errors.New("the patches do not survive KubeVirt's second pass")
	}
	r.sound = i + 1 // without it
	c := &p.patches[i]
	return i, c.ruleError(c.domain[j].field, c.domain[j].Name, failure)
}

// longest looks for the most parts, fewer than n, that survive, where n do not; -1 where not
// even none does. It looks from the end, by ever larger steps and then by halves, so that 64
// patches take a dozen attempts. Where parts mend what those before them break, it may find
// fewer than the most; one more does not survive in any case.
func longest(n int, survive func(int) bool) int {
	most, fail := n-1, n
	for step := 1; most >= 0 && !survive(most); step *= 2 {
		if most == 0 {
			return -1
		}
		most, fail = max(0, most-step), most
	}
	return between(most, fail, survive)
}

// beyond is longest where it is known how many parts survive. It looks upwards from there, so that parts next to each
// other that all fail take two attempts each; -1 where it was not known rightly.
func beyond(known, n int, survive func(int) bool) int {
	if !survive(known) {
		return -1
	}
	most, fail := known, n
	for step := 1; most+step < n; step *= 2 {
		if !survive(most + step) {
			fail = most + step
			break
		}
		most += step
	}
	return between(most, fail, survive)
}

// between halves until it has the most parts that survive, where some do and some more do not.
func between(most, fail int, survive func(int) bool) int {
	for fail-most > 1 {
		if middle := (most + fail) / 2; survive(middle) {
			most = middle
		} else {
			fail = middle
		}
	}
	return most
}

// prefix is the program that ends with the first rules of a patch.
func (p *Program) prefix(patch, rules int) *Program {
	last := p.patches[patch]
	last.domain = last.domain[:rules]
	cut := *p
	cut.patches = append(p.patches[:patch:patch], last)
	return &cut
}

// try says whether the edits of a program survive.
func (r *domainRun) try(p *Program) error {
	call, report, err := r.apply(p)
	if err != nil {
		return err
	}
	return p.checkSurvival(call, call.doc.Bytes(), report)
}

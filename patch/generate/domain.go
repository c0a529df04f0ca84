// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/cloudinit"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// ErrEqual says that there is nothing to generate.
var ErrEqual = errors.New("nothing differs")

// Domain is what turns one domain into another.
type Domain struct {
	Rules []DomainRule
	// Output is what the rules make of the given domain, byte for byte.
	Output []byte
	// Notes tell what differs and was left alone.
	Notes []string
}

// errTooMany says that one patch cannot hold the rules.
var errTooMany = fmt.Errorf("the difference takes more than %d rules, the limit of one patch: generate several patches, each from a part of the difference", bundle.MaxRules)

// MaxDuration is how long the search for rules may take.
const MaxDuration = 30 * time.Second

// maxAttempts bounds how often rules are planned anew: each time one element is edited in
// another way.
const maxAttempts = 100

// Domains finds the rules that turn the domain before into the domain after. vmi, the VMI as
// JSON, may be nil.
func Domains(ctx context.Context, before, after, vmi []byte) (*Domain, error) {
	a, err := parse("the domain before", before)
	if err != nil {
		return nil, err
	}
	b, err := parse("the domain after", after)
	if err != nil {
		return nil, err
	}
	if equal(a.Element(), b.Element()) {
		return nil, ErrEqual
	}
	ctx, end := context.WithTimeoutCause(ctx, MaxDuration, fmt.Errorf("no rules were found in %v: generate several patches, each from a part of the difference", MaxDuration))
	defer end()
	g := &generator{ctx: ctx, before: before, vmi: vmi, a: a, b: b, levels: map[*xmlquery.Node]int{}}
	return g.generate()
}

// CheckDocument says why a text is neither a domain nor CloudInitData that rules can be found for.
func CheckDocument(src []byte) (err error) {
	if bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) {
		_, err = cloudinit.Parse(src)
		return err
	}
	_, err = parse("the domain", src)
	return err
}

func parse(what string, src []byte) (*document.Document, error) {
	d, err := document.Parse(src)
	if err != nil {
		return nil, fmt.Errorf("cannot parse %s: %w", what, err)
	}
	if e := d.Element(); e.Data != "domain" || e.NamespaceURI != "" {
		return nil, fmt.Errorf("the root element of %s is %.40q instead of <domain>", what, e.Data)
	}
	return d, nil
}

// generator plans rules until the engine makes of the given domain what is wanted.
type generator struct {
	ctx         context.Context
	before, vmi []byte
	a, b        *document.Document
	levels      map[*xmlquery.Node]int // of the planner
	notes       []string
}

func (g *generator) generate() (*Domain, error) {
	var failure error
	for range maxAttempts {
		if err := context.Cause(g.ctx); err != nil {
			return nil, err
		}
		root := g.compare()
		l := newPlanner(g.levels)
		l.plan(root)
		if l.fewest() > bundle.MaxRules {
			return nil, errTooMany
		}
		out, at, err := g.try(root, l.rules)
		if err == nil {
			if general := g.generalise(root, l); general != nil {
				out = general
			}
			if len(l.rules) > bundle.MaxRules {
				return nil, cmp.Or(context.Cause(g.ctx), errTooMany)
			}
			return &Domain{Rules: rulesOf(l.rules), Output: out, Notes: g.notes}, nil
		}
		failure = err
		for _, p := range at {
			if !g.escalate(p) {
				return nil, explained(p, err)
			}
		}
		if len(at) == 0 {
			return nil, err
		}
	}
	return nil, failure
}

// compare finds how the domain before becomes the wanted one. Devices that stand elsewhere among other kinds
// stay where they are: to move one is to remove it and to add it anew.
func (g *generator) compare() *pair {
	root := newDigests().compare(g.a.Element(), g.b.Element(), nil)
	for _, p := range root.kept {
		if isDevices(p.b) && g.reorder(p) {
			return newDigests().compare(g.a.Element(), g.b.Element(), nil)
		}
	}
	return root
}

func rulesOf(all []planned) []DomainRule {
	rules := make([]DomainRule, len(all))
	for i := range all {
		rules[i] = all[i].DomainRule
	}
	return rules
}

// maxXML is the longest xml or value of a rule that the API takes, in characters.
const maxXML = 65536

// try applies the rules as KubeVirt has them applied, and compares. On an error it tells
// the pairs to edit in another way; none where that would not help. More rules than a patch holds are
// tried as several patches, one after the other: fewer may come of them.
func (g *generator) try(root *pair, rules []planned) (out []byte, at []*pair, err error) {
	if len(rules) == 0 {
		return nil, nil, fmt.Errorf("%w that a patch can express: %s", ErrEqual, strings.Join(g.notes, "; "))
	}
	for i := range rules {
		if r := &rules[i]; len(r.XML) > maxXML || r.Value != nil && len(*r.Value) > maxXML {
			return nil, nil, fmt.Errorf("%s: a rule would hold more than %d bytes, more than a DomainPatch may", rules[i].at.place(), maxXML)
		}
	}
	b := bundleOf(rules)
	program, err := patch.Compile(b)
	if err != nil {
		return failed(b, rules, err)
	}
	out, report, err := program.Domain(g.ctx, g.before, g.vmi, nil)
	if err != nil {
		return failed(b, rules, err)
	}
	again, _, err := program.Domain(g.ctx, out, g.vmi, report)
	if err != nil {
		return failed(b, rules, err)
	}
	got, err := parse("the result", out)
	if err != nil {
		return nil, nil, err
	}
	if wrong := differences(g.b.Element(), got.Element()); len(wrong) > 0 {
		var at []*pair
		for _, n := range wrong {
			at = append(at, root.find(n))
		}
		return nil, at, fmt.Errorf("%s: no rule was found that makes it what it should be", document.Location(wrong[0], ""))
	}
	if !bytes.Equal(out, again) {
		return nil, nil, errors.New("KubeVirt repeats the hook in the course of one boot, and the rules found would change their own result")
	}
	return out, nil, nil
}

// bundleOf are patches with the rules, each with as many as it holds.
func bundleOf(rules []planned) *bundle.Bundle {
	b := &bundle.Bundle{FormatVersion: bundle.FormatVersion}
	for i := range rules {
		if i%bundle.MaxRules == 0 {
			name := fmt.Sprintf("generated-%d", i/bundle.MaxRules)
			b.Patches = append(b.Patches, bundle.Patch{Kind: bundle.KindDomainPatch, Namespace: "generated", Name: name, FailurePolicy: bundle.Fail})
		}
		last := &b.Patches[len(b.Patches)-1]
		last.Domain = append(last.Domain, rules[i].DomainRule.DomainRule)
	}
	return b
}

var ruleField = regexp.MustCompile(`^spec\.domain\[(\d+)\]`)

// failed finds the rule that an error is about, and tells its place.
func failed(b *bundle.Bundle, rules []planned, err error) ([]byte, []*pair, error) {
	for _, e := range patch.Errors(err) {
		if m := ruleField.FindStringSubmatch(e.Field); m != nil {
			i, _ := strconv.Atoi(m[1]) // the pattern has digits alone
			before := slices.IndexFunc(b.Patches, func(p bundle.Patch) bool { return p.ID() == e.Patch })
			r := &rules[before*bundle.MaxRules+i]
			return nil, []*pair{r.at}, fmt.Errorf("%s: no rule was found that KubeVirt's passes leave alone: op %s with path %s: %w", r.at.place(), r.Op, r.Path, e.Err)
		}
	}
	return nil, nil, err
}

// differences are the innermost elements of the wanted document that the other one lacks or
// has otherwise.
func differences(want, got *xmlquery.Node) []*xmlquery.Node {
	if equal(want, got) {
		return nil
	}
	x, y := document.Elements(want), document.Elements(got)
	if !slices.EqualFunc(x, y, func(m, n *xmlquery.Node) bool { return nameOf(m) == nameOf(n) }) {
		return []*xmlquery.Node{want}
	}
	var all []*xmlquery.Node
	for i := range x {
		all = append(all, differences(x[i], y[i])...)
	}
	if len(all) == 0 {
		return []*xmlquery.Node{want}
	}
	return all
}

// find is the pair of the wanted element, or of the one that it is in.
func (p *pair) find(n *xmlquery.Node) *pair {
	var above []*xmlquery.Node
	for ; n != nil && n != p.b; n = n.Parent {
		above = append(above, n)
	}
	for i := len(above) - 1; i >= 0; i-- {
		next := p.partner[above[i]]
		if next == nil {
			break
		}
		p = next
	}
	return p
}

// escalate has an element edited in a coarser way, or one above it; false where there is none.
func (g *generator) escalate(p *pair) bool {
	for ; p != nil; p = p.parent {
		last := replaced
		switch {
		case isRoot(p.b), isDevices(p.b):
			last = plain
		case schema.Of(p.b) == nil:
			last = remade
		}
		if g.levels[p.b] < last {
			g.levels[p.b]++
			return true
		}
		if last == plain && g.reorder(p) {
			return true
		}
	}
	return false
}

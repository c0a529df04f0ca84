// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/config"
	"github.com/domainpatch/domainpatch/controllers/conflict"
	"github.com/domainpatch/domainpatch/controllers/crd"
	"github.com/domainpatch/domainpatch/controllers/offline"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// Options say against what patches are checked. The zero value checks against the default policy.
type Options struct {
	// Disabled are codes of warnings that are not wanted, by ID.
	Disabled []string
	// Policies limit the DomainPatches, instead of the default policy if there is any.
	Policies []v1alpha1.DomainPatchPolicy
	// Namespaces are the labels of all namespaces by name, where they are known: policies then
	// limit the namespaces that they select. If nil, all policies limit all namespaces.
	Namespaces map[string]map[string]string
	// VMIs are those of the cluster, where they are known: conflicts are then found of patches that
	// they bind, too.
	VMIs []conflict.VMI
	// VMs are those of the files, which patches are tried on, and Labels those of the files' namespaces
	// by name. There may be more of both.
	VMs    []offline.VM
	Labels map[string]map[string]string
	// Plugins tells that KubeVirt Plugins are in the cluster.
	Plugins bool
}

// Among adds what objects of the same files say about each other: policies, namespaces and VMs.
func (o *Options) Among(objects offline.Objects) {
	o.Policies = append(o.Policies, objects.Policies...)
	for _, n := range objects.Namespaces {
		if o.Labels == nil {
			o.Labels = map[string]map[string]string{}
		}
		o.Labels[n.Name] = offline.NamespaceLabels(n.Name, n.Labels)
	}
	o.VMs = append(o.VMs, objects.VMs()...)
}

// Linter lints objects one by one. It is not safe for concurrent use.
type Linter struct {
	options    Options
	limits     []*patch.Limits    // of Options.Policies
	byDefault  bool               // these are the default policy's
	parsed     map[int]*patch.VMI // of Options.VMs, by the index
	domains    []*document.Document
	seen       map[string]offline.Position // where the objects were, by ID
	remembered []*remembered
	findings   []Finding
	silenced   int
	from       int // the first finding of the file that is read
}

// New returns a Linter. A policy that does not compile limits nothing; it is refused where it is
// linted itself.
func New(options Options) (*Linter, error) {
	for _, id := range options.Disabled {
		if c := Find(id); c == nil || c.Severity == Error {
			return nil, fmt.Errorf("%q is not the code of a warning", id)
		}
	}
	l := &Linter{options: options, seen: map[string]offline.Position{}, parsed: map[int]*patch.VMI{}}
	l.options.VMs = slices.Clone(options.VMs)
	markPieces(l.options.VMs)
	if options.Policies == nil {
		objects, _, err := offline.ParseObjects("default.yaml", config.DefaultPolicy)
		if err != nil {
			return nil, err
		}
		l.options.Policies, l.byDefault = objects.Policies, true
	}
	for i := range l.options.Policies {
		program, err := render.CompiledPolicy(&l.options.Policies[i])
		if err != nil {
			program = nil
		}
		l.limits = append(l.limits, limitsOf(program))
	}
	return l, nil
}

func limitsOf(p *patch.Program) *patch.Limits {
	if p == nil {
		return nil
	}
	return p.Limits()
}

// Domain gives the domain XML of a VM, which rules are tried on from then on.
func (l *Linter) Domain(xml []byte) error {
	d, err := document.Parse(xml)
	if err == nil {
		l.domains = append(l.domains, d)
	}
	return err
}

// ForgetDomains ends what Domain began.
func (l *Linter) ForgetDomains() { l.domains = nil }

// Read lints a file, given as bytes: its patches and policies, and the mistakes for which it could
// not be read. It returns what else the file holds, as "FILE: KIND NAME".
func (l *Linter) Read(file string, data []byte) (skipped []string) {
	l.from = len(l.findings)
	objects, skipped, err := offline.ParseObjects(file, data)
	l.mistakes(Unreadable, offline.Mistakes(err), nil)
	l.Objects(objects)
	return l.unused(skipped)
}

// Objects lints objects that were read.
func (l *Linter) Objects(objects offline.Objects) {
	times := map[string]int{}
	next := func(id string) *offline.Origin { // of objects with one name, one after the other
		origins := objects.Origins(id)
		times[id]++
		if n := times[id]; n <= len(origins) {
			return origins[n-1]
		}
		return nil
	}
	for _, p := range render.Patches(objects.Patches, objects.ClusterPatches) {
		l.patch(p, next(p.ID()))
	}
	for i := range objects.Policies {
		p := &objects.Policies[i]
		l.policy(p, next((&bundle.Policy{Name: p.Name}).ID()))
	}
}

// Findings are all findings so far, with those that concern several objects, by file and line.
// Silenced tells how many more there were that annotations silence.
func (l *Linter) Findings() (findings []Finding, silenced int) {
	conflicts, silenced := l.conflicts()
	references, silencedThere := l.references()
	findings = slices.Concat(l.findings, conflicts, references)
	Sort(findings)
	return findings, l.silenced + silenced + silencedThere
}

// subject is one object that is looked at.
type subject struct {
	*Linter
	id      string
	origin  *offline.Origin
	patch   render.Patch // of a patch
	program *patch.Program
	places  []patch.RulePlaces // what its domain rules write
	paths   [][]*selector.Path // what they select, see pathsOf
	silent  map[string]bool    // codes that its annotations silence
}

// patchChecks are run on patches that compile, in this order.
var patchChecks = []func(*subject){
	checkVMAPI, checkPlugins, checkOwned, checkPositions, checkNames, checkMatches, checkPolicies, checkSecrets,
	checkHotplug, checkOpenVariables, checkProtection, checkSelector, checkUnused, checkOverwritten,
	checkVMs, checkRefusals, checkMTU,
}

func (l *Linter) patch(p render.Patch, origin *offline.Origin) {
	s := &subject{Linter: l, id: p.ID(), origin: origin, patch: p}
	s.object(p.Object.GetAnnotations())
	program, err := render.Compile(p)
	refused := s.schema(p.Kind)
	l.mistakes(DoesNotCompile, s.located(err), refused)
	if err != nil {
		return
	}
	s.program, s.places, s.paths = program, program.Places(), pathsOf(p.Spec.Domain)
	for _, check := range patchChecks {
		check(s)
	}
	l.remember(s)
}

func (l *Linter) policy(p *v1alpha1.DomainPatchPolicy, origin *offline.Origin) {
	s := &subject{Linter: l, id: (&bundle.Policy{Name: p.Name}).ID(), origin: origin}
	s.object(p.Annotations)
	program, err := render.CompiledPolicy(p)
	refused := s.schema(bundle.KindDomainPatchPolicy)
	l.mistakes(DoesNotCompile, s.located(err), refused)
	if err == nil {
		s.program = program
		checkWidePolicy(s, p)
		checkAllowedNames(s, p)
	}
}

// object looks at what all objects have.
func (s *subject) object(annotations map[string]string) {
	if at, twice := s.seen[s.id]; twice {
		message := s.id + " is given twice"
		if at.Line > 0 {
			message += ", first at " + at.String()
		}
		s.report(GivenTwice, "metadata.name", 0, message, "")
	} else {
		s.seen[s.id] = s.origin.Position("metadata.name", 0)
	}
	s.silences(annotations)
}

// schema reports what the API server refuses, and returns the fields.
func (s *subject) schema(kind string) (fields []string) {
	if s.origin.JSON() == nil {
		return nil
	}
	mistakes, err := crd.Validate(kind, s.origin.JSON())
	if err != nil {
		return nil // what is no object was told where it was read
	}
	for _, m := range mistakes {
		if !s.told(m.Field) {
			s.report(Refused, m.Field, 0, m.Reason, "")
		}
		fields = append(fields, m.Field)
	}
	return fields
}

// told says whether a mistake of the field was reported already.
func (s *subject) told(field string) bool {
	return slices.ContainsFunc(s.findings[s.from:], func(f Finding) bool {
		return f.Severity == Error && f.Object == s.id && (f.Field == field || field == "" || f.Field == "" && f.Code == Unreadable)
	})
}

// located gives the errors of Compile their places.
func (s *subject) located(err error) (all []offline.Mistake) {
	found := patch.Errors(err)
	if err != nil && len(found) == 0 {
		return []offline.Mistake{{Object: s.id, Position: s.origin.Position("", 0), Reason: render.Line(err)}}
	}
	for _, e := range found {
		at := s.origin.Position(e.Field, e.Offset())
		all = append(all, offline.Mistake{Position: at, Object: e.Patch, Field: e.Field, Rule: e.Rule,
			Reason: strings.ReplaceAll(e.Err.Error(), "\n", "; "), Excerpt: s.origin.Excerpt(at)})
	}
	return all
}

// mistakes reports errors, but those of fields that are refused already.
func (l *Linter) mistakes(code *Code, mistakes []offline.Mistake, refused []string) {
	for _, m := range mistakes {
		if m.Field != "" && slices.ContainsFunc(refused, func(field string) bool {
			return field == m.Field || strings.HasPrefix(field, m.Field+".") || strings.HasPrefix(m.Field, field+".")
		}) {
			continue
		}
		l.findings = append(l.findings, Finding{Code: code, Position: m.Position, Object: m.Object, Field: m.Field,
			Message: m.Reason, Fix: code.Fix, Excerpt: withoutSecret(m.Excerpt)})
	}
}

// warn reports a warning at a field.
func (s *subject) warn(code *Code, field, message, fix string) {
	s.warnAt(code, field, 0, message, fix)
}

// warnAt reports a warning at an offset in the text of a field.
func (s *subject) warnAt(code *Code, field string, offset int, message, fix string) {
	s.report(code, field, offset, message, fix)
}

// report adds a finding, unless it is not wanted.
func (s *subject) report(code *Code, field string, offset int, message, fix string) {
	if slices.ContainsFunc(s.options.Disabled, func(id string) bool { return Find(id) == code }) {
		return
	}
	if s.silent[code.ID] {
		s.silenced++
		return
	}
	at := s.origin.Position(field, offset)
	f := Finding{Code: code, Position: at, Object: s.id, Field: field, Message: message, Fix: fix, Excerpt: withoutSecret(s.origin.Excerpt(at))}
	if code == Secret {
		f.Excerpt = ""
	}
	if fix == "" {
		f.Fix = code.Fix
	}
	s.findings = append(s.findings, f)
}

// silences reads the annotations that silence warnings.
func (s *subject) silences(annotations map[string]string) {
	s.silent = map[string]bool{}
	for key, reason := range annotations {
		id, ok := strings.CutPrefix(key, v1alpha1.LintAnnotationPrefix)
		if !ok {
			continue
		}
		field := "metadata.annotations." + key
		switch c := Find(id); {
		case c == nil || c.ID != id:
			s.report(BadSilence, field, 0, fmt.Sprintf("%.40q is no code of lint", id), "")
		case c.Severity == Error:
			s.report(BadSilence, field, 0, id+" is an error, which cannot be silenced", "correct what it tells of")
		case strings.TrimSpace(reason) == "":
			s.report(BadSilence, field, 0, "the annotation gives no reason", "")
		default:
			s.silent[id] = true
		}
	}
}

// eachPlace goes through what the domain rules write on purpose, until look says that it has seen
// enough of the rule.
func (s *subject) eachPlace(look func(*patch.RulePlaces, *patch.Place) (more bool)) {
	for i := range s.places {
		rule := &s.places[i]
		for j := range rule.Places {
			if p := &rule.Places[j]; !p.Incidental && !look(rule, p) {
				break
			}
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/render"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// checkPolicies finds rules that no policy allows, whatever the domain is.
func checkPolicies(s *subject) {
	if s.patch.Kind != bundle.KindDomainPatch {
		return
	}
	limits, name := s.limitsHere()
	if len(limits) == 0 {
		return
	}
	for i := range s.places {
		rule := &s.places[i]
		if !rule.Denied(limits...) {
			continue
		}
		place, last := "", ""
		for j := range rule.Places {
			if p := &rule.Places[j]; !p.Incidental && place == "" {
				place, last = p.String(), lastName(p.Shape())
			}
		}
		field, offset := s.textWith(ruleIndex(rule), last)
		s.warnAt(Denied, field, offset, fmt.Sprintf("%s does not allow %s", name, place), "")
	}
}

// limitsHere are those of the policies that select the namespace of the patch; none where there is
// no policy or where what it allows is not known.
func (s *subject) limitsHere() (limits []*patch.Limits, name string) {
	var names []string
	for i := range s.options.Policies {
		p := &s.options.Policies[i]
		if s.options.Namespaces != nil {
			here := render.Namespace{Name: s.patch.Namespace, Labels: s.options.Namespaces[s.patch.Namespace]}
			if len(render.Policies(here, s.options.Policies[i:i+1])) == 0 {
				continue
			}
		}
		if s.limits[i] == nil {
			return nil, ""
		}
		limits, names = append(limits, s.limits[i]), append(names, p.Name)
	}
	switch {
	case s.byDefault:
		return limits, "the default DomainPatchPolicy"
	case len(names) == 1:
		return limits, "DomainPatchPolicy " + names[0]
	}
	return limits, fmt.Sprintf("none of %d DomainPatchPolicies: it", len(names))
}

// checkSelector finds patches that every VM gets.
func checkSelector(s *subject) {
	selector := s.patch.Spec.Selector
	if selector == nil || !isEmpty(selector) || len(s.patch.Spec.MatchConditions) > 0 {
		return
	}
	of := "every VM of the namespace"
	if cdp, ok := s.patch.Object.(*v1alpha1.ClusterDomainPatch); ok {
		if !isEmpty(cdp.Spec.NamespaceSelector) {
			return
		}
		of = "every VM of the cluster"
	}
	s.warn(SelectsAll, "spec.selector", "the empty selector gives the patch to "+of, "")
}

// fromOwner is what reads an annotation or a label of the VM, which its owner writes.
var fromOwner = lazyregexp.New(`vmi\s*\.\s*metadata\s*\.\s*(annotations|labels)\b`)

// catchAll are patterns that let every text of one line through.
var catchAll = []string{".*", ".+", "(?s).*", "(?s).+", `[\s\S]*`, `[\s\S]+`}

// checkOpenVariables finds what a VM's owner can put into a domain by a patch of the admin's, whom
// no policy limits.
func checkOpenVariables(s *subject) {
	if s.patch.Kind != bundle.KindClusterDomainPatch {
		return
	}
	for i := range s.patch.Spec.Variables {
		v := &s.patch.Spec.Variables[i]
		field := fmt.Sprintf("spec.variables[%d]", i)
		switch {
		case !fromOwner().MatchString(v.Expression) || !isText(v.Expression):
		case v.Pattern == "":
			s.warn(OpenVariable, field+".expression", fmt.Sprintf("the owner of the VM decides what variable %s holds, and no pattern limits it", v.Name), "")
		case slices.Contains(catchAll, v.Pattern):
			s.warn(OpenVariable, field+".pattern", fmt.Sprintf("the owner of the VM decides what variable %s holds, and its pattern lets everything through", v.Name), "")
		}
	}
	for i := range s.patch.Spec.Domain {
		if e := s.patch.Spec.Domain[i].Expression; fromOwner().MatchString(e) && isText(e) {
			s.warn(OpenVariable, fmt.Sprintf("spec.domain[%d].expression", i), "the owner of the VM decides what the rule writes",
				"take the value from a variable with a pattern")
		}
	}
}

// noText is an expression that gives a number or a truth.
var noText = lazyregexp.New(`^\s*(int|double|uint|bool|size|has)\s*\(`)

// isText says whether an expression may give text that its author did not choose: it neither
// compares nor converts to a number.
func isText(expression string) bool {
	return !noText().MatchString(expression) &&
		!strings.Contains(expression, " ? '") && !strings.Contains(expression, ` ? "`)
}

// checkProtection finds rules that protect, of patches that a VM may go without.
func checkProtection(s *subject) {
	if s.patch.Spec.FailurePolicy != v1alpha1.FailurePolicyIgnore {
		return
	}
	protection := []string{"/domain/launchSecurity", "/domain/devices/tpm", "/domain/seclabel", "/domain/os/loader/@secure",
		"/domain/features/smm", "/domain/devices/interface/filterref", "/domain/devices/interface/port", "/domain/devices/disk/readonly", "/domain/os/firmware"}
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		shape := p.Shape()
		if p.Removed || !slices.ContainsFunc(protection, func(at string) bool { return shape == at || strings.HasPrefix(shape, at+"/") }) {
			return true
		}
		s.warn(IgnoresSecurity, rule.Field, "failurePolicy Ignore starts the VM without "+shape+" where the patch fails", "")
		return false
	})
}

// checkUnused finds variables that nothing reads.
func checkUnused(s *subject) {
	spec := s.patch.Spec
	for i := range spec.Variables {
		name := spec.Variables[i].Name
		read := regexp.MustCompile(`variables\s*\.\s*` + regexp.QuoteMeta(name) + `\b|variables\s*\[|\$\(` + regexp.QuoteMeta(name) + `\)`)
		if !slices.ContainsFunc(s.texts(), func(t textField) bool {
			return t.field != fmt.Sprintf("spec.variables[%d].expression", i) && read.MatchString(t.text)
		}) {
			s.warn(UnusedVariable, fmt.Sprintf("spec.variables[%d].name", i), "nothing reads the variable "+name, "")
		}
	}
}

// textField is a text of a patch.
type textField struct{ field, text string }

// texts are all texts of the patch that the engine reads or writes.
func (s *subject) texts() (all []textField) {
	add := func(field, text string) {
		if text != "" {
			all = append(all, textField{field, text})
		}
	}
	spec := s.patch.Spec
	for i := range spec.MatchConditions {
		add(fmt.Sprintf("spec.matchConditions[%d].expression", i), spec.MatchConditions[i].Expression)
	}
	for i := range spec.Variables {
		add(fmt.Sprintf("spec.variables[%d].expression", i), spec.Variables[i].Expression)
	}
	for i := range spec.Domain {
		r, field := &spec.Domain[i], fmt.Sprintf("spec.domain[%d].", i)
		add(field+"path", r.Path)
		add(field+"xml", r.XML)
		add(field+"expression", r.Expression)
		add(field+"when", r.When)
		if r.Value != nil {
			add(field+"value", *r.Value)
		}
	}
	for i := range spec.CloudInit {
		r, field := &spec.CloudInit[i], fmt.Sprintf("spec.cloudInit[%d].", i)
		add(field+"path", r.Path)
		add(field+"value", string(r.Value.Raw))
		add(field+"yaml", r.YAML)
		add(field+"expression", r.Expression)
		add(field+"when", r.When)
	}
	return all
}

// reaching are rules that reach out of the VM, by what they do.
var reaching = []struct{ path, what string }{
	{"/domain/devices/emulator", "run a program of the pod as the VM"},
	{"/domain/qemu:commandline", "give QEMU any argument"},
	{"/domain/os/loader", "run firmware from any file of the pod"},
	{"/domain/os/nvram", "write any file of the pod"},
	{"/domain/os/kernel", "read any file of the pod"},
	{"/domain/devices/disk/source/@file", "open any file of the pod"},
	{"/domain/devices/disk/source/@dev", "open any device of the pod"},
	{"/domain/devices/interface/script/@path", "run a program of the pod"},
	{"/domain/devices/interface/source/@path", "open any socket of the pod"},
	{"/domain/devices/serial/source/@path", "write any file of the pod"},
	{"/domain/devices/hostdev", "use devices of the node"},
	{"/domain/devices/graphics/listen/@address", "open the VM's display to the network"},
	{"/domain/devices/filesystem/source/@dir", "share any folder of the pod with the guest"},
	{"/domain/seclabel", "change the security label of the container"},
	{"/domain/memory", "take more memory than the pod has"},
	{"/domain/name", "take another VM's name"},
}

// checkWidePolicy finds what a policy allows that reaches out of the VM.
func checkWidePolicy(s *subject, p *v1alpha1.DomainPatchPolicy) {
	for i := range p.Spec.Allow {
		one := p.DeepCopy()
		one.Spec.Allow = one.Spec.Allow[i : i+1]
		program, err := render.CompiledPolicy(one)
		if err != nil {
			continue
		}
		var may []string
		for j, places := range reachingPlaces() {
			if !places.Denied(program.Limits()) {
				may = append(may, reaching[j].what)
			}
		}
		if len(may) > 0 {
			more := ""
			if len(may) > 1 {
				more = fmt.Sprintf(", and %d things more of that kind", len(may)-1)
			}
			s.warn(WidePolicy, fmt.Sprintf("spec.allow[%d].path", i), "this lets tenants "+may[0]+more, "")
		}
	}
}

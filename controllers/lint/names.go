// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

//go:embed libvirt.txt
var libvirtText string

// libvirtNames are the names that libvirt knows, wherever they may stand.
var libvirtNames = sync.OnceValue(func() (names struct{ elements, attributes map[string]bool }) {
	names.elements, names.attributes = map[string]bool{}, map[string]bool{}
	into := names.elements
	for line := range strings.Lines(libvirtText) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "#"), line == "elements":
		case line == "attributes":
			into = names.attributes
		default:
			for _, name := range strings.Fields(line) {
				into[name] = true
			}
		}
	}
	return names
})

// checkNames finds names that look like another one, spelt wrong.
func checkNames(s *subject) {
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		wrong, meant := misspelt(p.Shape())
		if meant == "" {
			return true
		}
		field, offset := s.textWith(ruleIndex(rule), wrong)
		s.warnOfName(field, offset, p.Shape(), wrong, meant)
		return false
	})
}

// checkAllowedNames is checkNames of the paths that a policy allows: one that is spelt wrong allows nothing that is meant.
func checkAllowedNames(s *subject, p *v1alpha1.DomainPatchPolicy) {
	for i, allowed := range p.Spec.Allow {
		path, err := selector.Compile(allowed.Path)
		if err != nil {
			continue
		}
		for _, alternative := range path.Alternatives() {
			shape := plainShape(alternative.Steps())
			if wrong, meant := misspelt(shape); meant != "" {
				s.warnOfName(fmt.Sprintf("spec.allow[%d].path", i), max(strings.LastIndex(allowed.Path, wrong), 0), shape, wrong, meant)
				break
			}
		}
	}
}

// plainShape is the shape of what a path selects, as far as its steps go down by one name each.
func plainShape(steps []selector.Step) (shape string) {
	for i := range steps {
		step := &steps[i]
		switch {
		case !step.Named() || step.Prefix != "" || step.Descendant:
			return shape
		case step.Kind == selector.Attribute:
			return shape + "/@" + step.Local
		case step.Kind != selector.Child:
			return shape
		}
		shape += "/" + step.Local
	}
	return shape
}

func (s *subject) warnOfName(field string, offset int, shape, wrong, meant string) {
	s.warnAt(UnknownName, field, offset, fmt.Sprintf("neither libvirt nor KubeVirt knows %s in %s: did you mean %s?", wrong, shape, meant),
		"write "+meant+" instead of "+wrong)
}

// textWith finds a name in the XML of a rule or, where it has none, in its path.
func (s *subject) textWith(rule int, name string) (field string, offset int) {
	r, field := &s.patch.Spec.Domain[rule], fmt.Sprintf("spec.domain[%d]", rule)
	if r.XML != "" {
		return field + ".xml", max(strings.Index(r.XML, name), 0)
	}
	if r.Path != "" {
		return field + ".path", max(strings.LastIndex(r.Path, name), 0)
	}
	return field, 0
}

// misspelt finds the first name in the shape of a place that neither libvirt nor KubeVirt knows
// and that differs little from one that they do; empty for none.
func misspelt(shape string) (wrong, meant string) {
	if strings.ContainsAny(shape, ":*[") || strings.Contains(shape, "//") {
		return "", ""
	}
	var element *schema.Element
	for i, name := range strings.Split(strings.TrimPrefix(shape, "/"), "/") {
		attribute, isAttribute := strings.CutPrefix(name, "@")
		switch {
		case i == 0 && name == "domain":
			element = schema.Domain()
			continue
		case isAttribute:
			if !libvirtNames().attributes[attribute] && !element.Keeps("", attribute) {
				return attribute, nearest(attribute, attributesOf(element), libvirtNames().attributes)
			}
			continue
		case !libvirtNames().elements[name] && element.Child("", name) == nil:
			return name, nearest(name, childrenOf(element), libvirtNames().elements)
		}
		element = element.Child("", name)
	}
	return "", ""
}

func attributesOf(e *schema.Element) (names []string) {
	for _, a := range e.Attributes() {
		names = append(names, a.Name)
	}
	return names
}

func childrenOf(e *schema.Element) (names []string) {
	for i := range e.Children() {
		names = append(names, e.Children()[i].Name)
	}
	return names
}

// nearest finds the name that differs least, first among those of the same place.
func nearest(name string, here []string, anywhere map[string]bool) string {
	if found := among(name, here); found != "" {
		return found
	}
	var all []string
	for known := range anywhere {
		all = append(all, known)
	}
	slices.Sort(all)
	return among(name, all)
}

func among(name string, known []string) (found string) {
	// Short names resemble each other.
	best := 1 + min(len(name)/4, 2)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k), best); d < best {
			best, found = d, k
		}
	}
	return found
}

// distance is how many characters must be inserted, removed, changed or swapped with the next to
// make one name of the other (optimal string alignment); limit or more for too many.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit || len(a) > 64 || len(b) > 64 {
		return limit
	}
	var rows [3][66]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := range len(a) {
		before, last, now := &rows[(i+2)%3], &rows[i%3], &rows[(i+1)%3]
		now[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			now[j+1] = min(last[j+1]+1, now[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}

// checkOverwritten finds rules whose every place a later rule writes again.
func checkOverwritten(s *subject) {
	later := map[string]string{} // the field of the rule that writes a place for sure, by place
	for i := len(s.places) - 1; i >= 0; i-- {
		rule := &s.places[i]
		over, written := "", 0
		for j := range rule.Places {
			p := &rule.Places[j]
			if p.Incidental {
				continue
			}
			written++
			by := later[p.String()]
			if by == "" || !p.IsCertain() || p.IsElement() {
				over = ""
				break
			}
			over = by
		}
		if over != "" && written > 0 {
			s.warn(Overwritten, rule.Field, over+" writes the same place later, so that this rule has no effect", "")
		}
		if rule.Unknown != "" || s.reads(i) {
			clear(later)
			continue
		}
		for j := range rule.Places {
			if p := &rule.Places[j]; !rule.Optional && !p.Incidental && p.IsCertain() && p.Value != nil {
				later[p.String()] = rule.Field
			}
		}
	}
}

// reads says whether a rule depends on what the rules above it wrote.
func (s *subject) reads(i int) bool {
	r := &s.patch.Spec.Domain[i]
	return r.Op == v1alpha1.DomainOpTest || r.Expression != "" || r.When != ""
}

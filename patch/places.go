// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

const (
	// PlacesListed is how many places of one rule are listed.
	PlacesListed = 1024
	// stepsListed is how many elements may stand above a place that is listed.
	stepsListed = 32
)

// RulePlaces is what one domain rule may write, as far as the patch alone tells, without a
// domain at hand.
type RulePlaces struct {
	Patch string // "DomainPatch vms/acme-smbios"
	Field string // "spec.domain[2]"
	Name  string
	// Optional tells that the patch may do without the rule: it has a when, its expression
	// may be null, or its path may select nothing.
	Optional bool
	// Unknown is why the places cannot be told; empty where Places are all of them.
	Unknown string
	// Places are where the rule may write. Those that are Incidental come with others.
	Places []Place
}

// Place is a part of the domain that a rule writes: all nodes that a path selects.
type Place struct {
	steps     []placeStep // elements from the root on
	part      placePart
	attribute string // its name, for partAttribute; "*" for any
	loose     bool   // see placeStep

	// Value is the text that the place gets; nil where it is known only when a VM starts.
	Value *string
	// Removed tells that the place is removed.
	Removed bool
	// Incidental tells that the place is written along with others, if it is: what tells an
	// element apart that set creates, or the whole of an element that may be new.
	Incidental bool
	// within tells that the place is a part of a device that is new as a whole, and listed.
	within bool
}

// placePart is the part of an element that a place is.
type placePart int

const (
	partElement   placePart = iota // with all that is in it
	partExistence                  // that there is one, which holds nothing
	partAttribute
	partText
)

// placeStep is one element on the way to a place.
type placeStep struct {
	namespace, name string // no name is any
	descendant      bool   // any number of elements may stand before it
	conditions      []selector.Condition
	holds           []selector.Condition // equalities that hold besides, of an element that the rule brings
	// loose tells that the conditions do not say which element it is: two places of one
	// spelling may be different ones.
	loose bool
}

// Places lists what the domain rules of the program write, rule by rule. Tests write nothing.
func (p *Program) Places() []RulePlaces {
	var all []RulePlaces
	for i := range p.patches {
		c := &p.patches[i]
		for j := range c.domain {
			all = append(all, c.domain[j].rulePlaces(c.source.ID()))
		}
	}
	return all
}

// String is a path that selects the place, and perhaps more where the place is not certain.
func (p *Place) String() string { return p.spell(func(int, int) bool { return true }) }

// Shape is the path without its conditions: the names on the way, such as
// /domain/devices/disk/driver/@cache. The text of an element has the shape of the element.
func (p *Place) Shape() string { return p.spell(func(int, int) bool { return false }) }

// IsCertain says whether places of one spelling are the same nodes of a domain.
func (p *Place) IsCertain() bool { return p.isExact() }

// IsElement says whether the place is an element with all that is in it.
func (p *Place) IsElement() bool { return p.part == partElement }

// spell writes the path with the conditions that keep asks for, by the numbers of step and
// condition.
func (p *Place) spell(keep func(step, condition int) bool) string {
	text := spellSteps(p.steps, keep)
	if p.part == partAttribute {
		text += "/@" + p.attribute
	}
	return text
}

func spellSteps(steps []placeStep, keep func(step, condition int) bool) string {
	var b strings.Builder
	for i := range steps {
		s := &steps[i]
		b.WriteString("/")
		if s.descendant {
			b.WriteString("/")
		}
		b.WriteString(s.qualifiedName())
		var conditions []selector.Condition
		for j, c := range s.conditions {
			if keep(i, j) {
				conditions = append(conditions, c)
			}
		}
		if len(conditions) > 0 {
			b.WriteString("[" + selector.Join(conditions) + "]")
		}
	}
	return b.String()
}

// qualifiedName is the name as a path writes it.
func (s *placeStep) qualifiedName() string {
	switch {
	case s.name == "":
		return "*"
	case s.namespace == document.QEMUNamespace:
		return "qemu:" + s.name
	case s.namespace == document.KubeVirtNamespace:
		return "kubevirt:" + s.name
	case s.namespace != "":
		return fmt.Sprintf("*[local-name()='%s']", s.name)
	}
	return s.name
}

// isDevice says whether the place is a device as a whole, which policies allow as such alone.
func (p *Place) isDevice() bool {
	n := len(p.steps)
	return p.part == partElement && n > 1 && p.steps[n-2].isDevices() && !p.steps[n-1].descendant
}

func (s *placeStep) isDevices() bool { return s.name == "devices" && s.namespace == "" }

// isExact says whether the path says for sure which nodes the place is.
func (p *Place) isExact() bool {
	return !p.loose && p.attribute != "*" && !slices.ContainsFunc(p.steps, func(s placeStep) bool {
		return s.loose || s.descendant || s.name == ""
	})
}

// Dropped says whether the rule writes anything that KubeVirt's schema does not hold.
func (r *RulePlaces) Dropped() bool {
	return slices.ContainsFunc(r.Places, func(p Place) bool { return p.Dropped() })
}

// Dropped says whether KubeVirt's schema holds no such place, so that what is written there
// does not survive where KubeVirt rebuilds the domain; false also where it cannot be told.
func (p *Place) Dropped() bool {
	if p.Removed || p.Incidental || p.attribute == "*" {
		return false
	}
	var kept *schema.Element
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case s.descendant || s.name == "":
			return false
		case i > 0:
			kept = kept.Child(s.namespace, s.name)
		case s.name == "domain":
			kept = schema.Domain()
		}
		if kept == nil {
			return true
		}
	}
	return p.part == partAttribute && !kept.Keeps("", p.attribute) || p.part == partText && !kept.KeepsText()
}

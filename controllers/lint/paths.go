// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// pathsOf are the paths of each rule, by its number; none for a condition of op test.
func pathsOf(rules []v1alpha1.DomainRule) [][]*selector.Path {
	all := make([][]*selector.Path, len(rules))
	for i := range rules {
		if path, err := selector.Compile(rules[i].Path); err == nil {
			all[i] = path.Alternatives()
		}
	}
	return all
}

// pathField is the field with the path of a rule.
func pathField(rule int) string { return fmt.Sprintf("spec.domain[%d].path", rule) }

// checkPositions finds paths that count devices.
func checkPositions(s *subject) {
	for i := range s.patch.Spec.Domain {
		for _, path := range s.paths[i] {
			if name := countedDevice(path.Steps()); name != "" {
				offset := max(strings.Index(s.patch.Spec.Domain[i].Path, name+"["), 0)
				s.warnAt(PositionInList, pathField(i), offset, "the path counts: which "+name+" it selects differs from VM to VM", "")
				break
			}
		}
	}
}

// countedDevice names the device that a path selects by its position; empty for none.
func countedDevice(steps []selector.Step) string {
	for i := range steps {
		step := &steps[i]
		if _, plain := step.Conditions(); plain || step.Kind != selector.Child {
			continue
		}
		isDevice := i > 0 && steps[i-1].Local == "devices"
		if isDevice || step.Descendant && schema.Domain().Child("", "devices").Child("", step.Local) != nil {
			return step.Local
		}
	}
	return ""
}

// checkMatches finds rules whose path selects nothing.
func checkMatches(s *subject) {
	made := map[string]bool{} // shapes of what the rules above write
	for i := range s.patch.Spec.Domain {
		r := &s.patch.Spec.Domain[i]
		nothing := ""
		for _, path := range s.paths[i] {
			reason := s.selectsNothing(r, path, made)
			if reason == "" {
				nothing = ""
				break
			}
			nothing = reason
		}
		if nothing != "" {
			s.warn(MatchesNothing, pathField(i), nothing, "")
		}
		if s.places[i].Unknown != "" {
			return // it may make anything
		}
		for j := range s.places[i].Places {
			if p := &s.places[i].Places[j]; !p.Removed {
				made[p.Shape()] = true
			}
		}
	}
}

// selectsNothing says why a path can select nothing; empty where it may.
func (s *subject) selectsNothing(r *v1alpha1.DomainRule, path *selector.Path, made map[string]bool) string {
	steps := needed(r, path.Steps())
	if reason := notInSchema(steps, made); reason != "" {
		return reason
	}
	if len(s.domains) == 0 || slices.ContainsFunc(path.Literals(), func(text string) bool { return strings.Contains(text, "$(") }) || touches(made, steps) {
		return ""
	}
	at := path.Prefix(len(steps))
	if at == nil {
		return ""
	}
	for _, d := range s.domains {
		nodes, err := at.Select(d, &selector.Budget{Context: context.Background()})
		if err != nil || len(nodes) > 0 {
			return ""
		}
	}
	return "the path selects nothing in the domains that were given"
}

// needed are the steps that something must be there for: op set creates the others.
func needed(r *v1alpha1.DomainRule, steps []selector.Step) []selector.Step {
	if r.Op != v1alpha1.DomainOpSet {
		return steps
	}
	n := len(steps)
	for n > 0 && steps[n-1].Constructible() && (n < 2 || steps[n-2].Local != "devices") {
		n--
	}
	return steps[:n]
}

// notInSchema says what of a path KubeVirt never writes; empty where it may. Nothing is said about
// what rules above write, about libvirt's QEMU namespace, and about paths that do not go down.
func notInSchema(steps []selector.Step, made map[string]bool) string {
	element, shape := (*schema.Element)(nil), ""
	for i := range steps {
		step := &steps[i]
		switch {
		case step.Kind == selector.Attribute && step.Named() && step.Prefix == "" && !step.Descendant:
			if element.Keeps("", step.Local) {
				return ""
			}
			return fmt.Sprintf("%s has no attribute %s in any domain that KubeVirt writes", shape, step.Local)
		case step.Kind != selector.Child || step.Descendant || !step.Named() || step.Prefix != "":
			return ""
		}
		next := element.Child("", step.Local)
		if i == 0 && step.Local == "domain" {
			next = schema.Domain()
		}
		shape += "/" + step.Local
		switch {
		case wasMade(made, shape):
			return "" // or in what a rule above writes
		case next == nil:
			return "no domain that KubeVirt writes has " + shape
		}
		if reason := neverHolds(next, step, shape); reason != "" {
			return reason
		}
		element = next
	}
	return ""
}

// neverHolds says which equality of a step asks for what KubeVirt's schema does not hold.
func neverHolds(element *schema.Element, step *selector.Step, shape string) string {
	conditions, _ := step.Conditions()
	for _, c := range conditions {
		if c.Path == "" || strings.Contains(c.Path, ":") {
			continue
		}
		at := element
		for _, name := range strings.Split(c.Path, "/") {
			if attribute, ok := strings.CutPrefix(name, "@"); ok {
				if !at.Keeps("", attribute) {
					return fmt.Sprintf("%s has no %s in any domain that KubeVirt writes", shape, c.Path)
				}
				break
			}
			if at = at.Child("", name); at == nil {
				return fmt.Sprintf("%s has no %s in any domain that KubeVirt writes", shape, c.Path)
			}
		}
	}
	return ""
}

// wasMade says whether a rule above writes to or below an element of this shape.
func wasMade(made map[string]bool, shape string) bool {
	for at := range made {
		if at == shape || strings.HasPrefix(at, shape+"/") {
			return true
		}
	}
	return false
}

// touches says whether a rule above writes to one of the devices, or the part of the domain, that
// the steps lead to: domains that were given do not show that.
func touches(made map[string]bool, steps []selector.Step) bool {
	shape := ""
	for i := range steps {
		if steps[i].Kind != selector.Child || steps[i].Descendant {
			return len(made) > 0
		}
		if shape += "/" + steps[i].Local; steps[i].Prefix != "" {
			shape = strings.TrimSuffix(shape, steps[i].Local) + steps[i].Prefix + ":" + steps[i].Local
		}
		if i == 2 {
			break
		}
	}
	return wasMade(made, shape)
}

// checkHotplug finds rules for every disk or network interface.
func checkHotplug(s *subject) {
	for i := range s.patch.Spec.Domain {
		if op := s.patch.Spec.Domain[i].Op; op == v1alpha1.DomainOpTest {
			continue
		}
		for _, path := range s.paths[i] {
			device := everyDevice(path.Steps())
			if device == "" || s.patch.Spec.Domain[i].Op == v1alpha1.DomainOpAdd && len(path.Steps()) < 4 {
				continue
			}
			s.warn(HotplugUnseen, pathField(i), "the rule is for every "+device+", but not for those that are hotplugged later", "")
			break
		}
	}
}

// everyDevice says of which of disk and interface a path selects all; empty for neither.
func everyDevice(steps []selector.Step) string {
	for i := range steps {
		step := &steps[i]
		isDevice := i > 0 && steps[i-1].Local == "devices" || step.Descendant
		if !isDevice || step.Kind != selector.Child || step.Local != "disk" && step.Local != "interface" {
			continue
		}
		conditions, plain := step.Conditions()
		identified := slices.ContainsFunc(conditions, func(c selector.Condition) bool {
			return c.Path == "" || slices.Contains([]string{"alias/@name", "target/@dev", "mac/@address", "serial", "source/@file", "source/@dev", "@device", "@type", "boot/@order"}, c.Path)
		})
		if plain && !identified {
			return step.Local
		}
	}
	return ""
}

// checkOwned finds rules that change what KubeVirt finds the VM and its devices by.
func checkOwned(s *subject) {
	owned := []struct{ shape, condition, what string }{
		{"/domain/name", "", "KubeVirt finds the running VM by its name"},
		{"/domain/uuid", "", "KubeVirt and libvirt find the VM by its UUID"},
		{"/domain/metadata", "", "KubeVirt keeps its own notes on the VM in the metadata"},
		{"/domain/metadata/kubevirt", "", "KubeVirt keeps its own notes on the VM in the metadata"},
		{"/domain/devices/disk/alias/@name", "", "KubeVirt finds disks by their alias, to unplug and to migrate them"},
		{"/domain/devices/interface/alias/@name", "", "KubeVirt finds network interfaces by their alias, to unplug and to migrate them"},
		{"/domain/devices/interface/target/@dev", "", "KubeVirt made the tap device under this name"},
		{"/domain/devices/graphics/listen/@socket", "", "virtctl vnc connects to this socket"},
		{"/domain/devices/serial/source/@path", "", "virtctl console connects to this socket"},
		{"/domain/devices/channel/target/@name", "@name='org.qemu.guest_agent.0'", "KubeVirt reaches the guest agent by this channel"},
	}
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		for _, o := range owned {
			if p.Shape() != o.shape || !strings.Contains(p.String(), o.condition) || s.patch.Spec.Domain[ruleIndex(rule)].Op == v1alpha1.DomainOpAdd {
				continue
			}
			field, offset := s.textWith(ruleIndex(rule), lastName(o.shape))
			s.warnAt(KubeVirtOwns, field, offset, o.what+": the rule changes "+p.String(), "")
			return false
		}
		return true
	})
}

// ruleIndex is the number in the field of a domain rule.
func ruleIndex(rule *patch.RulePlaces) (i int) {
	_, _ = fmt.Sscanf(rule.Field, "spec.domain[%d]", &i)
	return i
}

// checkPlugins finds rules that write what KubeVirt's schema does not hold.
func checkPlugins(s *subject) {
	if !s.options.Plugins {
		return
	}
	s.eachPlace(func(rule *patch.RulePlaces, p *patch.Place) bool {
		if !p.Dropped() {
			return true
		}
		field, offset := s.textWith(ruleIndex(rule), lastName(p.Shape()))
		s.warnAt(PluginDrops, field, offset, "KubeVirt's schema does not hold "+p.Shape()+", and the cluster has a Plugin", "")
		return false
	})
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/bundle"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// A script that goes through all disks makes the same edit on each. Rules that do the same to several
// devices of one name become one, if something that says what they are, and not which ones, is true
// of them and of no other device before and after.

// kinds are the places that say of what kind a device is, what the guest sees of it first.
var kinds = []string{"target/@bus", "model/@type", "@device", "@model"}

// same is what rules have in common that do the same to several devices.
type same struct{ op, path, value, xml, position string }

// deviceMark stands in a path for that of the device. No path holds it.
const deviceMark = "\x00"

// together are the rules that do the same, by their indices, with the devices that they are about.
type together struct {
	same
	rules   []int
	devices []*pair
}

// generalise puts one rule in the place of several, as far as the engine makes the same of the domain.
// It returns what they make of it; nil where the rules are as they were.
func (g *generator) generalise(root *pair, l *planner) []byte {
	var output []byte
	tried := map[same]bool{}
	for context.Cause(g.ctx) == nil {
		alike := l.alike() // anew, for the indices of rules change
		next := slices.IndexFunc(alike, func(t together) bool { return !tried[t.same] })
		if next < 0 {
			break
		}
		tried[alike[next].same] = true
		fewer, ok := l.joined(alike[next])
		if !ok {
			continue
		}
		if out, _, err := g.try(root, fewer); err == nil {
			l.rules, output = fewer, out
		}
	}
	return output
}

// alike finds the rules that do the same to two or more devices of one name, in their order.
func (l *planner) alike() []together {
	var all []together
	for i := range l.rules {
		r := &l.rules[i]
		device := deviceOf(r.at)
		if device == nil {
			continue
		}
		whole := l.pathOf(device).text
		path := strings.ReplaceAll(r.Path, whole, stepName(device.a)+deviceMark)
		if !strings.Contains(path, deviceMark) || r.Op == bundle.OpRemove && r.Path == whole {
			continue // a removal of all would take devices of another VM that no rule brings back
		}
		key := same{op: string(r.Op), path: path, xml: r.XML, position: string(r.Position)}
		if r.Value != nil {
			key.value = *r.Value
		}
		at := slices.IndexFunc(all, func(t together) bool { return t.same == key })
		if at < 0 {
			at, all = len(all), append(all, together{same: key})
		}
		all[at].rules, all[at].devices = append(all[at].rules, i), append(all[at].devices, device)
	}
	return slices.DeleteFunc(all, func(t together) bool { return len(t.rules) < 2 })
}

// fewest is how many rules are left, of more than a patch holds, where all that do the same become one.
func (l *planner) fewest() int {
	n := len(l.rules)
	if n <= bundle.MaxRules || l.isFull() {
		return n
	}
	for _, t := range l.alike() {
		if _, ok := kindOf(t.devices); ok {
			n -= len(t.rules) - 1
		}
	}
	return n
}

// deviceOf is the device that a pair is, or is in; nil for none.
func deviceOf(p *pair) *pair {
	for ; p != nil && p.parent != nil; p = p.parent {
		if isDevices(p.parent.b) {
			return p
		}
	}
	return nil
}

// joined are the rules with one in the place of those; ok is false where nothing tells the devices
// from the others.
func (l *planner) joined(t together) (rules []planned, ok bool) {
	conditions, ok := kindOf(t.devices)
	if !ok {
		return nil, false
	}
	devices := l.pathOf(t.devices[0].parent).text
	one := l.rules[t.rules[0]]
	name := stepName(t.devices[0].a)
	one.Path = strings.ReplaceAll(t.path, name+deviceMark, devices+"/"+name+predicate(conditions))
	one.Expect = ""
	one.Comment = l.commentOf(t)
	for i, r := range l.rules {
		switch {
		case i == t.rules[0]:
			rules = append(rules, one)
		case !slices.Contains(t.rules, i):
			rules = append(rules, r)
		}
	}
	return rules, true
}

// maxNamed is how many devices a comment names.
const maxNamed = 3

// commentOf says what a rule for several devices stands for.
func (l *planner) commentOf(t together) string {
	var named []string
	for _, d := range t.devices[:min(len(t.devices), maxNamed)] {
		path := l.pathOf(d).text
		named = append(named, path[strings.LastIndex(path, "/devices/")+len("/devices/"):])
	}
	if more := len(t.devices) - maxNamed; more > 0 {
		named = append(named, fmt.Sprintf("%d more", more))
	}
	last := len(named) - 1
	return fmt.Sprintf("For %s and %s here, and for whatever else the path selects, on this VM later and on others. If only these are meant, write a rule for each.", strings.Join(named[:last], ", "), named[last])
}

// kindOf are the conditions that are true of devices before and after, and of no other one of their
// name: what they are first, then nothing, where they are all.
func kindOf(devices []*pair) (conditions []string, ok bool) {
	var facts []fact
	for _, path := range kinds {
		value, there := textAt(devices[0].a, path)
		if f := (fact{path, value}); there && quotable(value) && keeps(schema.Of(devices[0].a), path) && areOfKind(devices, f) {
			facts = append(facts, f)
		}
	}
	for i, f := range facts {
		if isOnly(devices, f) {
			return []string{f.condition()}, true
		}
		for _, h := range facts[:i] {
			if isOnly(devices, f, h) {
				return []string{h.condition(), f.condition()}, true
			}
		}
	}
	return nil, isOnly(devices)
}

func areOfKind(devices []*pair, f fact) bool {
	return !slices.ContainsFunc(devices, func(d *pair) bool { return !f.holds(d.a) || !f.holds(d.b) })
}

// isOnly says whether facts are true of no device of the name but these.
func isOnly(devices []*pair, facts ...fact) bool {
	parent, name := devices[0].parent, nameOf(devices[0].a)
	here := map[*xmlquery.Node]bool{}
	for _, d := range devices {
		here[d.a], here[d.b] = true, true
	}
	isOther := func(n *xmlquery.Node) bool { return !here[n] && allHold(facts, n) }
	return !slices.ContainsFunc(named(parent.a, name), isOther) && !slices.ContainsFunc(named(parent.b, name), isOther)
}

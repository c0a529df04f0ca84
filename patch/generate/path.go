// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// path selects one element of the given document.
type path struct {
	text string
	// weak says that it may select several elements of another VM.
	weak bool
	// byPlace says that a step selects by position.
	byPlace bool
}

func (p path) add(step path) path {
	return path{text: p.text + "/" + step.text, weak: p.weak || step.weak, byPlace: p.byPlace || step.byPlace}
}

// pathOf selects the element of a pair.
func (l *planner) pathOf(p *pair) path {
	if p.parent == nil {
		return path{text: "/" + stepName(p.a)}
	}
	if known, ok := l.paths[p]; ok {
		return known
	}
	found := l.pathOf(p.parent).add(l.step(p.a, p.b, p.parent))
	l.paths[p] = found
	return found
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// stepName is the name test of an element.
func stepName(n *xmlquery.Node) string {
	prefix, known := map[string]string{"": "", document.QEMUNamespace: "qemu:", document.KubeVirtNamespace: "kubevirt:"}[n.NamespaceURI]
	if known && plainName.MatchString(n.Data) {
		return prefix + n.Data
	}
	return "*[local-name()='" + n.Data + "']"
}

// step selects an element among its siblings. b is what it becomes, nil where it is to be removed.
func (l *planner) step(a, b *xmlquery.Node, parent *pair) path {
	name := stepName(a)
	t := &teller{planner: l, a: a, b: b}
	for _, n := range named(parent.a, nameOf(a)) {
		if n != a {
			t.others = append(t.others, n)
		}
	}
	for _, n := range named(parent.b, nameOf(a)) {
		if n != b {
			t.others = append(t.others, n)
		}
	}
	isDevice := isDevices(parent.a)
	if found := t.identity(); found != nil {
		return path{text: name + predicate(found)}
	}
	alone := len(t.others) == 0
	if alone && (!isDevice || l.level(parent) == fine && l.levels[b] == fine) {
		return path{text: name, weak: isDevice}
	}
	if found := t.tell(); found != nil || alone {
		return path{text: name + predicate(found), weak: isDevice}
	}
	held := t.facts()
	held = held[:min(len(held), 2)] // so that what libvirt adds does not count
	var conditions []string
	for _, f := range held {
		conditions = append(conditions, f.condition())
	}
	at := "[" + strconv.Itoa(l.place(a, parent, held)) + "]"
	return path{text: name + predicate(conditions) + at, weak: true, byPlace: true}
}

// predicate writes conditions; of none, nothing.
func predicate(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return "[" + strings.Join(conditions, " and ") + "]"
}

// place is the position of an element among those of its name that hold some facts, when what
// comes before it in the parent's rules is done: removals are first.
func (l *planner) place(a *xmlquery.Node, parent *pair, held []fact) int {
	n := 1
	for _, s := range named(parent.a, nameOf(a)) {
		if s == a {
			break
		}
		if allHold(held, s) && (!slices.Contains(parent.removed, s) || slices.Contains(parent.removed, a)) {
			n++
		}
	}
	return n
}

// teller finds conditions that are true of an element and of what it becomes, and of none of
// the others.
type teller struct {
	*planner
	a, b   *xmlquery.Node
	others []*xmlquery.Node
}

// identity tells by what identifies the element; nil where nothing does. No conditions are
// enough where libvirt allows one such element.
func (t *teller) identity() []string {
	for _, changes := range []bool{false, true} {
		for _, id := range patch.Identities(t.a) {
			if !id.Survives || !changes && !t.keeps(id) || changes && t.isOthers(id) || len(id.Paths) == 0 && len(t.others) > 0 {
				continue
			}
			if conditions, ok := t.conditions(id); ok {
				return conditions
			}
		}
	}
	return nil
}

// keeps says whether the element keeps the identity, and no other has it.
func (t *teller) keeps(id patch.Identity) bool {
	return (t.b == nil || t.hasIdentity(t.b, id)) && !t.isOthers(id)
}

func (t *teller) isOthers(id patch.Identity) bool {
	return slices.ContainsFunc(t.others, func(n *xmlquery.Node) bool { return t.hasIdentity(n, id) })
}

func (l *planner) hasIdentity(n *xmlquery.Node, id patch.Identity) bool {
	keys, known := l.ids[n]
	if !known {
		for _, own := range patch.Identities(n) {
			keys = append(keys, idKey(own))
		}
		l.ids[n] = keys
	}
	return slices.Contains(keys, idKey(id))
}

// conditions writes an identity; ok is false where they do not tell all of it.
func (t *teller) conditions(id patch.Identity) (conditions []string, ok bool) {
	conditions = []string{}
	var held []fact
	for _, p := range id.Paths {
		value, there := textAt(t.a, p)
		switch {
		case !there:
			conditions = append(conditions, "not("+p+")")
		case !quotable(value):
			return nil, false
		default:
			conditions = append(conditions, fact{p, value}.condition())
			held = append(held, fact{p, value})
		}
	}
	if len(held) == 0 {
		return conditions, len(id.Paths) == 0 || len(t.others) == 0
	}
	return conditions, !slices.ContainsFunc(t.others, func(n *xmlquery.Node) bool { return allHold(held, n) && len(held) == len(id.Paths) })
}

func allHold(facts []fact, n *xmlquery.Node) bool {
	return !slices.ContainsFunc(facts, func(f fact) bool { return !f.holds(n) })
}

// textAt is what stands at a path of an identity.
func textAt(n *xmlquery.Node, path string) (string, bool) {
	for _, f := range facts(n) {
		if f.path == path {
			return f.value, true
		}
	}
	return "", false
}

// tell tells by one or two facts, which stay true if that is possible; nil where they do not
// suffice.
func (t *teller) tell() []string {
	held := t.facts()
	for _, changes := range []bool{false, true} {
		if changes && t.b == nil {
			break
		}
		usable := slices.DeleteFunc(slices.Clone(held), func(f fact) bool { return !changes && t.b != nil && !f.holds(t.b) })
		for i, f := range usable {
			if t.isTold(f) {
				return []string{f.condition()}
			}
			for _, g := range usable[:i] {
				if t.isTold(f, g) {
					return []string{g.condition(), f.condition()}
				}
			}
		}
	}
	return nil
}

// isTold says whether the facts together are true of none of the others.
func (t *teller) isTold(facts ...fact) bool {
	return !slices.ContainsFunc(t.others, func(n *xmlquery.Node) bool { return allHold(facts, n) })
}

// maxTellers bounds how many facts are tried, in pairs, to tell elements apart.
const maxTellers = 24

// facts are those of the element that a path can name and that KubeVirt keeps. What libvirt
// gives, and may give otherwise, comes last.
func (t *teller) facts() []fact {
	kept := schema.Of(t.a)
	all := slices.DeleteFunc(facts(t.a), func(f fact) bool {
		return !quotable(f.value) || !namesPath(f.path) || kept != nil && !keeps(kept, f.path)
	})
	slices.SortStableFunc(all, func(x, y fact) int {
		return cmp.Or(cmp.Compare(strings.Count(x.path, "/"), strings.Count(y.path, "/")))
	})
	return all[:min(len(all), maxTellers)]
}

// keeps says whether KubeVirt keeps what stands at a path below an element.
func keeps(e *schema.Element, path string) bool {
	for step := range strings.SplitSeq(path, "/") {
		if name, isAttribute := strings.CutPrefix(step, "@"); isAttribute {
			return e.Keeps("", name)
		}
		e = e.Child("", step)
	}
	return e.KeepsText()
}

// namesPath says whether the steps of a path are names that a path may hold.
func namesPath(path string) bool {
	for step := range strings.SplitSeq(path, "/") {
		if !plainName.MatchString(strings.TrimPrefix(step, "@")) {
			return false
		}
	}
	return true
}

// maxQuoted is the longest text in a predicate, in bytes, that people can read.
const maxQuoted = 256

// quotable says whether a text can stand in a predicate.
func quotable(text string) bool {
	return len(text) <= maxQuoted && (!strings.Contains(text, "'") || !strings.Contains(text, `"`)) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r < ' ' })
}

// condition writes the fact for a predicate.
func (f fact) condition() string { return selector.Equality(f.path, escapeTemplate(f.value)) }

// escapeTemplate keeps a text from being read as $(NAME).
func escapeTemplate(text string) string { return strings.ReplaceAll(text, "$(", "$$(") }

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/schema"
)

// This file tells people where two results differ. It may take its time: the call fails.

func notSurviving(format string, args ...any) error {
	return fmt.Errorf("the rule does not survive KubeVirt's second pass: "+format, args...)
}

// explained adds what happened at an element or an attribute of it, and what to do about it.
func explained(n *xmlquery.Node, attribute, what string) error {
	place := document.Location(n, attribute)
	advice := "select by what stays, and add with a key that stays"
	for ; n.Parent != nil && n.Parent.Parent != nil; n = n.Parent {
		if n.Parent.Data == "devices" && schema.Of(n).Child("", "alias") != nil && !hasChild(n, "", "alias") {
			advice = fmt.Sprintf("give the <%s> an <alias name='ua-...'/> of its own, which tells it from others, or select by what stays", n.Data)
		}
	}
	return notSurviving("%s %s then. KubeVirt drops what its types have no field for and adds addresses, aliases and devices, before it calls the hook again: %s",
		place, what, advice)
}

// merged finds an element of the patches' that KubeVirt reads into the same field as one before it.
func (p *passes) merged(e element) *xmlquery.Node {
	seen := map[string]bool{}
	for _, n := range document.Elements(e.node) {
		child := element{n, e.kept.Child(n.NamespaceURI, n.Data)}
		if child.kept == nil {
			continue
		}
		if seen[n.Data] && !p.first.doc.Original(n) {
			return n
		}
		seen[n.Data] = !e.kept.Repeats(n.NamespaceURI, n.Data)
		if found := p.merged(child); found != nil {
			return found
		}
	}
	return nil
}

// difference names the first place in which two elements differ.
func (p *passes) difference(a, b element) error {
	if name, differs := p.differingAttribute(a, b); differs {
		return explained(a.node, name, "is not what it was")
	}
	if p.first.text(a) != p.next.text(b) {
		return explained(a.node, "", "does not hold the text that it held")
	}
	lost, more := p.unpaired(a, b)
	for _, l := range lost[:min(len(lost), 64)] { // enough to name one
		alike := slices.DeleteFunc(slices.Clone(more), func(m element) bool { return !sameName(m, l) })
		left := len(slices.DeleteFunc(slices.Clone(lost), func(o element) bool { return !sameName(o, l) }))
		if left > len(alike) {
			return explained(l.node, "", "is lost")
		}
		if left == len(alike) {
			return p.difference(l, p.closest(l, alike))
		}
	}
	if len(more) > 0 {
		return explained(more[0].node, "", "is there once more")
	}
	return explained(a.node, "", "holds its elements in another order")
}

func sameName(a, b element) bool {
	return a.node.Data == b.node.Data && a.node.NamespaceURI == b.node.NamespaceURI
}

// closest is the candidate that differs least.
func (p *passes) closest(e element, candidates []element) element {
	return slices.MinFunc(candidates, func(a, b element) int { return p.distance(e, a) - p.distance(e, b) })
}

// distance counts what two elements have not in common, one level deep.
func (p *passes) distance(a, b element) int {
	lost, more := p.unpaired(a, b)
	_, differs := p.differingAttribute(a, b)
	if differs {
		return len(lost) + len(more) + 1
	}
	return len(lost) + len(more)
}

// differingAttribute names an attribute that only one of the elements has, or with another value.
func (p *passes) differingAttribute(a, b element) (name string, differs bool) {
	values := map[string]string{}
	p.first.eachAttribute(a, func(namespace, local, value string) { values[namespace+" "+local] = value })
	p.next.eachAttribute(b, func(namespace, local, value string) {
		if v, ok := values[namespace+" "+local]; !ok || v != value {
			name, differs = local, true
		}
		delete(values, namespace+" "+local)
	})
	for key := range values {
		_, local, _ := strings.Cut(key, " ")
		if !differs || local < name {
			name, differs = local, true
		}
	}
	return name, differs
}

// unpaired are the children of each that the other has none of.
func (p *passes) unpaired(a, b element) (lost, more []element) {
	there := map[uint64]int{}
	p.next.eachChild(b, func(_ element, hash uint64) { there[hash]++ })
	p.first.eachChild(a, func(e element, hash uint64) {
		if there[hash]--; there[hash] < 0 {
			lost = append(lost, e)
		}
	})
	p.next.eachChild(b, func(e element, hash uint64) {
		if there[hash] > 0 {
			there[hash]--
			more = append(more, e)
		}
	})
	return lost, more
}

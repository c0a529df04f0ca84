// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"slices"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// reorder gives up the order of the parts of the domain, or of the devices, where those of
// one name stay in theirs, unless libvirt sorts them: KubeVirt reads them by name and writes
// them in an order of its own.
// It is false where there is nothing to give up.
func (g *generator) reorder(p *pair) bool {
	if len(p.moved) == 0 {
		return false
	}
	order := p.givenOrder()
	for _, n := range order {
		if !libvirtSorts(n) && !slices.Equal(named(p.b, nameOf(n)), only(order, nameOf(n))) {
			return false
		}
	}
	relink(p.b, order)
	g.notes = append(g.notes, fmt.Sprintf("%s: what it holds stands in another order than before. That was left alone: it means nothing "+
		"to libvirt, which sorts disks and controllers by itself, and KubeVirt writes the others in an order of its own", document.Location(p.b, "")))
	return true
}

// libvirtSorts says whether libvirt puts the devices of that name into an order of its own,
// by bus and target or by type and index (virDomainDiskInsert, virDomainControllerInsert).
func libvirtSorts(n *xmlquery.Node) bool {
	return isDevices(n.Parent) && (n.Data == "disk" || n.Data == "controller")
}

func only(elements []*xmlquery.Node, name qname) []*xmlquery.Node {
	return slices.DeleteFunc(slices.Clone(elements), func(n *xmlquery.Node) bool { return nameOf(n) != name })
}

// givenOrder are the wanted children in the order that those with a partner had before; a new
// one stays behind the one that it is behind.
func (p *pair) givenOrder() []*xmlquery.Node {
	wanted := map[*xmlquery.Node]*xmlquery.Node{}
	for n, c := range p.partner {
		wanted[c.a] = n
	}
	var order []*xmlquery.Node
	for n := range document.EachElement(p.a) {
		if b := wanted[n]; b != nil {
			order = append(order, b)
		}
	}
	var before *xmlquery.Node
	for n := range document.EachElement(p.b) {
		if p.partner[n] == nil {
			order = slices.Insert(order, slices.Index(order, before)+1, n)
		}
		before = n
	}
	return order
}

// relink makes elements the only children of their parent. Nothing but white space and
// comments stands between them.
func relink(parent *xmlquery.Node, elements []*xmlquery.Node) {
	parent.FirstChild, parent.LastChild = nil, nil
	for _, n := range elements {
		n.PrevSibling, n.NextSibling = parent.LastChild, nil
		if parent.LastChild == nil {
			parent.FirstChild = n
		} else {
			parent.LastChild.NextSibling = n
		}
		parent.LastChild = n
	}
}

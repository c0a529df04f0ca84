// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch/document"
)

// Others is what KubeVirt would lose of a domain that no patch has edited yet, by the elements
// that hold it. KubeVirt wrote the domain from its structs, so another sidecar added this, and
// adds it again before every call.
//
// The exception is what is in libvirt's QEMU namespace: KubeVirt writes that itself, and
// then loses it.
type Others map[*xmlquery.Node]foreign

type foreign struct {
	attributes, children string // as XML
	surplus              bool   // the element itself belongs to those of its parent
}

// OthersOf finds them. Edits of the domain do not change what it found.
func OthersOf(domain *xmlquery.Node) Others {
	others := Others{}
	others.find(Domain(), domain)
	return others
}

func (o Others) find(e *Element, n *xmlquery.Node) {
	var attributes, children writer
	for i := range n.Attr {
		a := &n.Attr[i]
		isDefault := document.IsDeclaration(a) && a.Name.Space == "" // Next declares it where it is needed
		if !isDefault && !e.Keeps(a.NamespaceURI, a.Name.Local) {
			attributes.attribute(qualified(a.Name.Space, a.Name.Local), a.Value)
		}
	}
	var seen uint64 // a bit for each of the few children of KubeVirt's types
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != xmlquery.ElementNode {
			continue
		}
		i := e.index(c.NamespaceURI, c.Data)
		switch {
		case i >= 0 && (e.children[i].Repeats || seen&(1<<i) == 0):
			seen |= 1 << i
			o.find(e.children[i].Element(), c)
		case isKubeVirtsLoss(c):
		default:
			o[c] = foreign{surplus: true}
			children.verbatim(c)
		}
	}
	if len(attributes.out)+len(children.out) > 0 {
		o[n] = foreign{attributes: string(attributes.out), children: string(children.out)}
	}
}

// isKubeVirtsLoss recognises what KubeVirt writes but cannot read: the elements in libvirt's
// QEMU namespace below the root.
func isKubeVirtsLoss(n *xmlquery.Node) bool {
	return n.NamespaceURI == document.QEMUNamespace && n.Parent.Parent != nil && n.Parent.Parent.Type == xmlquery.DocumentNode
}

// verbatim writes an element as it is.
func (w *writer) verbatim(n *xmlquery.Node) {
	name := qualified(n.Prefix, n.Data)
	w.out = append(append(w.out, '<'), name...)
	for i := range n.Attr {
		w.attribute(qualified(n.Attr[i].Name.Space, n.Attr[i].Name.Local), n.Attr[i].Value)
	}
	w.out = append(w.out, '>')
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.TextNode:
			w.escape(c.Data)
		case xmlquery.ElementNode:
			w.verbatim(c)
		}
	}
	w.out = append(append(append(w.out, "</"...), name...), '>')
}

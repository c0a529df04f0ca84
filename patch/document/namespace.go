// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import "github.com/antchfx/xmlquery"

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

// resolve gives an element and its attributes their namespaces (Namespaces in XML 1.0)
// and refuses attributes that stand twice.
func (p *parser) resolve(n *xmlquery.Node, at int) error {
	for i := range n.Attr {
		if err := p.declare(&n.Attr[i], at); err != nil {
			return err
		}
	}
	uri, ok := p.lookup(n.Prefix)
	if !ok {
		return p.errorAt(at, "the prefix of the element %.40q is not declared", qualified(n.Prefix, n.Data))
	}
	n.NamespaceURI = uri
	for i := range n.Attr {
		a := &n.Attr[i]
		if a.Name.Space != "" && a.NamespaceURI == "" {
			if a.NamespaceURI, ok = p.lookup(a.Name.Space); !ok {
				return p.errorAt(at, "the prefix of the attribute %.40q is not declared", qualified(a.Name.Space, a.Name.Local))
			}
		}
		for j := range i {
			if b := &n.Attr[j]; b.Name.Local == a.Name.Local && b.NamespaceURI == a.NamespaceURI {
				return p.errorAt(at, "the attribute %.40q stands twice in the element %.40q", qualified(a.Name.Space, a.Name.Local), qualified(n.Prefix, n.Data))
			}
		}
	}
	return nil
}

// declare takes a namespace declaration into scope; other attributes pass.
func (p *parser) declare(a *xmlquery.Attr, at int) error {
	prefix := ""
	switch {
	case a.Name.Space == "xmlns":
		prefix = a.Name.Local
	case a.Name.Space != "" || a.Name.Local != "xmlns":
		return nil
	}
	a.NamespaceURI = xmlnsNamespace
	switch {
	case prefix == "xmlns" || a.Value == xmlnsNamespace:
		return p.errorAt(at, "the prefix xmlns cannot be declared")
	case (prefix == "xml") != (a.Value == xmlNamespace):
		return p.errorAt(at, "the prefix xml belongs to %s alone", xmlNamespace)
	case p.fragment && prefix == "qemu" && a.Value != QEMUNamespace:
		return p.errorAt(at, "the prefix qemu belongs to %s alone: libvirt ignores what is in another namespace", QEMUNamespace)
	case prefix != "" && a.Value == "":
		return p.errorAt(at, "the prefix %.40q is declared with an empty namespace", prefix)
	}
	if len(p.bound) == MaxAttributes { // lookup is linear: this bounds it
		return p.errorAt(at, "more than %d namespace declarations are in scope", MaxAttributes)
	}
	p.bound = append(p.bound, binding{prefix, a.Value})
	return nil
}

func (p *parser) lookup(prefix string) (string, bool) {
	for i := len(p.bound) - 1; i >= 0; i-- {
		if p.bound[i].prefix == prefix {
			return p.bound[i].uri, true
		}
	}
	switch prefix {
	case "":
		return "", true
	case "xml":
		return xmlNamespace, true
	}
	return "", false
}

// IsDeclaration says whether an attribute declares a namespace, and so is none to XPath.
func IsDeclaration(a *xmlquery.Attr) bool { return a.NamespaceURI == xmlnsNamespace }

// namespaceOf resolves a prefix at an element of a finished tree.
func namespaceOf(n *xmlquery.Node, prefix string) string {
	for ; n != nil; n = n.Parent {
		for i := range n.Attr {
			a := &n.Attr[i]
			if IsDeclaration(a) && (a.Name.Space == "xmlns" && a.Name.Local == prefix || a.Name.Space == "" && prefix == "") {
				return a.Value
			}
		}
	}
	return ""
}

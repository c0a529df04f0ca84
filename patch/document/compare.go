// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"slices"

	"github.com/antchfx/xmlquery"
)

// Equal says whether two elements mean the same: name, attributes in any order,
// elements and texts in order. Comments, and white space beside elements, do not
// count; neither do the children that ignore names.
func Equal(a, b *xmlquery.Node, ignore func(*xmlquery.Node) bool) bool {
	if !sameName(a, b) || !sameAttributes(a, b) {
		return false
	}
	x, y := content(a, ignore), content(b, ignore)
	return slices.EqualFunc(x, y, func(m, n *xmlquery.Node) bool {
		if m.Type != n.Type {
			return false
		}
		if m.Type == xmlquery.TextNode {
			return m.Data == n.Data
		}
		return Equal(m, n, none)
	})
}

func none(*xmlquery.Node) bool { return false }

// content lists the elements and texts that count.
func content(n *xmlquery.Node, ignore func(*xmlquery.Node) bool) []*xmlquery.Node {
	var all []*xmlquery.Node
	hasElements := hasElement(n)
	for c := range children(n) {
		isText := c.Type == xmlquery.TextNode && (!hasElements || !isBlank(c))
		if isText || isElement(c) && !ignore(c) {
			all = append(all, c)
		}
	}
	return all
}

func sameAttributes(a, b *xmlquery.Node) bool {
	return subsetAttributes(a, b) && subsetAttributes(b, a)
}

func subsetAttributes(a, b *xmlquery.Node) bool {
	for i := range a.Attr {
		x := &a.Attr[i]
		if IsDeclaration(x) {
			continue
		}
		j := Attribute(b, x.NamespaceURI, x.Name.Local)
		if j < 0 || b.Attr[j].Value != x.Value {
			return false
		}
	}
	return true
}

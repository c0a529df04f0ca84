// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"strconv"

	"github.com/antchfx/xmlquery"
)

// Location names a node for a person, as a path that selects it alone, such as
// /domain/devices/disk[2]/driver. attr adds an attribute, if it is not empty.
func Location(n *xmlquery.Node, attr string) string {
	place := ""
	if attr != "" {
		place = "/@" + attr
	}
	for ; n != nil && n.Type != xmlquery.DocumentNode; n = n.Parent {
		place = "/" + locationName(n) + position(n) + place
	}
	return place
}

func locationName(n *xmlquery.Node) string {
	if n.Type == xmlquery.TextNode {
		return "text()"
	}
	return qualified(n.Prefix, n.Data)
}

// position is the predicate that tells a node from siblings of its name, if there are any.
func position(n *xmlquery.Node) string {
	same := func(s *xmlquery.Node) bool {
		return s.Type == n.Type && (n.Type == xmlquery.TextNode || sameName(s, n))
	}
	before, after := 0, 0
	for s := n.PrevSibling; s != nil; s = s.PrevSibling {
		if same(s) {
			before++
		}
	}
	for s := n.NextSibling; s != nil && after == 0; s = s.NextSibling {
		if same(s) {
			after++
		}
	}
	if before+after == 0 {
		return ""
	}
	return "[" + strconv.Itoa(before+1) + "]"
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/domainpatch/domainpatch/patch"
	"github.com/domainpatch/domainpatch/patch/document"
)

// explained says of a failure at a pair what the matter is, where that is known, and the way out.
func explained(p *pair, failure error) error {
	if p == nil {
		return failure
	}
	for ; p != nil; p = p.parent {
		if n, id := duplicate(p.b); n != nil {
			what := "agree on " + strings.Join(id.Paths, " and ")
			if len(id.Paths) == 0 {
				what = "are there, and libvirt takes one"
			}
			return fmt.Errorf("%s of the wanted domain: two <%s> %s, so rules cannot tell them apart: correct it: %w", document.Location(n, ""), n.Data, what, failure)
		}
	}
	return failure
}

// duplicate finds a child that has the identity of one before it.
func duplicate(parent *xmlquery.Node) (*xmlquery.Node, patch.Identity) {
	seen := map[string]bool{}
	for n := range document.EachElement(parent) {
		ids := patch.Identities(n)
		if len(ids) == 0 {
			continue
		}
		key := n.NamespaceURI + " " + n.Data + " " + idKey(ids[0])
		if seen[key] {
			return n, ids[0]
		}
		seen[key] = true
	}
	return nil, patch.Identity{}
}

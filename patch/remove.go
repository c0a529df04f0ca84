// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// applyRemove removes every selected node.
func applyRemove(r *domainRule, call *domainCall) (effect, error) {
	nodes, done, unexpected, err := r.places(call)
	if err != nil {
		return done, err
	}
	for _, n := range slices.Backward(nodes) { // so that the indices of attributes stay right
		if err := removeNode(call.doc, n); err != nil {
			return done, err
		}
		done.changed++
	}
	return done, unexpected
}

func removeNode(doc *document.Document, n selector.Node) error {
	if n.IsAttribute() {
		doc.RemoveAttribute(n.Node, n.Attr)
		return nil
	}
	return doc.Remove(n.Node)
}

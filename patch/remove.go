// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"slices"
)

// applyRemove removes every selected node.
func applyRemove(r *domainRule, call *domainCall) (effect, error) {
	nodes, done, unexpected, err := r.places(call)
	if err != nil {
		return done, err
	}
	for _, n := range slices.Backward(nodes) { // so that the indices of attributes stay right
		if err := call.remove(n); err != nil {
			return done, err
		}
		done.changed++
	}
	return done, unexpected
}

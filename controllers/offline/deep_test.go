// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"strings"
	"testing"
)

// nested is a ConfigMap in so many Lists, one in the other.
func nested(depth int) []byte {
	const open, inner = `{"apiVersion":"v1","kind":"List","items":[`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`
	return []byte(strings.Repeat(open, depth) + inner + strings.Repeat("]}", depth))
}

// TestNestedLists reads Lists in Lists, and refuses those that are deeper than anybody writes: each is
// read once more for every List around it.
func TestNestedLists(t *testing.T) {
	_, skipped, err := ParseObjects("a.json", nested(maxLists))
	if err != nil || len(skipped) != 1 {
		t.Errorf("%d Lists give %q and %v, want the ConfigMap", maxLists, skipped, err)
	}
	for _, depth := range []int{maxLists + 1, 3000} {
		_, skipped, err = ParseObjects("a.json", nested(depth))
		if err == nil || !strings.Contains(err.Error(), "a List in 16 others: take the objects out of the Lists") || len(skipped) > 0 {
			t.Errorf("%d Lists give %q and %.200v, want an error", depth, skipped, err)
		}
	}
}

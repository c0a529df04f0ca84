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

// TestLongLine gives a mistake behind so much in one line its place, and does not go through the line for more.
func TestLongLine(t *testing.T) {
	const patch = `{"apiVersion":"domainpatch.kubevirt.io/v1alpha1","kind":"DomainPatch","metadata":{"name":"p"},"spec":{"domain":[{"op":"set","path":"/domain/title","value":"x"}]}}`
	for before, want := range map[int]Position{100: {"a.json", 1, 280}, maxShownLine: {"a.json", 1, maxShownLine + 174}} {
		before := strings.Repeat(" ", before)
		objects, _, err := ParseObjects("a.json", []byte(`{"apiVersion":"v1","kind":"List","items":[`+before+patch+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		origin := objects.Origin("DomainPatch p")
		at := origin.Position("spec.domain[0].path", 5)
		if excerpt := origin.Excerpt(at); at != want || (excerpt == "") != (len(before) == maxShownLine) {
			t.Errorf("at %v with excerpt %.40q, want %v", at, excerpt, want)
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import "testing"

// TestSameSpec: a field that this program does not know counts, and does not stand in the way.
func TestSameSpec(t *testing.T) {
	cases := map[string]struct {
		before, after string
		want          bool
	}{
		"labels":        {`{"metadata":{"finalizers":["f"]},"spec":{"new":1,"domain":[]}}`, `{"metadata":{},"spec":{"domain":[],"new":1}}`, true},
		"unknown field": {`{"spec":{"new":1}}`, `{"spec":{"new":2}}`, false},
		"large number":  {`{"spec":{"order":9007199254740993}}`, `{"spec":{"order":9007199254740992}}`, false},
		"no object":     {`[]`, `[]`, false},
	}
	for name, tc := range cases {
		if got := sameSpec([]byte(tc.before), []byte(tc.after)); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

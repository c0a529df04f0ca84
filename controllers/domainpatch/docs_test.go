// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package domainpatch_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReasonsAreDocumented compares the reasons and conditions of the API with the tables in
// docs/operations.md.
func TestReasonsAreDocumented(t *testing.T) {
	read := func(file, pattern string) []string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			all = append(all, found[1])
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	const api, docs = "../../api/v1alpha1/conditions.go", "../../docs/operations.md"
	reasons := read(api, `Reason\w+ = "(\w+)"`)
	if diff := cmp.Diff(reasons, read(docs, "(?m)^\\| `\\w+` (?:True|False)[^|]* \\| `(\\w+)` \\|")); diff != "" || len(reasons) == 0 {
		t.Errorf("reasons (-API +docs):\n%s", diff)
	}
	if diff := cmp.Diff(read(api, `Condition\w+ = "(\w+)"`), read(docs, "(?m)^\\| `(\\w+)` \\| (?:patches|policies)[^|]* \\| [^|]+ \\|$")); diff != "" {
		t.Errorf("conditions (-API +docs):\n%s", diff)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package selector_test

import (
	"fmt"
	"testing"

	"github.com/domainpatch/domainpatch/patch/document"
	"github.com/domainpatch/domainpatch/patch/selector"
)

// TestReach pins where paths stop.
func TestReach(t *testing.T) {
	doc, err := document.Parse([]byte(`<domain><devices><disk type="a"><target/></disk><disk type="b"/></devices></domain>`))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		path  string
		spent int
		want  string
	}{
		"Name":      {"/domain/devices/sound/@model", 0, "1 /domain/devices, sound"},
		"Predicate": {"/domain/devices/disk[@type='c' and target]/@x", 0, "2 /domain/devices/disk, [@type='c' and target]"},
		"Attribute": {"//disk[@type='a']/target/@dev", 0, "1 //disk[@type='a']/target, @dev"},
		"Below":     {"/domain/devices//sound[1]", 0, "1 /domain/devices, //sound"},
		"Position":  {"//disk[@type][3]", 0, "2 //disk, [@type][3]"},
		"Sibling":   {"//target/following-sibling::x", 0, "1 //target, following-sibling::x"},
		"Nowhere":   {"//sound/@model", 0, ""},
		"Union":     {"/domain/a | /domain/b", 0, ""},
		"Budget":    {"/domain/devices/sound", selector.MaxSteps, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := selector.Compile(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			budget := &selector.Budget{}
			if err := budget.Spend(tc.spent); err != nil {
				t.Fatal(err)
			}
			got := ""
			if reach := path.Reach(doc, budget); reach.Nodes > 0 {
				reached, missing := path.Spell(reach)
				got = fmt.Sprintf("%d %s, %s", reach.Nodes, reached, missing)
			}
			if got != tc.want {
				t.Errorf("%s stops at %q, want %q", tc.path, got, tc.want)
			}
		})
	}
}

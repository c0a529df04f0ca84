// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"testing"

	"github.com/domainpatch/domainpatch/patch/document"
)

// TestHasPlaceholders: both ways to tell a placeholder agree.
func TestHasPlaceholders(t *testing.T) {
	cases := map[string]struct {
		reason string
		doc    string
		want   bool
	}{
		"KubeVirt":    {"as encoding/xml writes it", `<target dev="vnet0"></target><alias name="placeholder-0"></alias>`, true},
		"OtherWriter": {"an earlier sidecar may have written the document anew", `<alias   name = 'placeholder-12'/>`, true},
		"UserAlias":   {"KubeVirt puts ua- before the name of a VM's own interface", `<alias name="ua-placeholder-0"></alias>`, false},
		"Device":      {"up to KubeVirt v1.7 the name of the interface is the only mark", `<target dev="placeholder-0" managed="no"></target>`, true},
		"DeviceLast":  {"another writer may order attributes", `<target managed="no" dev="placeholder-0"/>`, true},
		"Disk":        {"a target of another name", `<target bus="virtio" dev="vda"/>`, false},
		"NoNumber":    {"KubeVirt numbers them", `<alias name="placeholder-"></alias>`, false},
		"Longer":      {"the number ends the name", `<alias name="placeholder-0x"></alias>`, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			doc := `<domain><devices><interface type="ethernet">` + tc.doc + `</interface></devices></domain>`
			if got := HasPlaceholders([]byte(doc)); got != tc.want {
				t.Errorf("HasPlaceholders = %v, want %v: %s", got, tc.want, tc.reason)
			}
			parsed, err := document.Parse([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			nic := document.Elements(document.Elements(parsed.Element())[0])[0]
			if got := isPlaceholder(nic); got != tc.want {
				t.Errorf("isPlaceholder = %v, want %v: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// TestNamesThatPoliciesAllow wants names that are spelt wrong to be told, at the name, and no others.
func TestNamesThatPoliciesAllow(t *testing.T) {
	const head = "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: DomainPatchPolicy\nmetadata: {name: p}\nspec:\n  allow:\n  - path: "
	for name, tc := range map[string]struct{ path, want string }{
		"Attribute":   {"/domain/devices/disk/driver/@^iothreadx", "did you mean iothread?"},
		"Element":     {"/domain/devices/^wachdog/@action", "did you mean watchdog?"},
		"Predicate":   {"/domain/devices/disk[@type='file']/^serail", "did you mean serial?"},
		"Alternative": {"/domain/title | /domain/^descripton", "did you mean description?"},
		"AboveAny":    {"/domain/devices/^wachdog/@*", "did you mean watchdog?"},
		"Known":       {"/domain/devices/disk/driver/@iothread", ""},
		"NotLike":     {"/domain/features/somethingnew", ""},
		"Anywhere":    {"//wachdog", ""},
		"Prefix":      {"/domain/qemu:commandlin", ""},
		"Text":        {"/domain/title/text()", ""},
		"Any":         {"/*", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := New(Options{Disabled: []string{WidePolicy.ID}})
			if err != nil {
				t.Fatal(err)
			}
			before, after, _ := strings.Cut(tc.path, "^")
			l.Read("test.yaml", []byte(head+before+after+"\n"))
			findings, _ := l.Findings()
			if tc.want == "" {
				if len(findings) > 0 {
					t.Errorf("got %q", findings[0].Message)
				}
				return
			}
			at := offline.Position{File: "test.yaml", Line: 6, Column: len("  - path: ") + len(before) + 1}
			if len(findings) != 1 || findings[0].Code != UnknownName || findings[0].Field != "spec.allow[0].path" ||
				findings[0].Position != at || !strings.Contains(findings[0].Message, tc.want) || findings[0].Excerpt == "" {
				t.Errorf("got %+v, want one at %v: %s", findings, at, tc.want)
			}
		})
	}
}

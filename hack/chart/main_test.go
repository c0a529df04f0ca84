// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRender takes a file of config over, with a value and what Helm would take for an action.
func TestRender(t *testing.T) {
	const license = "# SPDX-FileCopyrightText: The DomainPatch Authors\n# SPDX-License-Identifier: Apache-2.0\n\n"
	cases := map[string]struct {
		content, want, wantErr string
	}{
		"Taken":     {license + "a: domainpatch-system\nb: '{{ $x }}'\nc: old\n", "{{- if .Values.on }}\na: {{ .Release.Namespace }}\nb: '{{ \"{{\" }} $x }}'\nc: new\n{{- end }}\n", ""},
		"LostValue": {license + "a: domainpatch-system\n", "", `there is no "old"`},
		"Unknown":   {"a: 1\n", "", "licence"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.MkdirAll(filepath.Join(root, "config/some"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "config/some/file.yaml"), []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := template{source: "some/file.yaml", when: ".Values.on", values: []string{"old", "new"}}.render(root)
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("render: %v, want an error with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil || !strings.HasSuffix(got, "*/ -}}\n"+tc.want) {
				t.Errorf("render: %v\n%s\nwant\n%s", err, got, tc.want)
			}
		})
	}
}

// TestRows finds a value that values.yaml or values.schema.json alone has.
func TestRows(t *testing.T) {
	s := schema{Properties: map[string]schema{"a": {Properties: map[string]schema{"b": {Description: "B."}}}}}
	got, err := rows("", s, map[string]any{"a": map[string]any{"b": 1}})
	if want := "| `a.b` | `1` | B. |\n"; err != nil || strings.Join(got, "") != want {
		t.Errorf("rows: %q, %v, want %q", got, err, want)
	}
	_, err = rows("", s, map[string]any{"a": map[string]any{"c": 1}})
	if err == nil || !strings.Contains(err.Error(), "values.yaml has no a.b") || !strings.Contains(err.Error(), "values.schema.json has no a.c") {
		t.Errorf("rows: %v, want both mistakes", err)
	}
}

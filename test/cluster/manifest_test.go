// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func object(kind string) string {
	return "apiVersion: v1\nkind: " + kind + "\nmetadata: {name: x}\n"
}

func TestReadKustomization(t *testing.T) {
	const begin = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	cases := map[string]struct {
		reason  string
		files   map[string]string
		want    []string
		wantErr string
	}{
		"Nested": {
			reason: "The objects of all files and folders are read in order; comments are no objects.",
			files: map[string]string{
				"kustomization.yaml":       begin + "resources: [b.yaml, inner, a.yaml]\n",
				"a.yaml":                   object("A"),
				"b.yaml":                   "# nothing\n---\n" + object("B") + "---\n" + object("B2"),
				"inner/kustomization.yaml": begin + "resources: [c.yaml]\n",
				"inner/c.yaml":             object("C"),
			},
			want: []string{"B", "B2", "C", "A"},
		},
		"Missing": {
			reason:  "A file that is not there is an error.",
			files:   map[string]string{"kustomization.yaml": begin + "resources: [a.yaml]\n"},
			wantErr: "a.yaml",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range tc.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			objects, err := ReadKustomization(dir)
			if err != nil && (tc.wantErr == "" || !strings.Contains(err.Error(), tc.wantErr)) || err == nil && tc.wantErr != "" {
				t.Fatalf("%s\nReadKustomization(...): got error %v, want %q", tc.reason, err, tc.wantErr)
			}
			var got []string
			for _, object := range objects {
				got = append(got, object.GetKind())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nReadKustomization(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestConfig builds every kustomization that is shipped.
func TestConfig(t *testing.T) {
	files, err := filepath.Glob("../../config/*/kustomization.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("config has %d kustomizations (%v)", len(files), err)
	}
	for _, file := range files {
		objects, err := ReadKustomization(filepath.Dir(file))
		if err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects, error %v", file, len(objects), err)
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadSamples reads the repository's samples, and one that README.md does not name.
func TestReadSamples(t *testing.T) {
	samples, err := readSamples("../../config/samples")
	if err != nil || len(samples) < 50 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for _, s := range samples {
		if s.Area == "" || s.About == "" || s.Patches == "" || s.Domain+s.CloudInit == "" {
			t.Errorf("%s lacks something: %+v", s.Name, s)
		}
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"README.md": "## Area\n\n| [a](a/patch.yaml) | about a | tenant |\n", "a/patch.yaml": "x", "b/patch.yaml": "y",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readSamples(folder); err == nil || !strings.Contains(err.Error(), "2 folders have a patch.yaml") {
		t.Errorf("a folder that README.md does not name: %v", err)
	}
}

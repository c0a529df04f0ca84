// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const samplesFolder = "../../config/samples"

// TestSamplesReadme compares the table of the samples with the folders, and what it says on
// who may apply each with the default policy.
func TestSamplesReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(samplesFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| \[(.+)\]\((.+)/patch\.yaml\) \| .+ \| (.+) \|$`).FindAllStringSubmatch(string(text), -1) {
		if row[1] != row[2] {
			t.Errorf("the row of %s links to %s", row[1], row[2])
		}
		documented[row[1]] = row[3]
	}
	dirs, err := FindCases(samplesFolder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, dir := range dirs {
		found[filepath.Base(dir)] = whoMayApply(t, dir)
	}
	if diff := cmp.Diff(found, documented); diff != "" {
		t.Errorf("README.md of the samples (-true +documented):\n%s", diff)
	}
}

// whoMayApply tells whose patch a sample can be: the admin's alone, a tenant's under the
// default policy, or a tenant's under another policy.
func whoMayApply(t *testing.T, dir string) string {
	t.Helper()
	c, err := readCase(dir)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(c[casePatch]), "kind: ClusterDomainPatch") {
		return "admin"
	}
	if !c.has(caseDomain) {
		return "tenant" // policies do not limit cloud-init rules
	}
	policy, err := os.ReadFile("../../patch/testdata/policies/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c[casePatch] = append(append(c[casePatch], "\n---\n"...), policy...)
	program, _, _, err := c.compile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = program.Domain(context.Background(), c[caseDomain], false)
	switch {
	case err == nil:
		return "tenant"
	case strings.Contains(err.Error(), "denied by DomainPatchPolicy default: "):
		return "policy"
	}
	t.Errorf("%s: %v", dir, err)
	return ""
}

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

	"github.com/domainpatch/domainpatch/api/v1alpha1"
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
// default policy, or a tenant's under another policy. A patch of the cluster is judged as if it
// were a tenant's, which the default policy must deny.
func whoMayApply(t *testing.T, dir string) string {
	t.Helper()
	objects, _, err := Files{}.Objects([]string{filepath.Join(dir, CasePatch), "../../config/policy/default.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	who := "policy"
	for _, p := range objects.ClusterPatches {
		who = "admin"
		objects.Patches = append(objects.Patches, v1alpha1.DomainPatch{ObjectMeta: p.ObjectMeta, Spec: p.Spec.DomainPatchSpec})
	}
	objects.ClusterPatches = nil
	c, err := readCase(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !c.has(CaseDomain) {
		return "tenant" // policies do not limit cloud-init rules
	}
	out, err := underPolicies(t, c, objects)
	switch {
	case err == nil && string(out) == string(c[WantDomain]):
		return "tenant"
	case err == nil || !strings.Contains(err.Error(), "denied by DomainPatchPolicy default: /domain/"):
		t.Errorf("%s: neither denied nor the same as without policies: %v", dir, err)
	}
	return who
}

func underPolicies(t *testing.T, c testCase, objects Objects) ([]byte, error) {
	t.Helper()
	var vmi *VMI
	if data, given := c[CaseVMI]; given {
		var err error
		if vmi, err = ParseVMI(data); err != nil {
			t.Fatal(err)
		}
	}
	program, err := Compile(context.Background(), objects, vmi, true)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := program.Domain(context.Background(), c[CaseDomain], nil)
	return out, err
}

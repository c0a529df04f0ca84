// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/domainpatch/domainpatch/patch/schema"
)

// Files that say what came after the oldest release: they are read by lint, and by the documentation.
const (
	sinceFile = root + "/controllers/lint/vmapi-since.txt"
	typesFile = "testdata/types.txt"
)

const fileHead = `# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

`

const sinceHead = fileHead + `# Written by make test-matrix UPDATE=1: the fields of a VirtualMachineInstance's spec that KubeVirt v1.2 lacks, with
# the minor version that has them first.

`

const typesHead = fileHead + `# Written by make test-matrix UPDATE=1: the parts of a domain that KubeVirt's types keep in some releases and not in
# others, with the first and the last minor version that keeps them. What is kept in none or in all is not here.

`

// addFields adds the fields below a schema, as DomainPatch's lint writes them.
func addFields(schema extv1.JSONSchemaProps, path string, found map[string]bool) {
	if schema.Items != nil && schema.Items.Schema != nil {
		addFields(*schema.Items.Schema, path+"[]", found)
	}
	for name, property := range schema.Properties {
		field := strings.TrimPrefix(path+"."+name, ".")
		found[field] = true
		addFields(property, field, found)
	}
}

// since lists the fields that the oldest release lacks. What lies in a field that is as new is left out.
func since(fields map[release]map[string]bool) []string {
	first := map[string]release{}
	for _, r := range slices.Backward(allReleases) {
		for field := range fields[r] {
			first[field] = r
		}
	}
	var lines []string
	for _, field := range slices.Sorted(maps.Keys(first)) {
		parent := strings.TrimSuffix(field[:max(0, strings.LastIndexByte(field, '.'))], "[]")
		if r := first[field]; r != allReleases[0] && first[parent] != r {
			lines = append(lines, fmt.Sprintf("%s v1.%d", field, r.minor()))
		}
	}
	return lines
}

// inTable finds a path in the engine's table of what KubeVirt keeps.
func inTable(path string) bool {
	steps := strings.Split(path, "/")[2:] // behind the root
	element := schema.Domain()
	for _, step := range steps {
		if name, isAttribute := strings.CutPrefix(step, "@"); isAttribute {
			return element.Keeps("", name)
		}
		if step == "text()" {
			return element.KeepsText()
		}
		if element = element.Child("", step); element == nil {
			return false
		}
	}
	return true
}

// keptBySome lists the parts of a domain that not all releases keep, but for what lies in such a part.
func keptBySome(kept map[string][]release) []string {
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(kept)) {
		by := kept[path]
		if len(by) == len(allReleases) || slices.Equal(by, kept[path[:strings.LastIndexByte(path, '/')]]) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s v1.%d v1.%d", path, by[0].minor(), by[len(by)-1].minor()))
	}
	return lines
}

// checkFile compares a generated file; with -update it writes it.
func checkFile(t *testing.T, name, head string, lines []string) {
	t.Helper()
	want := head + strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is not current, run make test-matrix UPDATE=1\n%s", name, diff)
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// TestAPI checks that docs/api.md explains every field of the CRDs in the section of its kind,
// and no field that there is not: by a row of the table below the heading of what the field
// is in. ClusterDomainPatches may leave out what DomainPatches have, too.
func TestAPI(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/api.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := fieldsOf(string(text))
	inherited := map[string]bool{}
	for _, kind := range []string{"DomainPatch", "ClusterDomainPatch", "DomainPatchPolicy"} {
		schema := map[string]bool{}
		walk(readSchema(t, kind), "", schema)
		if len(schema) < 10 {
			t.Fatalf("%s has the fields %v, want more of them", kind, schema)
		}
		for _, field := range slices.Sorted(maps.Keys(schema)) {
			if !documented[kind][field] && (kind != "ClusterDomainPatch" || !inherited[field]) {
				t.Errorf("section %s of docs/api.md lacks %s", kind, field)
			}
		}
		for _, field := range slices.Sorted(maps.Keys(documented[kind])) {
			if !schema[field] {
				t.Errorf("section %s of docs/api.md explains %s, which does not exist", kind, field)
			}
		}
		if kind == "DomainPatch" {
			inherited = schema
		}
	}
}

// walk collects the paths of all fields below spec and status, as .spec.domain[].op.
func walk(schema apiextensions.JSONSchemaProps, at string, into map[string]bool) {
	for name, child := range schema.Properties {
		path := at + "." + name
		switch path {
		case ".apiVersion", ".kind", ".metadata":
			continue
		case ".spec", ".status":
		default:
			into[path] = true
		}
		walk(child, path, into)
		if child.Items != nil && child.Items.Schema != nil {
			walk(*child.Items.Schema, path+"[]", into)
		}
	}
}

func readSchema(t *testing.T, kind string) apiextensions.JSONSchemaProps {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "config/crd/domainpatch.kubevirt.io_*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensions.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatal(err)
		}
		if crd.Spec.Names.Kind == kind {
			return *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		}
	}
	t.Fatalf("there is no CRD of %s", kind)
	return apiextensions.JSONSchemaProps{}
}

var fieldRow = regexp.MustCompile("^\\| `([A-Za-z.\\[\\]]+)` \\|")

// fieldsOf gives the fields that the page explains, by kind.
func fieldsOf(text string) map[string]map[string]bool {
	fields := map[string]map[string]bool{}
	kind, parent := "", ""
	for _, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			kind, parent = name, ""
			fields[kind] = map[string]bool{}
		}
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			parent = ""
			if strings.HasPrefix(heading, "`.") {
				parent = strings.Trim(heading, "`")
			}
		}
		if row := fieldRow.FindStringSubmatch(line); row != nil && parent != "" && row[1][0] >= 'a' {
			fields[kind][parent+"."+row[1]] = true
		}
	}
	return fields
}

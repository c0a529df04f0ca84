// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/controllers/status"
)

// TestJSONIsDocumented wants every field of the output for programs in docs/cli.md.
func TestJSONIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## JSON\n")
	if !ok {
		t.Fatal("docs/cli.md has no section JSON")
	}
	for _, v := range []any{renderReport{}, testReport{}, jsonFinding{}, versions{}, status.Overview{}, statusOfOne{}} {
		for _, name := range jsonFields(reflect.TypeOf(v)) {
			if !strings.Contains(section, "`"+name+"`") {
				t.Errorf("docs/cli.md, section JSON, does not mention `%s` of %T", name, v)
			}
		}
	}
}

// jsonFields are the names of a type's fields in JSON, and of those of our own types in it.
func jsonFields(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || strings.HasPrefix(t.PkgPath(), "k8s.io/") || strings.HasSuffix(t.PkgPath(), "/v1alpha1") {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" {
			names = append(append(names, name), jsonFields(t.Field(i).Type)...)
		}
	}
	return names
}

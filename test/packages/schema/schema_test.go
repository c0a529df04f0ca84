// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package schema tests config/schema, with a JSON schema library that is not ours.
package schema

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const folder = "../../../config/schema/"

func compile(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(folder + file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// documents are the objects of a YAML text, as a JSON schema wants them.
func documents(t *testing.T, text []byte) []any {
	t.Helper()
	var found []any
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, document)
	}
}

// TestShipped validates all patches and policies of config.
func TestShipped(t *testing.T) {
	all := compile(t, "all.json")
	files, err := filepath.Glob("../../../config/samples/*/patch.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("there are %d samples (%v)", len(files), err)
	}
	ours := 0
	for _, file := range append(files, "../../../config/policy/default.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents(t, text) {
			if err := all.Validate(document); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if version, _ := document.(map[string]any)["apiVersion"].(string); strings.HasPrefix(version, "domainpatch.kubevirt.io/") {
				ours++
			}
		}
	}
	if ours < len(files) {
		t.Errorf("%d objects of ours in %d files", ours, len(files))
	}
}

// TestWrong finds mistakes, and where they are.
func TestWrong(t *testing.T) {
	const head = "apiVersion: domainpatch.kubevirt.io/v1alpha1\nmetadata: {name: a}\n"
	cases := map[string]struct {
		text string
		want string // empty: it is right
	}{
		"Right":        {"kind: DomainPatch\nspec: {domain: [{op: remove, path: /domain/devices/sound}]}", ""},
		"Null":         {"kind: DomainPatch\nspec: {cloudInit: [{op: add, target: userData, path: /a, value: null}]}", ""},
		"UnknownField": {"kind: DomainPatch\nspec: {domian: []}", "at '/spec': additional properties 'domian' not allowed"},
		"InARule":      {"kind: DomainPatch\nspec: {domain: [{op: remove, paht: /domain}]}", "'paht' not allowed"},
		"Op":           {"kind: DomainPatch\nspec: {domain: [{op: delete, path: /domain}]}", "at '/spec/domain/0/op': value must be one of"},
		"Type":         {"kind: DomainPatch\nspec: {domain: {op: remove}}", "at '/spec/domain': got object, want array"},
		"NoSpec":       {"kind: DomainPatch", "missing property 'spec'"},
		"OtherKinds":   {"kind: DomainPatch\nspec: {allow: []}", "'allow' not allowed"},
		"Policy":       {"kind: DomainPatchPolicy\nspec: {allow: [{reason: x}]}", "missing property 'path'"},
		"Cluster":      {"kind: ClusterDomainPatch\nspec: {pvc: {}}", "/spec/pvc"},
		"NotOurs":      {"kind: Unknown\nspec: {x: 1}", ""},
	}
	all := compile(t, "all.json")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := all.Validate(documents(t, []byte(head+tc.text))[0])
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("validate: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("validate: %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestKind takes an object of another kind for a mistake where a schema for one kind is asked for.
func TestKind(t *testing.T) {
	object := "{apiVersion: domainpatch.kubevirt.io/v1alpha1, kind: %, metadata: {name: a}, spec: {}}"
	for _, kind := range []string{"DomainPatch", "ClusterDomainPatch", "DomainPatchPolicy"} {
		schema := compile(t, strings.ToLower(kind)+"_v1alpha1.json")
		if err := schema.Validate(documents(t, []byte(strings.ReplaceAll(object, "%", "Other")))[0]); err == nil || !strings.Contains(err.Error(), "/kind") {
			t.Errorf("%s takes another kind: %v", kind, err)
		}
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command schema writes JSON schemas of our kinds for editors and for checks without a cluster, from the CRDs. They
// are stricter than the API server, which drops unknown fields with a warning at best: here they are mistakes. Rules in
// CEL have no place in a JSON schema: kubectl-domainpatch lint knows them.
//
// Use it by make generate. The argument is the root of the repository.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// definition is what of a CRD the schemas need.
type definition struct {
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []version
	}
}

type version struct {
	Name   string
	Schema struct{ OpenAPIV3Schema map[string]any }
}

func run(root string) error {
	files, err := filepath.Glob(filepath.Join(root, "config/crd/domainpatch.kubevirt.io_*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("config/crd has no CRDs"), err)
	}
	var choices []any
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var crd definition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, v := range crd.Spec.Versions {
			name := strings.ToLower(crd.Spec.Names.Kind) + "_" + v.Name + ".json"
			s, err := schema(crd, v)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := write(filepath.Join(root, "config/schema", name), s); err != nil {
				return err
			}
			choices = append(choices, choice(crd, v, name))
		}
	}
	return write(filepath.Join(root, "config/schema/all.json"), map[string]any{
		"$schema": draft, "description": "Any kind of domainpatch.kubevirt.io; all others pass", "allOf": choices,
	})
}

// draft is one that all editors know.
const draft = "http://json-schema.org/draft-07/schema#"

// schema is the JSON schema of one version of a kind.
func schema(crd definition, v version) (map[string]any, error) {
	s := v.Schema.OpenAPIV3Schema
	if err := strict("", s); err != nil {
		return nil, err
	}
	properties := s["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": crd.Spec.Group + "/" + v.Name}
	properties["kind"] = map[string]any{"const": crd.Spec.Names.Kind}
	properties["metadata"] = metadata()
	s["$schema"], s["title"], s["required"] = draft, crd.Spec.Names.Kind, []string{"apiVersion", "kind", "metadata", "spec"}
	return s, nil
}

// metadata says little: only what people write, and a name may be a generated one.
func metadata() map[string]any {
	texts := map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
	return map[string]any{
		"type": "object", "description": "metadata is Kubernetes' own.",
		"properties": map[string]any{
			"name": map[string]any{"type": "string"}, "namespace": map[string]any{"type": "string"}, "labels": texts, "annotations": texts,
		},
	}
}

// choice applies a kind's schema to objects of that kind alone.
func choice(crd definition, v version, file string) map[string]any {
	return map[string]any{
		"if": map[string]any{"required": []string{"apiVersion", "kind"}, "properties": map[string]any{
			"apiVersion": map[string]any{"const": crd.Spec.Group + "/" + v.Name},
			"kind":       map[string]any{"const": crd.Spec.Names.Kind},
		}},
		"then": map[string]any{"$ref": file},
	}
}

// strict makes a JSON schema of an OpenAPI schema, in place. What it does not know is an error, so that a new construct
// of the CRDs is not lost.
func strict(path string, s map[string]any) error {
	if s["type"] == nil && s["properties"] == nil { // any value, null among them
		delete(s, "nullable")
		delete(s, "x-kubernetes-preserve-unknown-fields")
	}
	for _, key := range []string{"nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"} {
		if s[key] != nil {
			return fmt.Errorf("%s: there is no rule for %s with a type yet", path, key)
		}
	}
	maps.DeleteFunc(s, func(key string, _ any) bool { return strings.HasPrefix(key, "x-kubernetes-") })
	if s["properties"] != nil && s["additionalProperties"] == nil {
		s["additionalProperties"] = false
	}
	return inside(path, s)
}

// inside goes through the schemas in a schema.
func inside(path string, s map[string]any) error {
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, ok := s[key].(map[string]any); ok {
			if err := strict(path+"."+key, inner); err != nil {
				return err
			}
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for name, property := range properties {
		if err := strict(path+"."+name, property.(map[string]any)); err != nil {
			return err
		}
	}
	return nil
}

func write(file string, s any) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// schema is the part of values.schema.json that tells of a value.
type schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
}

const (
	begin = "<!-- The table is generated: make generate. -->\n"
	end   = "<!-- End of the table. -->\n"
)

// writeReadme puts the table of values between the two marks in the chart's README.
func writeReadme(chart string) error {
	rows, err := table(chart)
	if err != nil {
		return err
	}
	file := filepath.Join(chart, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s lacks the lines between which the table stands", file)
	}
	text = []byte(before + begin + "| value | default | meaning |\n|---|---|---|\n" + strings.Join(rows, "") + end + after)
	return os.WriteFile(file, text, 0o644)
}

// table is one row for every value of the schema, with the default of values.yaml. The two must have the same values.
func table(chart string) ([]string, error) {
	var root schema
	if err := read(filepath.Join(chart, "values.schema.json"), &root); err != nil {
		return nil, err
	}
	var values map[string]any
	if err := read(filepath.Join(chart, "values.yaml"), &values); err != nil {
		return nil, err
	}
	delete(root.Properties, "global") // Helm's, without a default
	return rows("", root, values)
}

func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, into); err != nil { // JSON is YAML
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func rows(prefix string, s schema, values map[string]any) ([]string, error) {
	var result []string
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property, path := s.Properties[name], prefix+name
		value, ok := values[name]
		if !ok {
			errs = append(errs, fmt.Errorf("values.yaml has no %s, values.schema.json has", path))
			continue
		}
		delete(values, name)
		if inner, ok := value.(map[string]any); ok && property.Properties != nil {
			deeper, err := rows(path+".", property, inner)
			result, errs = append(result, deeper...), append(errs, err)
			continue
		}
		text, err := json.Marshal(value)
		errs = append(errs, err)
		result = append(result, fmt.Sprintf("| `%s` | `%s` | %s |\n", path, text, property.Description))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		errs = append(errs, fmt.Errorf("values.schema.json has no %s, values.yaml has", prefix+name))
	}
	return result, errors.Join(errs...)
}

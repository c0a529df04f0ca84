// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/controllers/testcluster"
)

// TestAsAnAPIServer breaks every field of whole objects in every way, and compares the verdict
// with that of a real API server.
func TestAsAnAPIServer(t *testing.T) {
	c := client.WithFieldValidation(testcluster.Start(t, testcluster.Options{NoKubeVirt: true}), client.FieldValidation(metav1.FieldValidationStrict))
	accepted, refused := 0, 0
	for _, whole := range wholeObjects(t) {
		for _, m := range append(mutants(whole), extremes(whole)...) {
			text, err := json.Marshal(m.object)
			if err != nil {
				t.Fatal(err)
			}
			mistakes, err := Validate(m.kind, text)
			if err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			object := &unstructured.Unstructured{Object: m.object}
			if m.kind == "DomainPatch" && object.GetNamespace() == "" {
				object.SetNamespace("default")
			}
			err = c.Create(t.Context(), object, client.DryRunAll)
			switch {
			case (err != nil) != (len(mistakes) > 0):
				t.Errorf("%s: found %v\nthe API server says %v", m.name, mistakes, err)
			case err == nil:
				accepted++
			case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
				refused++
			default:
				t.Fatalf("%s: %v", m.name, err)
			}
		}
	}
	t.Logf("as the API server: %d accepted, %d refused", accepted, refused)
	if accepted < 100 || refused < 300 {
		t.Errorf("%d objects were accepted and %d refused, want at least 100 and 300", accepted, refused)
	}
}

// mutant is an object that differs from a whole one in one place.
type mutant struct {
	kind, name string
	object     map[string]any
}

func wholeObjects(t *testing.T) []map[string]any {
	t.Helper()
	data, err := os.ReadFile("testdata/whole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, text := range strings.Split(string(data), "\n---\n") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		all = append(all, object)
	}
	return all
}

// place is where a value stands: keys of objects and indexes of lists.
type place []any

func (p place) String() string {
	text := ""
	for _, step := range p {
		text += fmt.Sprint("/", step)
	}
	return text
}

// places lists all values of an object.
func places(at place, value any) []place {
	all := []place{at}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			all = append(all, places(append(slices.Clone(at), key), value[key])...)
		}
	case []any:
		for i := range value {
			all = append(all, places(append(slices.Clone(at), i), value[i])...)
		}
	}
	return all
}

// removed is the value of a field that is to be removed.
type removed struct{}

// mutants replace every value below metadata.name and spec by others, or remove it.
func mutants(whole map[string]any) []mutant {
	values := map[string]any{
		"gone": removed{}, "null": nil, "number": 7.0, "bool": true, "fraction": 1.5, "text": "x", "empty text": "", "long text": strings.Repeat("x", 2000),
		"object": map[string]any{"x": "y"}, "empty object": map[string]any{}, "list": []any{"x"}, "empty list": []any{}, "huge number": 3e9,
	}
	var all []mutant
	for _, at := range places(nil, whole["spec"]) {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			all = append(all, change(whole, append(place{"spec"}, at...), name, values[name]))
		}
	}
	for _, name := range []string{"", "A", "a.b", "a_b", strings.Repeat("n", 63), strings.Repeat("n", 64), strings.Repeat("n", 254)} {
		all = append(all, change(whole, place{"metadata", "name"}, "name "+name, name))
	}
	for key, value := range map[string]any{"a b": "c", "a": "c d", "domainpatch.kubevirt.io/x": "true", "x/y/z": "", "long": strings.Repeat("x", 64)} {
		all = append(all,
			change(whole, place{"metadata", "labels"}, "label "+key, map[string]any{key: value}),
			change(whole, place{"metadata", "annotations"}, "annotation "+key, map[string]any{key: value}))
	}
	return all
}

// extremes are at the limits of lists, and repeat names.
func extremes(whole map[string]any) []mutant {
	spec := whole["spec"].(map[string]any)
	var all []mutant
	for _, list := range []string{"domain", "cloudInit", "matchConditions", "variables", "allow"} {
		items, given := spec[list].([]any)
		if !given {
			continue
		}
		for _, n := range []int{57, 58, 64, 65, 256, 257} {
			unnamed := maps.Clone(items[len(items)-1].(map[string]any))
			many := make([]any, n)
			for i := range many {
				named := maps.Clone(unnamed)
				if _, has := named["name"]; has {
					named["name"] = fmt.Sprint("n", i)
				}
				many[i] = named
			}
			all = append(all, change(whole, place{"spec", list}, fmt.Sprint(n, " entries"), many))
		}
		all = append(all, change(whole, place{"spec", list}, "an entry twice", append(slices.Clone(items), items[0])))
	}
	for _, ops := range [][2]string{{"domain", "set add replace merge remove test move Set"}, {"cloudInit", "add remove replace move copy test merge set"}} {
		rules, _ := spec[ops[0]].([]any)
		for i := range rules {
			for _, op := range strings.Fields(ops[1]) {
				all = append(all, change(whole, place{"spec", ops[0], i, "op"}, op, op))
			}
		}
	}
	return append(all,
		change(whole, place{"spec", "pvc", "volumePath"}, "of the system", "/usr/bin/x"),
		change(whole, place{"spec", "pvc", "volumePath"}, "elsewhere", "/data/x"),
		change(whole, place{"spec", "pvc", "sharedComputePath"}, "of the system", "/usr/bin/x"),
		change(whole, place{"spec", "domains"}, "an unknown field", []any{}),
		change(whole, place{"status"}, "a status", map[string]any{"observedGeneration": -1.0}))
}

// change makes a copy with another value at one place, made where it is not.
func change(whole map[string]any, at place, name string, value any) mutant {
	var object map[string]any
	text, _ := json.Marshal(whole)
	_ = json.Unmarshal(text, &object)
	var into any = object
	for i, step := range at {
		last := i == len(at)-1
		switch parent := into.(type) {
		case map[string]any:
			key := step.(string)
			switch {
			case last && value == removed{}:
				delete(parent, key)
			case last:
				parent[key] = value
			case parent[key] == nil:
				parent[key] = map[string]any{}
			}
			into = parent[key]
		case []any:
			n := step.(int)
			switch {
			case last && value == removed{}:
				parent[n] = map[string]any{}
			case last:
				parent[n] = value
			}
			into = parent[n]
		}
	}
	kind := whole["kind"].(string)
	return mutant{kind, kind + at.String() + ": " + name, object}
}

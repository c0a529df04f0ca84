// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
)

// Mistake is one reason for which an API server refuses an object.
type Mistake struct {
	Field  string // "spec.domain[2].path"; empty for the object as a whole
	Reason string
}

// ErrKind says that no schema is known for a kind.
var ErrKind = errors.New("no CustomResourceDefinition of this kind is known")

// Validate lists what an API server refuses of an object of DomainPatch's kinds, given as JSON.
// A missing namespace of a DomainPatch counts as one that the client fills in. It returns an error
// for what is no JSON object, and ErrKind.
func Validate(kind string, object []byte) ([]Mistake, error) {
	known, err := schemas()
	if err != nil {
		return nil, err
	}
	s := known[kind]
	if s == nil {
		return nil, ErrKind
	}
	var value map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &value); err != nil {
		return nil, err
	}
	if value == nil {
		return nil, errors.New("this is no Kubernetes object")
	}
	v := &validator{}
	metadata := v.metadata(kind, value)
	value["metadata"] = map[string]any{"name": metadata.Name} // all that the rules read
	v.value("", s, value)
	return v.found, nil
}

// validator collects mistakes.
type validator struct{ found []Mistake }

func (v *validator) refuse(at, format string, args ...any) {
	v.found = append(v.found, Mistake{at, fmt.Sprintf(format, args...)})
}

// metadata checks what every object has, by the API server's own code.
func (v *validator) metadata(kind string, object map[string]any) metav1.ObjectMeta {
	var m metav1.ObjectMeta
	text, err := json.Marshal(object["metadata"])
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		v.refuse("metadata", "this is no metadata of a Kubernetes object: %s", strings.TrimPrefix(err.Error(), "json: "))
		return m
	}
	namespaced := kind == "DomainPatch"
	if namespaced && m.Namespace == "" {
		m.Namespace = "default"
	}
	for _, mistake := range validation.ValidateObjectMeta(&m, namespaced, validation.NameIsDNSSubdomain, field.NewPath("metadata")) {
		v.refuse(mistake.Field, "%s", mistake.ErrorBody())
	}
	return m
}

// value checks a value. Nulls that may not be are taken out first, as the API server does.
func (v *validator) value(at string, s *schema, value any) {
	before := len(v.found)
	switch value := value.(type) {
	case nil:
		if !s.Nullable {
			v.refuse(at, "a null instead of %s", wanted(s.Type))
		}
		return
	case map[string]any:
		if v.is(at, s, "object", "an object") {
			v.object(at, s, value)
		}
	case []any:
		if v.is(at, s, "array", "a list") {
			v.list(at, s, value)
		}
	case string:
		if v.is(at, s, "string", "a text") {
			v.text(at, s, value)
		}
	case bool:
		v.is(at, s, "boolean", "true or false")
	case int64:
		if v.is(at, s, "integer", "a number") {
			v.integer(at, s, value)
		}
	default:
		v.is(at, s, "number", "a number")
	}
	if len(v.found) == before {
		v.rules(at, s, value)
	}
}

func (v *validator) is(at string, s *schema, is, name string) bool {
	if s.Type == "" || s.Type == is {
		return true
	}
	v.refuse(at, "%s instead of %s", name, wanted(s.Type))
	return false
}

func wanted(kind string) string {
	switch kind {
	case "string":
		return "a text: put the value in quotes"
	case "integer":
		return "a whole number"
	case "array":
		return "a list"
	case "boolean":
		return "true or false"
	}
	return "an object with fields of its own"
}

func (v *validator) object(at string, s *schema, object map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		of := s.Properties[name]
		below := strings.TrimPrefix(at+"."+name, ".")
		switch {
		case at == "" && name == "metadata":
		case object[name] == nil && s.prunesNull(of):
			delete(object, name)
		case of != nil:
			v.value(below, of, object[name])
		case s.AdditionalValues != nil:
			v.value(fmt.Sprintf("%s[%s]", at, name), s.AdditionalValues, object[name])
		case !s.PreserveUnknown:
			v.refuse(below, "there is no such field")
		}
	}
	for _, name := range s.Required {
		if _, given := object[name]; !given {
			v.refuse(strings.TrimPrefix(at+"."+name, "."), "this field is missing")
		}
	}
}

// prunesNull tells that the API server takes a null for an absent field.
func (s *schema) prunesNull(of *schema) bool {
	if of == nil {
		of = s.AdditionalValues
	}
	return of != nil && !of.Nullable
}

func (v *validator) list(at string, s *schema, list []any) {
	if s.MaxItems != nil && len(list) > *s.MaxItems {
		v.refuse(at, "%d entries, over the limit of %d", len(list), *s.MaxItems)
		return
	}
	seen := map[string]bool{}
	for i, item := range list {
		below := fmt.Sprintf("%s[%d]", at, i)
		if s.Items != nil {
			v.value(below, s.Items, item)
		}
		if key, ok := s.key(item); ok && seen[key] {
			v.refuse(below, "an entry above has the same %s", strings.Join(s.ListMapKeys, " and "))
		} else if ok {
			seen[key] = true
		}
	}
}

// key tells the entries of a list apart, where the schema asks for that.
func (s *schema) key(item any) (key string, ok bool) {
	object, isObject := item.(map[string]any)
	if s.ListType != "map" || !isObject {
		return "", false
	}
	var parts []any
	for _, name := range s.ListMapKeys {
		parts = append(parts, object[name])
	}
	text, err := json.Marshal(parts)
	return string(text), err == nil
}

func (v *validator) text(at string, s *schema, text string) {
	n := utf8.RuneCountInString(text)
	switch {
	case s.MaxLength != nil && n > *s.MaxLength:
		v.refuse(at, "%d characters, over the limit of %d", n, *s.MaxLength)
	case s.MinLength != nil && n < *s.MinLength:
		v.refuse(at, "%d characters, fewer than %d", n, *s.MinLength)
	case s.pattern != nil && !s.pattern.MatchString(text):
		v.refuse(at, "%.60q does not match %s", text, s.Pattern)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, text):
		v.refuse(at, "%.60q is none of %s", text, strings.Join(s.Enum, ", "))
	}
}

func (v *validator) integer(at string, s *schema, n int64) {
	switch {
	case s.Format == "int32" && (n < math.MinInt32 || n > math.MaxInt32):
		v.refuse(at, "%d does not fit into 32 bits", n)
	case s.Minimum != nil && n < *s.Minimum:
		v.refuse(at, "%d is below %d", n, *s.Minimum)
	}
}

// rules evaluates the CEL rules on a value that is right otherwise.
func (v *validator) rules(at string, s *schema, value any) {
	if len(s.Validations) == 0 {
		return
	}
	input := map[string]any{"self": withoutNulls(value)}
	for _, r := range s.Validations {
		holds, _, err := r.program.Eval(input)
		if err == nil && holds.Value() == true {
			continue
		}
		v.refuse(strings.TrimPrefix(at+r.FieldPath, "."), "%s", r.Message)
	}
}

// withoutNulls is what CEL sees of an object in an API server: a field that is null is absent.
func withoutNulls(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := make(map[string]any, len(object))
	for name, field := range object {
		if field != nil {
			out[name] = field
		}
	}
	return out
}

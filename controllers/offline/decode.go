// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
)

// fieldError is what is wrong with a field.
type fieldError struct{ field, reason string }

func (e *fieldError) Error() string { return e.reason }

// decode decodes as the API server does with strict field validation, and refuses a name
// that the server would refuse.
func decode(asJSON []byte, into metav1.Object) []error {
	mistakes, err := kjson.UnmarshalStrict(asJSON, into)
	if err != nil {
		return append(mistakes, readable(err, asJSON))
	}
	name := into.GetName()
	if reasons := validation.IsDNS1123Subdomain(name); len(reasons) > 0 {
		mistakes = append(mistakes, &fieldError{"metadata.name", fmt.Sprintf("%q: %s", name, reasons[0])})
	} else if n := len(name); n > validation.DNS1123LabelMaxLength {
		mistakes = append(mistakes, &fieldError{"metadata.name", fmt.Sprintf("%d characters are over the limit of %d", n, validation.DNS1123LabelMaxLength)})
	}
	return mistakes
}

// missingPaths finds cloud-init rules without a path: a forgotten one must not mean the
// whole document, which the empty path does.
func missingPaths(asJSON []byte) (errs []error) {
	var raw struct {
		Spec struct {
			CloudInit []struct {
				Op   v1alpha1.CloudInitOp `json:"op"`
				Path *string              `json:"path"`
			} `json:"cloudInit"`
		} `json:"spec"`
	}
	if json.Unmarshal(asJSON, &raw) != nil {
		return nil // decode says what is wrong
	}
	for i, r := range raw.Spec.CloudInit {
		if r.Path == nil && r.Op != v1alpha1.CloudInitOpMerge {
			errs = append(errs, &fieldError{fmt.Sprintf("spec.cloudInit[%d].path", i), `is missing ("" is the whole document)`})
		}
	}
	return errs
}

// mismatch is what encoding/json says of a value of the wrong type.
var mismatch = regexp.MustCompile(`^json: cannot unmarshal (\w+)(?: \S+)? into Go struct field \w+\.([\w.]+) of type (\S+)$`)

// jsonTypes are the types of JSON for a person, by their names in encoding/json.
var jsonTypes = map[string]string{"string": "a string", "number": "a number", "bool": "a bool", "array": "a list", "object": "an object"}

// readable tells of a value of the wrong type without Go's names of types.
func readable(err error, asJSON []byte) error {
	found := mismatch.FindStringSubmatch(err.Error())
	if found == nil || jsonTypes[found[1]] == "" {
		return err
	}
	wanted := map[bool]string{true: "a list", false: "an object with fields of its own"}[strings.HasPrefix(found[3], "[]")]
	switch found[3] {
	case "string": // on, yes, 500: YAML takes them for something else
		wanted = "a text: put the value in quotes"
	case "int", "int32", "int64":
		wanted = "a whole number"
	case "bool":
		wanted = "true or false"
	}
	return &fieldError{withIndices(asJSON, found[2], found[1]), fmt.Sprintf("is %s instead of %s", jsonTypes[found[1]], wanted)}
}

// withIndices completes a field path that leaves out the indices of lists: it is that of the first
// value of a type of JSON.
func withIndices(asJSON []byte, field, jsonType string) string {
	var object any
	if json.Unmarshal(asJSON, &object) != nil {
		return field
	}
	if full := findTyped(object, "", strings.Split(field, "."), jsonType); full != "" {
		return full
	}
	return field
}

// findTyped goes below a value along names, and returns the path of the first value of the type.
func findTyped(value any, path string, names []string, jsonType string) string {
	if len(names) == 0 && typeOf(value) == jsonType {
		return path
	}
	switch v := value.(type) {
	case []any:
		for i, child := range v {
			if full := findTyped(child, fmt.Sprintf("%s[%d]", path, i), names, jsonType); full != "" {
				return full
			}
		}
	case map[string]any:
		keys, behind := slices.Sorted(maps.Keys(v)), names // below the last name: those of a map
		if len(names) > 0 {
			keys, behind = names[:1], names[1:]
		}
		for _, key := range keys {
			if full := findTyped(v[key], strings.TrimPrefix(path+"."+key, "."), behind, jsonType); full != "" {
				return full
			}
		}
	}
	return ""
}

// typeOf is the type of a JSON value, as encoding/json calls it.
func typeOf(value any) string {
	switch value.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}

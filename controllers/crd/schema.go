// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"sync"

	"github.com/google/cel-go/cel"
	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/config"
)

// schema is one node of a CRD's schema. Its fields are all keywords that the CRDs use.
type schema struct {
	Description      string             `json:"description"`
	Type             string             `json:"type"`
	Format           string             `json:"format"`
	Properties       map[string]*schema `json:"properties"`
	Required         []string           `json:"required"`
	AdditionalValues *schema            `json:"additionalProperties"`
	Items            *schema            `json:"items"`
	Enum             []string           `json:"enum"`
	Pattern          string             `json:"pattern"`
	MinLength        *int               `json:"minLength"`
	MaxLength        *int               `json:"maxLength"`
	Minimum          *int64             `json:"minimum"`
	MaxItems         *int               `json:"maxItems"`
	Nullable         bool               `json:"nullable"`
	Default          any                `json:"default"`

	PreserveUnknown bool     `json:"x-kubernetes-preserve-unknown-fields"`
	ListType        string   `json:"x-kubernetes-list-type"`
	ListMapKeys     []string `json:"x-kubernetes-list-map-keys"`
	MapType         string   `json:"x-kubernetes-map-type"`
	Validations     []*rule  `json:"x-kubernetes-validations"`

	pattern *regexp.Regexp
}

// rule is one of x-kubernetes-validations.
type rule struct {
	Rule      string `json:"rule"`
	Message   string `json:"message"`
	Reason    string `json:"reason"`
	FieldPath string `json:"fieldPath"`

	program cel.Program
}

// schemas are those of all kinds. They are read when the first object is validated, once.
var schemas = sync.OnceValues(readSchemas)

func readSchemas() (map[string]*schema, error) {
	env, err := cel.NewEnv(cel.Variable("self", cel.DynType))
	if err != nil {
		return nil, err
	}
	files, err := config.CRDs.ReadDir("crd")
	if err != nil {
		return nil, err
	}
	all := map[string]*schema{}
	for _, file := range files {
		data, err := config.CRDs.ReadFile(path.Join("crd", file.Name()))
		if err != nil {
			return nil, err
		}
		kind, s, err := parseCRD(data)
		if err == nil {
			err = s.compile(env)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		all[kind] = s
	}
	return all, nil
}

// parseCRD finds the kind and the schema of its one version.
func parseCRD(data []byte) (kind string, s *schema, err error) {
	var crd struct {
		Spec struct {
			Names    struct{ Kind string }
			Versions []struct {
				Schema struct{ OpenAPIV3Schema json.RawMessage }
			}
		}
	}
	if err := yaml.Unmarshal(data, &crd); err != nil {
		return "", nil, err
	}
	if n := len(crd.Spec.Versions); n != 1 {
		return "", nil, fmt.Errorf("it has %d versions instead of one", n)
	}
	decoder := json.NewDecoder(bytes.NewReader(crd.Spec.Versions[0].Schema.OpenAPIV3Schema))
	decoder.DisallowUnknownFields()
	s = &schema{}
	return crd.Spec.Names.Kind, s, decoder.Decode(s)
}

// compile makes the patterns and rules of the schema executable.
func (s *schema) compile(env *cel.Env) (err error) {
	if s == nil {
		return nil
	}
	if s.Pattern != "" {
		if s.pattern, err = regexp.Compile(s.Pattern); err != nil {
			return err
		}
	}
	for _, r := range s.Validations {
		ast, issues := env.Compile(r.Rule)
		if issues.Err() != nil {
			return issues.Err()
		}
		if r.program, err = env.Program(ast); err != nil {
			return err
		}
	}
	for _, p := range s.Properties {
		if err := p.compile(env); err != nil {
			return err
		}
	}
	if err := s.Items.compile(env); err != nil {
		return err
	}
	return s.AdditionalValues.compile(env)
}

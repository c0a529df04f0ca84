// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package generate

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// minPairs is how many of the cases change something.
const minPairs = 95

// mostRules is how many rules, for one of the case's own, the generated ones may be: a rule
// that a person wrote may change many devices at once.
const mostRules = 5

// TestCases has the rules found for every sample and every case of the engine. They make what
// the rules of the case make, and are not many more.
func TestCases(t *testing.T) {
	pairs, written, generated := 0, 0, 0
	for _, root := range []string{"../../config/samples", "../testdata/cases"} {
		wants, err := filepath.Glob(root + "/*/want.*")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			dir := filepath.Dir(want)
			t.Run(filepath.Base(dir)+filepath.Ext(want), func(t *testing.T) {
				rules, err := generateCase(t, dir, filepath.Base(want))
				if errors.Is(err, ErrEqual) || errors.Is(err, errNoCase) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				own := rulesIn(t, filepath.Join(dir, "patch.yaml"))
				pairs, written, generated = pairs+1, written+own, generated+rules
				if rules > mostRules*own {
					t.Errorf("%d rules generated, %d in the case", rules, own)
				}
			})
		}
	}
	t.Logf("%d pairs: %d rules generated, %d in the cases", pairs, generated, written)
	if pairs < minPairs {
		t.Errorf("%d pairs, want at least %d", pairs, minPairs)
	}
	if generated > written {
		t.Errorf("%d rules generated where people wrote %d", generated, written)
	}
}

var errNoCase = errors.New("it wants no document")

// generateCase generates from the documents of a case and counts the rules.
func generateCase(t *testing.T, dir, want string) (int, error) {
	t.Helper()
	switch want {
	case "want.xml":
		after := read(t, dir, want)
		d, err := Domains(t.Context(), read(t, dir, "domain.xml"), after, nil)
		if err != nil {
			return 0, err
		}
		check(t, d, after)
		return len(d.Rules), nil
	case "want.json":
		c, err := CloudInits(t.Context(), read(t, dir, "cloud-init.json"), read(t, dir, want), nil)
		if err != nil {
			return 0, err
		}
		return len(c.Rules), nil
	}
	return 0, errNoCase
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rulesIn counts the rules of the first patch in a file.
func rulesIn(t *testing.T, file string) int {
	t.Helper()
	var patch struct {
		Spec struct {
			Domain    []any
			CloudInit []any `yaml:"cloudInit"`
		}
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, &patch)
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(patch.Spec.Domain) + len(patch.Spec.CloudInit)
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/controllers/offline"
)

// mistakes is a page whose examples are mistakes, which controllers/lint checks.
const mistakes = "docs/lint.md"

// TestData checks that the blocks of YAML, JSON and shell are such, and that what is of our API
// compiles. Blocks whose tag has a second word are examples of docs/rules.md, which package
// patch runs.
func TestData(t *testing.T) {
	checks := map[string]func(string) error{"yaml": checkYAML, "json": checkJSON, "sh": checkShell}
	ran := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			check, ok := checks[b.tag]
			if !ok {
				continue
			}
			ran[b.tag]++
			if err := check(b.text); err != nil && p.name != mistakes {
				t.Errorf("%s:%d: %v", p.name, b.line, err)
			}
		}
	}
	for tag := range checks {
		if ran[tag] == 0 {
			t.Errorf("no page has a block of %s", tag)
		}
	}
}

func checkYAML(text string) error {
	documents := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document struct {
			APIVersion string `yaml:"apiVersion"`
		}
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
			err = nil // a list, or another value without an apiVersion
		}
		if err != nil {
			return err
		}
		if document.APIVersion == v1alpha1.GroupVersion.String() {
			return compile(text)
		}
	}
}

// compile checks a block with objects of ours, other kinds among them.
func compile(text string) error {
	files := offline.Files{Stdin: strings.NewReader(text)}
	objects, _, err := files.Objects([]string{offline.Stdin})
	if err != nil {
		return err
	}
	_, err = offline.Compile(context.Background(), objects, nil, true)
	return err
}

func checkJSON(text string) error {
	if !json.Valid([]byte(text)) {
		return errors.New("this is not JSON")
	}
	return nil
}

func checkShell(text string) error {
	command := exec.Command("bash", "-n")
	command.Stdin = strings.NewReader(text)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// TestChecks checks that what is wrong is told.
func TestChecks(t *testing.T) {
	const patch = "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: DomainPatch\nmetadata: {name: a}\n"
	for name, err := range map[string]error{
		"a path that does not compile": checkYAML(patch + "spec: {domain: [{op: remove, path: '//a['}]}\n"),
		"an unknown field":             checkYAML("a: 1\n---\n" + patch + "spec: {doman: []}\n"),
		"no YAML":                      checkYAML("a: [\n"),
		"no JSON":                      checkJSON("{"),
		"no shell":                     checkShell("if\n"),
	} {
		if err == nil {
			t.Errorf("%s is taken for good", name)
		}
	}
	for _, good := range []string{"- 1\n", "a: 1\n", patch + "spec: {domain: [{op: remove, path: //a}]}\n"} {
		if err := checkYAML(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// TestFrom checks that blocks which are said to be from a file of the repository are: all their
// lines stand in it one after another, but for comments, empty lines and indentation.
func TestFrom(t *testing.T) {
	plain := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				b.WriteString(line + "\n")
			}
		}
		return b.String()
	}
	found := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			name, ok := b.comments["from"]
			if !ok {
				continue
			}
			found++
			file, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Errorf("%s:%d: %v", p.name, b.line, err)
			} else if !strings.Contains(plain(string(file)), plain(b.text)) {
				t.Errorf("%s:%d: this is not in %s", p.name, b.line, name)
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d blocks from files, want at least 20", found)
	}
}

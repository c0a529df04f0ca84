// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

// TestDocs compares docs/lint.md with the codes: each has a section with its name and severity, an
// example that it is found in, a way out, and for a warning how to silence it, which works.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	_, reference, _ := strings.Cut(string(text), "\n## Codes\n")
	sections := strings.Split(reference, "\n### ")[1:]
	if len(sections) != len(Codes()) {
		t.Errorf("docs/lint.md has %d sections of codes, want %d", len(sections), len(Codes()))
	}
	for i, section := range sections {
		if i >= len(Codes()) {
			break
		}
		c := Codes()[i]
		t.Run(c.ID, func(t *testing.T) {
			for _, want := range []string{c.ID + "\n", fmt.Sprintf("**%s**, %s. ", c.Name, c.Severity), "Example:", "Way out: "} {
				if !strings.Contains(section, want) {
					t.Errorf("the section lacks %q", want)
				}
			}
			_, example, _ := strings.Cut(section, "```yaml")
			_, example, _ = strings.Cut(example, "\n") // behind the tag refused, by which test/docs knows errors
			example, rest, _ := strings.Cut(example, "```")
			found, _ := read(t, Options{Plugins: c == PluginDrops}, example)
			if !slices.Contains(found, c.ID) {
				t.Errorf("the example gives %q, want %s", found, c.ID)
			}
			if c.Severity == Warning {
				testSilence(t, c, example, rest)
			}
		})
	}
}

// testSilence checks that what docs say silences a warning.
func testSilence(t *testing.T, c *Code, example, section string) {
	t.Helper()
	_, how, ok := strings.Cut(section, "Silence: `lint.domainpatch.kubevirt.io/")
	how, _, _ = strings.Cut(how, "`")
	id, reason, _ := strings.Cut(how, ": ")
	if !ok || id != c.ID || reason == "" {
		t.Fatalf("the section does not say how to silence %s", c.ID)
	}
	silent := strings.ReplaceAll(example, "metadata: {", fmt.Sprintf("metadata: {annotations: {%s%s: %q}, ", "lint.domainpatch.kubevirt.io/", c.ID, reason))
	if found, silenced := read(t, Options{Plugins: c == PluginDrops}, silent); slices.Contains(found, c.ID) || silenced == 0 {
		t.Errorf("silenced it gives %q", found)
	}
	if found, _ := read(t, Options{Plugins: c == PluginDrops, Disabled: []string{c.ID}}, example); slices.Contains(found, c.ID) {
		t.Errorf("disabled it gives %q", found)
	}
}

// read lints a text and gives the codes that are found.
func read(t *testing.T, options Options, text string, domains ...string) (codes []string, silenced int) {
	t.Helper()
	objects, _, _ := offline.ParseObjects("test.yaml", []byte(text)) // Read tells what is wrong
	options.Among(objects)
	l, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range domains {
		if err := l.Domain([]byte(d)); err != nil {
			t.Fatal(err)
		}
	}
	l.Read("test.yaml", []byte(text))
	findings, silenced := l.Findings()
	for _, f := range findings {
		if f.Message == "" || strings.ContainsAny(f.Message+f.Fix, "\n\r") {
			t.Errorf("%s: the message or fix is not one line: %q, %q", f.ID, f.Message, f.Fix)
		}
		codes = append(codes, f.ID)
	}
	return codes, silenced
}

// TestCodes wants IDs and names that are in order and that Find finds.
func TestCodes(t *testing.T) {
	for i, c := range Codes() {
		if i > 0 && c.ID <= Codes()[i-1].ID {
			t.Errorf("%s is out of order", c.ID)
		}
		if Find(strings.ToLower(c.ID)) != c || Find(c.Name) != c {
			t.Errorf("%s is not found by its ID or name", c.ID)
		}
		if (c.Severity == Error) != strings.HasPrefix(c.ID, "DP0") || c.Why == "" || c.Fix == "" {
			t.Errorf("%s is not complete", c.ID)
		}
	}
	if Find("DP999") != nil {
		t.Error("DP999 is found")
	}
}

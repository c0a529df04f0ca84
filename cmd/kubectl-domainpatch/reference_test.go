// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// referenceFile is the page with the reference of the verbs, between two comments.
const (
	referenceFile  = "../../docs/cli.md"
	referenceBegin = "<!-- verbs: from the program, by go test ./cmd/kubectl-domainpatch -run Reference -update -->\n"
	referenceEnd   = "<!-- verbs: end -->\n"
)

// TestReference checks that the page has what the program's help says. With -update it writes that.
func TestReference(t *testing.T) {
	text, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), referenceBegin)
	old, after, ends := strings.Cut(rest, referenceEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks a line %q or %q", referenceFile, referenceBegin, referenceEnd)
	}
	var b strings.Builder
	for _, command := range newRoot(streams{}).Commands() {
		if !command.Hidden {
			writeReference(&b, command)
		}
	}
	if *update {
		if err := os.WriteFile(referenceFile, []byte(before+referenceBegin+b.String()+referenceEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), old); diff != "" {
		t.Errorf("%s is not current: run go test ./cmd/kubectl-domainpatch -run Reference -update (-program +page):\n%s", referenceFile, diff)
	}
}

// writeReference writes the section of a verb and of those below it.
func writeReference(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", strings.TrimPrefix(c.CommandPath(), "kubectl domainpatch "))
	fmt.Fprintf(b, "%s.\n\n```text\n%s\n```\n\n", c.Short, c.UseLine())
	if c.Long != "" {
		fmt.Fprintf(b, "```text\n%s\n```\n\n", strings.TrimSpace(c.Long))
	}
	if c.Example != "" {
		fmt.Fprintf(b, "Examples:\n\n```sh\n%s\n```\n\n", dedent(c.Example))
	}
	if c.LocalFlags().HasAvailableFlags() {
		b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { writeFlag(b, f) })
		b.WriteString("\n")
	}
	for _, child := range c.Commands() {
		if !child.Hidden {
			writeReference(b, child)
		}
	}
}

func writeFlag(b *strings.Builder, f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	kind, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if kind != "" {
		name += " " + strings.ToUpper(kind)
	}
	value := ""
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		value = "`" + f.DefValue + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, value, strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(usage))
}

// dedent takes the indentation of two spaces off every line.
func dedent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}

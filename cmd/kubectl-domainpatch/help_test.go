// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the help texts in testdata/help, and the reference in docs/cli.md")

// eachCommand visits all commands that users see, the root among them.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			eachCommand(sub, visit)
		}
	}
}

// TestHelp pins the help of every command.
func TestHelp(t *testing.T) {
	wanted := map[string]bool{}
	eachCommand(newRoot(streams{}), func(c *cobra.Command) {
		args := strings.Fields(strings.TrimPrefix(c.CommandPath(), c.Root().DisplayName()))
		name := strings.Join(append([]string{"domainpatch"}, args...), "-") + ".txt"
		args = append(args, "--help")
		wanted[name] = true
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, streams{nil, &out, &errs}); code != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit code %d\n%s", c.CommandPath(), code, &errs)
		}
		file := filepath.Join("testdata/help", name)
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v: write it with go test ./cmd/kubectl-domainpatch -run TestHelp -update", err)
		} else if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s, to be rewritten with -update (-want +got):\n%s", file, diff)
		}
	})
	files, err := os.ReadDir("testdata/help")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !wanted[f.Name()] {
			t.Errorf("testdata/help/%s is of no command", f.Name())
		}
	}
}

// invocation is a call of the plugin in an example, up to what the shell reads.
var invocation = regexp.MustCompile(`kubectl[ -]domainpatch ([^|>)]*)`)

// TestExamples checks that every command with flags of its own has examples, and that the commands and
// flags in them exist.
func TestExamples(t *testing.T) {
	eachCommand(newRoot(streams{}), func(c *cobra.Command) {
		if c.HasParent() && c.Name() != "help" && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, call := range invocation.FindAllStringSubmatch(strings.ReplaceAll(c.Example, "\\\n", " "), -1) {
			root := newRoot(streams{})
			named, rest, err := root.Find(strings.Fields(call[1]))
			if err == nil && named == root {
				err = unknownCommand(root, call[1])
			}
			if err == nil {
				err = named.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), call[0], err)
			}
		}
	})
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-domainpatch is the kubectl plugin of DomainPatch. Exit codes: 0 done,
// 1 an input was refused or failed, 2 the flags or arguments are wrong.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

func main() {
	// Signals end the program at once, also while it waits for input.
	out := &output{File: os.Stdout}
	code := run(context.Background(), os.Args[1:], streams{os.Stdin, out, os.Stderr})
	if code == 0 && out.failed != nil {
		fmt.Fprintln(os.Stderr, "error: "+out.failed.Error())
		code = 1
	}
	os.Exit(code)
}

// output is stdout. It remembers that something could not be written, for those who do not look.
type output struct {
	*os.File
	failed error
}

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	n, err := o.File.Write(text)
	o.failed = cmp.Or(o.failed, err)
	return n, err
}

// streams are what the commands read and write.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is a mistake in flags or arguments.
type usageError struct{ error }

func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(withLongUpdate(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	for _, m := range offline.Mistakes(err) {
		fmt.Fprintln(s.err, "error: "+m.String())
	}
	if usage := (usageError{}); errors.As(err, &usage) {
		fmt.Fprintln(s.err, "Run with --help to see how it is used.")
		return 2
	}
	return 1
}

// withLongUpdate takes -update of the command test for --update: that is how go test spells such flags.
func withLongUpdate(args []string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "-update"); i > 0 && args[0] == "test" {
		args[i] = "--update"
	}
	return args
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-domainpatch",
		Short: "Preview, test and inject declarative patches of KubeVirt VMs",
		Long: `Preview, test and inject declarative patches of KubeVirt VMs.

It runs the code of the operator and of the shim: what it shows is what a VM gets.

Exit codes: 0 done, 1 an input was refused or failed, 2 the flags or arguments are wrong. Errors
go to stderr, one on a line: FILE:LINE:COLUMN: OBJECT: FIELD: REASON. The environment variable
NO_COLOR turns colours off, which only terminals get.`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl domainpatch"},
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{unknownCommand(c, args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		newRender(s),
		newTest(s),
		newLint(s),
		newGenerate(s),
		newInject(s),
		newStatus(s),
		newVersion(s),
		newCompletion(s),
	)
	return root
}

// unknownCommand names the nearest commands, too.
func unknownCommand(root *cobra.Command, name string) error {
	err := fmt.Errorf("there is no command %q", name)
	if near := root.SuggestionsFor(name); len(near) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
	}
	return err
}

// verb is what the flags of a verb make of it.
type verb interface {
	validate() error // of flags that do not go together
	run(ctx context.Context, s streams) error
}

func runE(s streams, v verb) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if err := v.validate(); err != nil {
			return usageError{err}
		}
		return v.run(c.Context(), s)
	}
}

// stdins counts the names of files that are standard input, which gives its bytes once.
func stdins(names ...string) int {
	n := 0
	for _, name := range names {
		if name == offline.Stdin {
			n++
		}
	}
	return n
}

// noArgs is for verbs whose files are named by flags alone: cobra.NoArgs would call a file an unknown command.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%s takes no argument such as %q", c.Name(), args[0])
	if c.Flags().Lookup("filename") != nil {
		err = fmt.Errorf("%w: name files and folders with --filename (-f)", err)
	}
	return usageError{err}
}

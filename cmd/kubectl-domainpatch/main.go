// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-domainpatch is the kubectl plugin of DomainPatch. Exit codes: 0 done,
// 1 an input was refused or failed, 2 the flags or arguments are wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/controllers/offline"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
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
	root.SetArgs(args)
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

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-domainpatch",
		Short:         "Preview and test declarative patches of KubeVirt VMs",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q", args[0])}
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
	root.AddCommand(
		newRender(s),
		newTest(s),
		newGenerate(s),
		newInject(s),
		newVersion(s),
	)
	return root
}

// noArgs is cobra.NoArgs with our exit code.
func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return usageError{err}
	}
	return nil
}

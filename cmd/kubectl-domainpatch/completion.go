// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

const completionLong = `Print a script that completes commands, flags and their values.

The scripts of bash, zsh, fish and powershell complete kubectl-domainpatch. For
kubectl domainpatch, kubectl's own completion (kubectl completion --help) asks a program
named kubectl_complete-domainpatch on the PATH: "completion kubectl" prints it.`

const completionExample = `  # kubectl domainpatch, in every shell that completes kubectl
  kubectl domainpatch completion kubectl > /usr/local/bin/kubectl_complete-domainpatch
  chmod +x /usr/local/bin/kubectl_complete-domainpatch

  # kubectl-domainpatch, in this bash
  source <(kubectl-domainpatch completion bash)

  # kubectl-domainpatch, in every fish
  kubectl-domainpatch completion fish > ~/.config/fish/completions/kubectl-domainpatch.fish`

// kubectlCompletion is what kubectl runs to complete a plugin (k8s.io/kubectl, pkg/cmd/plugin/plugin_completion.go).
const kubectlCompletion = `#!/bin/sh
exec kubectl-domainpatch __complete "$@"
`

// completions print the scripts, by shell.
var completions = map[string]func(root *cobra.Command, out io.Writer) error{
	"bash":       func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"kubectl": func(_ *cobra.Command, out io.Writer) error {
		_, err := io.WriteString(out, kubectlCompletion)
		return err
	},
}

func newCompletion(s streams) *cobra.Command {
	shells := slices.Sorted(maps.Keys(completions))
	return &cobra.Command{
		Use:       "completion bash|fish|kubectl|powershell|zsh",
		Short:     "Print a script that completes commands and flags",
		Long:      completionLong,
		Example:   completionExample,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || completions[args[0]] == nil {
				return usageError{fmt.Errorf("name one of %v", shells)}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return completions[args[0]](c.Root(), s.out) },
	}
}

// newHelp is cobra's command help, but an unknown command is a mistake.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help on a command",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, other := range c.Root().Commands() {
				if other.IsAvailableCommand() && len(args) == 0 {
					names = append(names, other.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError{unknownCommand(c.Root(), args[0])}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

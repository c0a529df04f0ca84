// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// outputs are the values of a flag --output, each with what it is for, behind a tab as completion shows it.
type outputs []string

var (
	renderOutputs  = outputs{"xml\tthe patched document", "json\tdocuments, report and notes as one object", "report\twhat every rule did"}
	testOutputs    = outputs{"text\tas go test prints", "json\tone object", "junit\tJUnit XML, for CI"}
	injectOutputs  = outputs{"yaml\tdocuments", "json\ta List"}
	versionOutputs = outputs{"text\tfor people", "json\tone object"}
)

func (o outputs) names() []string {
	names := make([]string, len(o))
	for i, one := range o {
		names[i], _, _ = strings.Cut(one, "\t")
	}
	return names
}

func (o outputs) has(name string) bool { return slices.Contains(o.names(), name) }

func (o outputs) refuse(name string) error {
	return fmt.Errorf("--output (-o) %q is none of %s", name, strings.Join(o.names(), ", "))
}

// outputVar adds the flag --output (-o) with its completion.
func outputVar(c *cobra.Command, value *string, byDefault string, all outputs) {
	c.Flags().StringVarP(value, "output", "o", byDefault, strings.Join(all.names(), ", "))
	completeFlag(c, "output", all)
}

// completeFlag completes a flag that was added before by what it may be.
func completeFlag(c *cobra.Command, name string, values []string) {
	if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag, or it has its completion already
	}
}

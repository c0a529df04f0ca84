// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/domainpatch/domainpatch/api/v1alpha1"
	"github.com/domainpatch/domainpatch/patch/bundle"
)

// versions are what version prints.
type versions struct {
	Version      string `json:"version"`
	Commit       string `json:"commit,omitempty"` // empty where Go knows none: go run, go install of a version
	Date         string `json:"date,omitempty"`   // of the commit, RFC 3339
	API          string `json:"api"`
	BundleFormat int    `json:"bundleFormat"`
	Go           string `json:"go"`
	Platform     string `json:"platform"`
}

func newVersion(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program, its API and its bundle format",
		Example: `  # For people
  kubectl domainpatch version

  # For programs
  kubectl domainpatch version -o json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if !versionOutputs.has(output) {
				return usageError{versionOutputs.refuse(output)}
			}
			return ownVersions().print(s, output)
		},
	}
	outputVar(c, &output, "text", versionOutputs)
	return c
}

func ownVersions() versions {
	v := versions{Version: "unknown", API: v1alpha1.GroupVersion.String(), BundleFormat: bundle.FormatVersion,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, setting := range info.Settings {
			switch setting.Key {
			case "vcs.revision":
				v.Commit = setting.Value
			case "vcs.time":
				v.Date = setting.Value
			}
		}
	}
	return v
}

func (v versions) print(s streams, output string) error {
	if output == "json" {
		return printJSON(s.out, v)
	}
	commit := ""
	if v.Commit != "" {
		commit = fmt.Sprintf("commit %s of %s\n", v.Commit, v.Date)
	}
	_, err := fmt.Fprintf(s.out, "kubectl-domainpatch %s\n%sAPI %s\nbundle format %d\n%s %s\n", v.Version, commit, v.API, v.BundleFormat, v.Go, v.Platform)
	return err
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Probe asks one release of KubeVirt, the one it was built with, what it makes of virtual machines: with its
// own defaults, converter, cloud-init reader, hooks client, types and custom resource definitions. It is one
// source for all releases; what differs between them is in the files whose build tags name a release, as
// kubevirt1.8: that release or a later one.
//
//	probe domains FOLDER VMI...  writes NAME.xml, NAME.vmi.json and NAME.cloud-init.json of each
//	probe hooks                  reads a list of runs as JSON, makes them, prints their results as JSON
//	probe hooks FLAGS            starts the VM on stdin, with flags and results of test/kubevirt/cmd/launcher
//	probe types                  prints what api.DomainSpec keeps, a path a line
//	probe annotation             reads a hookSidecars annotation and prints what this release understood of it
//	probe crds                   prints the custom resource definitions, as a stream of YAML
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 2 && args[0] == "domains":
		return writeDomains(args[1], args[2:])
	case len(args) == 1 && args[0] == "hooks":
		return callHooks(os.Stdin, os.Stdout)
	case len(args) > 1 && args[0] == "hooks":
		return launch(args[1:], os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "types":
		return printTypes(os.Stdout)
	case len(args) == 1 && args[0] == "annotation":
		return readAnnotation(os.Stdin, os.Stdout)
	case len(args) == 1 && args[0] == "crds":
		return printDefinitions(os.Stdout)
	}
	return errors.New("want domains FOLDER VMI..., hooks [FLAGS], types, annotation or crds")
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Schema writes the table of patch/schema to the file that it is given: what KubeVirt's
// api.DomainSpec keeps of a domain that is read into it and written again.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the file to write as the only argument, got %q", args)
	}
	version, err := kubevirtVersion()
	if err != nil {
		return err
	}
	t := newTable()
	if _, err := t.element(reflect.TypeFor[api.DomainSpec](), ""); err != nil {
		return err
	}
	source, err := t.source(version)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], source, 0o644)
}

// kubevirtVersion is that of the module that this program was built with.
func kubevirtVersion() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == "kubevirt.io/kubevirt" {
				return module.Version, nil
			}
		}
	}
	return "", fmt.Errorf("this program does not know the version of its module kubevirt.io/kubevirt")
}

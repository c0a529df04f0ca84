// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"

	"github.com/domainpatch/domainpatch/test/kubevirt/launcher"
)

// writeInactive writes, for every file, what virt-launcher goes on with after it had this domain defined: with play, of domains that
// it defines, as libvirt is played; without, of what libvirt says of them.
func writeInactive(args []string) error {
	flags := flag.NewFlagSet("inactive", flag.ContinueOnError)
	out := flags.String("out", "", "")
	play := flags.Bool("play", false, optional)
	if err := parse(flags, args, true); err != nil {
		return err
	}
	read := launcher.Decode
	if *play {
		read = launcher.DumpInactive
	}
	for _, file := range flags.Args() {
		spec, err := readDomain(file, read)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		// Of the first pass the devices alone live on, and not the interfaces: see launcher.Boot.
		spec.Devices.Interfaces = nil
		devices, err := launcher.Encode(&api.DomainSpec{Devices: spec.Devices})
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(*out, filepath.Base(file)), devices, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func readDomain(file string, read func([]byte) (*api.DomainSpec, error)) (*api.DomainSpec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return read(data)
}

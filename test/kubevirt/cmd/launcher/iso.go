// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	ephemeraldiskutils "kubevirt.io/kubevirt/pkg/ephemeral-disk-utils"
)

// writeISO makes the cloud-init disk of a VM as virt-launcher does, with the program xorrisofs, at
// DIR/NAMESPACE/NAME/noCloud.iso or configdrive.iso. The file stays the caller's: here is no user qemu.
func writeISO(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("iso", flag.ContinueOnError)
	file := flags.String("vmi", "", "")
	source := flags.String("cloud-init", "", "")
	out := flags.String("out", "", "")
	if err := parse(flags, args, false); err != nil {
		return err
	}
	vmi, err := readVMI(*file, stdin)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(*source)
	if err != nil {
		return err
	}
	data := &cloudinit.CloudInitData{}
	if err := json.Unmarshal(text, data); err != nil {
		return fmt.Errorf("%s: %w", *source, err)
	}
	if !cloudinit.IsValidCloudInitData(data) {
		return fmt.Errorf("%s: KubeVirt takes no disk of it: it has no user data, or none or two kinds of metadata", *source)
	}
	ephemeraldiskutils.MockDefaultOwnershipManager()
	if err := cloudinit.SetLocalDirectory(*out); err != nil {
		return err
	}
	if err := cloudinit.GenerateLocalData(vmi, "", data); err != nil {
		return fmt.Errorf("cannot make the cloud-init disk with xorrisofs (Debian's package xorriso): %w", err)
	}
	_, err = fmt.Fprintln(stdout, cloudinit.GetIsoFilePath(data.DataSource, vmi.Name, vmi.Namespace))
	return err
}

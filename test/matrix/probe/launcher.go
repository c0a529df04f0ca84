// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "kubevirt.io/api/core/v1"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/hooks"
)

// launch starts a VM as far as the hooks go, with the flags and the results of test/kubevirt/cmd/launcher, for
// which this program stands in a cluster with this release. The VMI comes from stdin.
func launch(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("hooks", flag.ContinueOnError)
	flags.String("vmi", "-", "")
	out := flags.String("out", "", "")
	sockets := flags.String("sockets", "", "")
	sidecars := flags.Uint("sidecars", 1, "")
	timeout := flags.Duration("timeout", time.Minute, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := io.ReadAll(stdin)
	if err != nil {
		return err
	}
	vmi, err := parseVMI(data)
	if err != nil {
		return err
	}
	manager, err := newManager(*sockets)
	if err != nil {
		return err
	}
	if err := manager.Collect(*sidecars, *timeout); err != nil {
		return fmt.Errorf("virt-launcher panics: %w", err)
	}
	fmt.Fprintf(stdout, "%s/%s: collected %d sidecars\n", vmi.Namespace, vmi.Name, *sidecars)
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	if err := launchWith(manager, vmi, *out); err != nil {
		return fmt.Errorf("server error. command SyncVMI failed: %q", err) // as virt-handler has it in the condition
	}
	return manager.Shutdown()
}

// launchWith calls the hooks in virt-launcher's order.
func launchWith(manager hooks.Manager, vmi *v1.VirtualMachineInstance, out string) error {
	spec, err := convert(vmi)
	if err != nil {
		return err
	}
	before, err := cloudinit.ReadCloudInitVolumeDataSource(vmi, out)
	if err != nil {
		return err
	}
	if before != nil {
		if err := writeJSON(filepath.Join(out, "cloud-init.before.json"), before); err != nil {
			return err
		}
		after, err := manager.PreCloudInitIso(vmi, before)
		if err != nil {
			return fmt.Errorf("PreCloudInitIso: %w", err)
		}
		if err := writeJSON(filepath.Join(out, "cloud-init.after.json"), after); err != nil {
			return err
		}
	}
	passes, failure := define(manager, vmi, spec)
	for i, p := range passes {
		name := filepath.Join(out, fmt.Sprintf("domain.pass-%d", i+1))
		if err := errors.Join(os.WriteFile(name+".in.xml", p.in, 0o644), os.WriteFile(name+".out.xml", p.out, 0o644)); err != nil {
			return err
		}
	}
	if failure != nil {
		return failure
	}
	return os.WriteFile(filepath.Join(out, "domain.after.xml"), passes[len(passes)-1].out, 0o644)
}

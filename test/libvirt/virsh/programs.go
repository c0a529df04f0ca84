// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package virsh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// DomainSchema is libvirt's RELAX NG schema of domains.
const DomainSchema = "/usr/share/libvirt/schemas/domain.rng"

// Check says what is missing here, by the name of Debian's package.
func Check() error {
	var errs []error
	for _, p := range []struct{ program, debian string }{
		{"virsh", "libvirt-clients"},
		{"xmllint", "libxml2-utils"},
		{"qemu-system-x86_64", "qemu-system-x86"},
		{"qemu-system-aarch64", "qemu-system-arm"},
		{"ip", "iproute2"},
		{"mount", "mount"},
		{"setpriv", "util-linux"},
	} {
		if _, err := exec.LookPath(p.program); err != nil {
			errs = append(errs, missing(p.program, p.debian))
		}
	}
	for _, f := range []struct{ pattern, debian string }{
		{DomainSchema, "libvirt-clients"}, // by its dependency on libvirt0
		{"/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so", "libvirt-daemon-driver-qemu"},
	} {
		if found, err := filepath.Glob(f.pattern); err != nil || len(found) == 0 {
			errs = append(errs, missing(f.pattern, f.debian))
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		errs = append(errs, fmt.Errorf("no TAP devices: load the kernel's module tun; a container must be given the device: %w", err))
	}
	if os.Geteuid() != 0 {
		errs = append(errs, errors.New("not root: namespaces and TAP devices need it"))
	}
	return errors.Join(errs...)
}

func missing(what, debian string) error {
	return fmt.Errorf("%s is missing: install Debian's package %s", what, debian)
}

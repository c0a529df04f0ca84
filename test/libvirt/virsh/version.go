// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package virsh

import (
	"fmt"
	"strings"
)

// The versions that all data files are of: Debian 12's.
const (
	wantedLibvirt = "libvirt 9.0."
	wantedQEMU    = "QEMU 7.2."
)

// CheckVersions says where libvirt and QEMU are others than those of the data files. The session must be of the QEMU driver.
func (s *Session) CheckVersions() error {
	said, err := s.Do("version")
	if err != nil {
		return err
	}
	return checkVersions(said)
}

func checkVersions(said string) error {
	if strings.Contains(said, "Using library: "+wantedLibvirt) && strings.Contains(said, "Running hypervisor: "+wantedQEMU) {
		return nil
	}
	return fmt.Errorf("the data files are what %sx and %sx of Debian 12 make of things, and here are others: run the tests on Debian 12, "+
		"or change the versions in test/libvirt/virsh/version.go and update the files\n%s", wantedLibvirt, wantedQEMU, strings.TrimSpace(said))
}

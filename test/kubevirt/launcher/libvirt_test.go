// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// The files in testdata/libvirt come from libvirt 9.0 and its QEMU driver:
// NAME.defined.xml was given to "virsh define", NAME.dump.xml is what "virsh
// dumpxml --inactive" said then. They are the first pass of the VMIs of that
// name, less what that libvirt or the machine it ran on could not do: a TPM, a
// memory limit without slots, and the CPU model of the host; and less the
// watchdog, which test/libvirt/facts has: it asks the libvirt of the machine.
func TestDumpInactiveIsLibvirts(t *testing.T) {
	for _, name := range []string{"devices", "arm64"} {
		t.Run(name, func(t *testing.T) {
			got, err := DumpInactive(read(t, name+".defined.xml"))
			if err != nil {
				t.Fatal(err)
			}
			want, err := Decode(read(t, name+".dump.xml"))
			if err != nil {
				t.Fatal(err)
			}
			if want.OS.Type.Arch == "x86_64" {
				// Since libvirt 9.1.
				want.Devices.Watchdogs = append(want.Devices.Watchdogs, api.Watchdog{Model: "itco", Action: "reset"})
			}
			// allocateHotplugPorts puts the earlier ones in their place.
			got.Devices.Interfaces, want.Devices.Interfaces = nil, nil
			if diff := cmp.Diff(encode(t, want.Devices), encode(t, got.Devices)); diff != "" {
				t.Errorf("-libvirt +play\n%s", diff)
			}
		})
	}
}

func encode(t *testing.T, devices api.Devices) string {
	t.Helper()
	data, err := Encode(&api.DomainSpec{Devices: devices})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/libvirt", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package offline

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withinDefault are the samples that a tenant may use under the default policy. The others
// reach out of the VM, or need a device that is the admin's to give.
var withinDefault = []string{
	"clock-legacy-guest", "cpu-cache-passthrough", "cpu-hide-kvm", "device-channel-vdagent", "device-input-ps2", "device-watchdog-action",
	"disk-blockio", "disk-cache-unsafe", "disk-iotune", "disk-iotune-all-virtio", "disk-serial-from-vm", "disk-wwn", "display-video-memory",
	"features-hyperv-more", "network-mtu", "network-queue-size", "network-vmxnet3",
	"smbios-baseboard", "smbios-oem-strings", "smbios-system", "smbios-vendor-router", "vm-limits-checked",
}

// TestDefaultPolicy judges every sample with domain rules by the default policy: what is
// allowed gives what the sample gives without policies, what is not is denied by its name.
func TestDefaultPolicy(t *testing.T) {
	dirs, err := filepath.Glob("../../config/samples/*/domain.xml")
	if err != nil || len(dirs) < len(withinDefault) {
		t.Fatalf("%d samples, %v", len(dirs), err)
	}
	for _, domain := range dirs {
		dir := filepath.Dir(domain)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			objects, _, err := Files{}.Objects([]string{filepath.Join(dir, "patch.yaml"), "../../patch/testdata/policies/default.yaml"})
			if err != nil {
				t.Fatal(err)
			}
			out, err := underPolicies(t, dir, objects)
			if !slices.Contains(withinDefault, filepath.Base(dir)) {
				if err == nil || !strings.Contains(err.Error(), "denied by DomainPatchPolicy default: /domain/") {
					t.Errorf("got %v, want a denial; if a tenant may use this sample, add it to withinDefault", err)
				}
				return
			}
			want, missing := os.ReadFile(filepath.Join(dir, "want.xml"))
			if err != nil || missing != nil || string(out) != string(want) {
				t.Errorf("denied, or changed otherwise than without policies: %v %v", err, missing)
			}
		})
	}
}

func underPolicies(t *testing.T, dir string, objects Objects) ([]byte, error) {
	t.Helper()
	var vmi *VMI
	if data, err := os.ReadFile(filepath.Join(dir, "vmi.yaml")); err == nil {
		if vmi, err = ParseVMI(data); err != nil {
			t.Fatal(err)
		}
	}
	program, err := Compile(context.Background(), objects, vmi, vmi == nil)
	if err != nil {
		t.Fatal(err)
	}
	domain, err := os.ReadFile(filepath.Join(dir, "domain.xml"))
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := program.Domain(context.Background(), domain, false)
	return out, err
}

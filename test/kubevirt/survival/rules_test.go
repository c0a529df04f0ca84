// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package survival

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesSurviveThreePasses: every op, on what KubeVirt keeps and on what it drops.
func TestRulesSurviveThreePasses(t *testing.T) {
	cases := map[string]struct {
		rules string
		want  map[string]int // facts of the last result
	}{
		"set what is kept": {
			`[{op: set, path: "/domain/devices/disk[target/@dev='vda']/serial", value: S1}]`,
			map[string]int{"/domain/devices/disk/serial=S1": 1},
		},
		"set what is dropped": {
			`[{op: set, path: "/domain/devices/disk[target/@dev='vda']/iotune/total_iops_sec", value: "500"}]`,
			map[string]int{"/domain/devices/disk/iotune/total_iops_sec=500": 1},
		},
		"set an attribute that is dropped": {
			`[{op: set, path: "/domain/devices/disk[target/@dev='vda']/target/@rotation_rate", value: "1"}]`,
			map[string]int{"/domain/devices/disk/target@rotation_rate=1": 1},
		},
		"add a keyed device": {
			`[{op: add, path: /domain/devices, xml: "<channel type='unix'><target type='virtio' name='org.x.0'/></channel>"}]`,
			map[string]int{"/domain/devices/channel/target@name=org.x.0": 1},
		},
		"add a disk with a part that is dropped": {
			`[{op: add, path: /domain/devices, xml: "<disk type='file' device='disk'><source file='/x'/><target dev='vdx' bus='virtio' rotation_rate='1'/><wwn>5000c50015ea71ad</wwn></disk>"}]`,
			map[string]int{"/domain/devices/disk/target@dev=vdx": 1, "/domain/devices/disk/target@rotation_rate=1": 1, "/domain/devices/disk/wwn=5000c50015ea71ad": 1},
		},
		"add what libvirt allows once": {
			`[{op: add, path: /domain, xml: "<iothreads>3</iothreads>"}]`,
			map[string]int{"/domain/iothreads=3": 1},
		},
		"add entries": {
			`[{op: add, path: "/domain/sysinfo[@type='smbios']/baseBoard", xml: "<entry name='manufacturer'>A</entry><entry name='asset'>B</entry>"}]`,
			map[string]int{"/domain/sysinfo/baseBoard/entry=A": 1, "/domain/sysinfo/baseBoard/entry=B": 1},
		},
		"add a run": {
			`[{op: add, path: /domain, xml: "<qemu:commandline/>"},
			  {op: add, path: "/domain/qemu:commandline", xml: "<qemu:arg value='-device'/><qemu:arg value='a'/>"},
			  {op: add, path: "/domain/qemu:commandline", xml: "<qemu:arg value='-device'/><qemu:arg value='b'/>"}]`,
			map[string]int{"/domain/commandline/arg@value=-device": 2, "/domain/commandline/arg@value=a": 1, "/domain/commandline/arg@value=b": 1},
		},
		"remove devices": {
			`[{op: remove, path: /domain/devices/video}, {op: remove, path: /domain/devices/graphics}]`,
			map[string]int{"/domain/devices/video": 0, "/domain/devices/graphics": 0},
		},
		"remove what libvirt puts back": {
			`[{op: remove, path: /domain/devices/memballoon}]`,
			map[string]int{"/domain/devices/memballoon": 0},
		},
		"remove and add a device that has no address for KubeVirt": {
			`[{op: remove, path: /domain/devices/memballoon}, {op: set, path: /domain/vcpu/@placement, value: auto}]`,
			map[string]int{"/domain/vcpu@placement=auto": 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := patchFolder(t, tc.rules)
			for way, b := range boots {
				last, refusal := b.threePasses(t, folder, devices(t))
				if refusal != "" {
					t.Fatalf("%s: %s", way, refusal)
				}
				got := facts(last)
				for fact, want := range tc.want {
					if got[fact] != want {
						t.Errorf("%s: %d times %s, want %d:\n%s", way, got[fact], fact, want, last)
					}
				}
				checkAddresses(t, last)
			}
		})
	}
}

// TestRulesThatWouldNotSurvive are refused on the first call, with the rule and the place.
func TestRulesThatWouldNotSurvive(t *testing.T) {
	cases := map[string]struct{ rules, want string }{
		"the marker is dropped": {
			`[{op: set, path: "/domain/devices/disk[target/@dev='vda'][not(wwn)]/serial", expression: "current == null ? 'x' : current + 'x'"},
			  {op: set, path: "/domain/devices/disk[target/@dev='vda']/wwn", value: "5000c50015ea71ad"}]`,
			"spec.domain[0]: the rule is not idempotent",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, refusal := call(t, patchFolder(t, tc.rules), devices(t), nil)
			if !strings.Contains(refusal, tc.want) {
				t.Errorf("got %q, want …%s", refusal, tc.want)
			}
		})
	}
}

// patchFolder makes a folder with a patch of these rules.
func patchFolder(t *testing.T, rules string) string {
	t.Helper()
	folder := t.TempDir()
	patch := "apiVersion: domainpatch.kubevirt.io/v1alpha1\nkind: DomainPatch\nmetadata: {name: p}\nspec:\n  domain: " + rules + "\n"
	if err := os.WriteFile(filepath.Join(folder, "patch.yaml"), []byte(patch), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

func devices(t *testing.T) string { return read(t, "../../../patch/testdata/domains", "devices.xml") }

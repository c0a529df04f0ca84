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
			`[{op: remove, path: /domain/devices/video}, {op: add, path: /domain/devices, xml: "<video><model type='virtio'><resolution x='800' y='600'/></model></video>"}]`,
			map[string]int{"/domain/devices/video": 1, "/domain/devices/video/model@type=virtio": 1, "/domain/devices/video/model/resolution@x=800": 1},
		},
		"add keyless devices": {
			`[{op: add, path: /domain/devices, xml: "<video><model type='virtio'/></video><video><model type='virtio' primary='no'/></video><redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='1'/></redirdev>"}]`,
			map[string]int{"/domain/devices/video/model@type=virtio": 2, "/domain/devices/redirdev@type=tcp": 1, "/domain/devices/redirdev/source@host=h": 1},
		},
		"two devices that KubeVirt cannot tell apart": {
			`[{op: add, path: /domain/devices, xml: "<redirdev bus='usb' type='tcp'><source host='a'/></redirdev>"},
			  {op: add, path: /domain/devices, xml: "<redirdev bus='usb' type='tcp'><source host='b'/></redirdev>"}]`,
			map[string]int{"/domain/devices/redirdev@type=tcp": 2, "/domain/devices/redirdev/source@host=a": 1, "/domain/devices/redirdev/source@host=b": 1},
		},
		"add a device that KubeVirt does not know": {
			`[{op: add, path: /domain/devices, xml: "<shmem name='a'><size unit='M'>4</size></shmem><shmem name='b'/>"}]`,
			map[string]int{"/domain/devices/shmem": 2, "/domain/devices/shmem/size=4": 1},
		},
		"replace a device": {
			`[{op: replace, path: "/domain/devices/disk[target/@dev='vda']", xml: "<disk type='vhostuser' device='disk'><source type='unix' path='/x'><reconnect enabled='yes'/></source><target dev='vda' bus='virtio'/></disk>"}]`,
			map[string]int{"/domain/devices/disk@type=vhostuser": 1, "/domain/devices/disk/source@path=/x": 1, "/domain/devices/disk/target@dev=vda": 1},
		},
		"replace a text": {
			`[{op: replace, path: /domain/vcpu/@placement, value: auto}]`,
			map[string]int{"/domain/vcpu@placement=auto": 1},
		},
		"entries of which KubeVirt keeps a part": {
			`[{op: add, path: /domain/os, xml: "<acpi><table type='slic'>/a</table></acpi>"},
			  {op: add, path: /domain/os/acpi, xml: "<table type='raw' x='1'>/b</table><table type='rawset' x='2'>/b</table>"}]`,
			map[string]int{"/domain/os/acpi/table=/a": 1, "/domain/os/acpi/table=/b": 2, "/domain/os/acpi/table@x=1": 1, "/domain/os/acpi/table@x=2": 1},
		},
		"merge": {
			`[{op: merge, xml: "<domain><features><kvm><poll-control state='on'/></kvm></features><clock offset='utc'><timer name='rtc' tickpolicy='catchup'><catchup slew='1'/></timer></clock></domain>"},
			  {op: merge, path: "/domain/devices/disk[target/@dev='vda']", xml: "<disk><iotune><total_iops_sec>5</total_iops_sec></iotune></disk>"}]`,
			map[string]int{"/domain/features/kvm/poll-control@state=on": 1, "/domain/clock/timer@name=rtc": 1, "/domain/clock/timer/catchup@slew=1": 1, "/domain/devices/disk/iotune/total_iops_sec=5": 1},
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
		"two sysinfo elements": {
			`[{op: add, path: /domain, xml: "<sysinfo type='fwcfg'><entry name='opt/x'>y</entry></sysinfo>"}]`,
			"spec.domain[0]: a <sysinfo> is there already, and KubeVirt reads several below <domain> as one",
		},
		"two where KubeVirt has room for one": {
			`[{op: replace, path: /domain/devices/rng, xml: "<rng model='virtio'><backend model='random'>/a</backend></rng><rng model='virtio'><backend model='random'>/b</backend></rng>"}]`,
			"spec.domain[0]: the rule does not survive KubeVirt's second pass: KubeVirt's types have room for one <rng>, and /domain/devices/rng[2] would be merged with the one before it",
		},
		"devices made anew": {
			`[{op: remove, path: /domain/devices/disk}, {op: add, path: /domain/devices, xml: "<disk type='file' device='disk'><source file='/x'/><target dev='vda' bus='virtio'/></disk><disk type='file' device='disk'><source file='/y'/><target dev='vdb' bus='virtio'/></disk>"}]`,
			"spec.domain[1]: the rule does not survive KubeVirt's second pass: /domain/devices/disk[1] loses the <address>",
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

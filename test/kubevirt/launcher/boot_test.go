// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	v1 "kubevirt.io/api/core/v1"

	cloudinit "kubevirt.io/kubevirt/pkg/cloud-init"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

const vmis = "../testdata/vmis"

// oneSidecar is a hooks manager with a sidecar that edits text.
type oneSidecar struct {
	edit func(domain string) (string, error)
}

func (oneSidecar) Collect(uint, time.Duration) error { return nil }
func (oneSidecar) Shutdown() error                   { return nil }

func (s oneSidecar) OnDefineDomain(spec *api.DomainSpec, _ *v1.VirtualMachineInstance) (string, error) {
	in, err := Encode(spec)
	if err != nil {
		return "", err
	}
	return s.edit(string(in))
}

// PreCloudInitIso uses the data without a look whether there is any, like KubeVirt's.
func (oneSidecar) PreCloudInitIso(_ *v1.VirtualMachineInstance, data *cloudinit.CloudInitData) (*cloudinit.CloudInitData, error) {
	edited := *data
	edited.UserData += "# edited\n"
	return &edited, nil
}

func TestPasses(t *testing.T) {
	cases := map[string]struct {
		reason string
		vmi    string
		edit   func(*v1.VirtualMachineInstance)
		passes int
		want   []string
	}{
		"Hotplug":    {"two NICs leave room for two more, and 4 GiB of memory for more ports", "devices", nil, 0, []string{"with 2 placeholder interfaces", "as it starts", "with 4 more PCIe root ports"}},
		"FewPorts":   {"three placeholders are all the free ports that KubeVirt wants", "plain", nil, 0, []string{"with 3 placeholder interfaces", "as it starts"}},
		"ManyNICs":   {"four NICs leave no room for placeholders", "pinned", nil, 0, []string{"as it starts", "with 6 more PCIe root ports"}},
		"MuchMemory": {"with over 2 GiB KubeVirt wants sixteen ports", "windows", nil, 0, []string{"with 3 placeholder interfaces", "as it starts", "with 8 more PCIe root ports"}},
		"SlotCount":  {"KubeVirt froze the number of NIC slots of an older VM", "plain", annotate(v1.PciInterfaceSlotCountAnnotation, "2"), 0, []string{"with 1 placeholder interfaces", "as it starts", "with 2 more PCIe root ports"}},
		"RootBus":    {"devices on the root complex cannot be hotplugged", "headless", nil, 0, []string{"as it starts"}},
		"RootPorts":  {"of eight ports six are taken, and three must be free", "headless", annotate(v1.PlacePCIDevicesOnRootComplex, "false"), 0, []string{"as it starts", "with 3 more PCIe root ports"}},
		"FewDevices": {"of eight ports four are taken", "headless", func(vmi *v1.VirtualMachineInstance) {
			annotate(v1.PlacePCIDevicesOnRootComplex, "false")(vmi)
			vmi.Spec.Domain.Devices.Disks = nil
		}, 0, []string{"as it starts", "with 4 more PCIe root ports"}},
		"NoPCI":     {"s390x has no PCIe", "s390x", nil, 0, []string{"as it starts"}},
		"ForcedOne": {"a smaller number is what was asked for", "devices", nil, 1, []string{"as it starts"}},
		"ForcedAll": {"a larger number is what was asked for", "plain", nil, 3, []string{"with 3 placeholder interfaces", "as it starts", "with 1 more PCIe root ports"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vmi, _ := load(t, tc.vmi)
			if tc.edit != nil {
				tc.edit(vmi)
			}
			domain, err := Convert(vmi)
			if err != nil {
				t.Fatal(err)
			}
			unchanged := oneSidecar{func(domain string) (string, error) { return domain, nil }}
			passes, err := (&Boot{Manager: unchanged, VMI: vmi, Passes: tc.passes}).Define(&domain.Spec)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, pass := range passes {
				got = append(got, pass.What)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func annotate(key, value string) func(*v1.VirtualMachineInstance) {
	return func(vmi *v1.VirtualMachineInstance) { metav1.SetMetaDataAnnotation(&vmi.ObjectMeta, key, value) }
}

func TestPassesRefused(t *testing.T) {
	for passes, vmi := range map[int]string{-1: "plain", MaxPasses + 1: "plain", 2: "s390x"} {
		vmi, spec := load(t, vmi)
		if _, err := (&Boot{VMI: vmi, Passes: passes}).Define(spec); err == nil {
			t.Errorf("%d passes of %s: got no error", passes, vmi.Name)
		}
	}
}

func TestWhatSurvivesAPass(t *testing.T) {
	cases := map[string]struct {
		reason     string
		at, insert string
		find       string
		want       []bool
	}{
		"KnownDevice":   {"KubeVirt reads the devices back, libvirt keeps what it knows", "<disk ", `<sound model="ac97"></sound><disk `, `<sound model="ac97">`, []bool{true, true}},
		"UnknownDevice": {"KubeVirt's structs have no shmem", "</devices>", `<shmem name="x"></shmem></devices>`, "<shmem ", []bool{false, false}},
		"KnownOutside":  {"of the first pass only the devices are read back, of the second the whole domain", "<memory ", `<on_reboot>destroy</on_reboot><memory `, "<on_reboot>", []bool{false, true}},
		"QEMUArguments": {"KubeVirt's structs write them but cannot read them", "</domain>", `<qemu:commandline><qemu:arg value="-x"></qemu:arg></qemu:commandline></domain>`, "qemu:arg", []bool{false, false}},
		"Placeholder":   {"the interfaces of the first pass are thrown away", "<controller ", "<controller ", "placeholder-0", []bool{false, false}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vmi, spec := load(t, "devices")
			sidecar := oneSidecar{func(domain string) (string, error) {
				return strings.Replace(domain, tc.at, tc.insert, 1), nil
			}}
			passes, err := (&Boot{Manager: sidecar, VMI: vmi}).Define(spec)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range tc.want {
				if got := strings.Contains(string(passes[i+1].In), tc.find); got != want {
					t.Errorf("%s: %q in the input of pass %d: %v, want %v", tc.reason, tc.find, i+2, got, want)
				}
			}
		})
	}
}

func TestDefineFails(t *testing.T) {
	vmi, spec := load(t, "devices")
	calls := 0
	sidecar := oneSidecar{func(domain string) (string, error) {
		if calls++; calls == 2 {
			return "", errors.New("domainpatch: no")
		}
		return domain, nil
	}}
	passes, err := (&Boot{Manager: sidecar, VMI: vmi}).Define(spec)
	if err == nil || len(passes) != 2 || passes[0].Out == nil || passes[1].Out != nil {
		t.Fatalf("a failure in pass 2: got %d passes, error %v", len(passes), err)
	}
	const want = `server error. command SyncVMI failed: "domainpatch: no"`
	if got := Condition(err); got != want {
		t.Errorf("condition: got %s, want %s", got, want)
	}
}

func TestCloudInit(t *testing.T) {
	vmi, _ := load(t, "plain")
	before, after, err := (&Boot{Manager: oneSidecar{}, VMI: vmi}).CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	if want := before.UserData + "# edited\n"; after.UserData != want || before.VolumeName != "seed" {
		t.Errorf("got user data %q of volume %q, want %q of seed", after.UserData, before.VolumeName, want)
	}
	vmi, _ = load(t, "windows")
	if _, _, err := (&Boot{Manager: oneSidecar{}, VMI: vmi}).CloudInit(); err == nil || !strings.Contains(err.Error(), "crashes") {
		t.Errorf("a VMI without cloud-init data: got error %v, want virt-launcher's crash", err)
	}
}

func TestParseVMI(t *testing.T) {
	t.Run("Twice", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(vmis, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("found %d VMIs, error %v", len(files), err)
		}
		for _, file := range files {
			vmi, _ := load(t, strings.TrimSuffix(filepath.Base(file), ".yaml"))
			data, err := json.Marshal(vmi)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseVMI(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(vmi, again); diff != "" {
				t.Errorf("%s: -once +twice\n%s", file, diff)
			}
		}
	})
	refused := map[string]struct{ reason, vmi, want string }{
		"UnknownField": {"a misspelt field must not be lost", "spec: {domian: {}}", "domian"},
		"NotAVMI":      {"a VM has another shape", "kind: VirtualMachine", "VirtualMachineInstance"},
		"GPU":          {"it would be missing from the domain", "spec: {domain: {devices: {gpus: [{name: g, deviceName: d}]}}}", "gpus"},
		"SRIOV":        {"it would be missing from the domain", "spec: {domain: {devices: {interfaces: [{name: nic, sriov: {}}]}}}", "interfaces[0]"},
		"Confidential": {"its firmware and CPU come from the node", "spec: {domain: {launchSecurity: {sev: {}}}}", "launchSecurity"},
	}
	for name, tc := range refused {
		t.Run(name, func(t *testing.T) {
			head := "apiVersion: kubevirt.io/v1\nmetadata: {name: x}\n"
			if !strings.HasPrefix(tc.vmi, "kind:") {
				head += "kind: VirtualMachineInstance\n"
			}
			if _, err := ParseVMI([]byte(head + tc.vmi)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got error %v, want one about %q", tc.reason, err, tc.want)
			}
		})
	}
}

func load(t *testing.T, name string) (*v1.VirtualMachineInstance, *api.DomainSpec) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vmis, name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	vmi, err := ParseVMI(data)
	if err != nil {
		t.Fatal(err)
	}
	domain, err := Convert(vmi)
	if err != nil {
		t.Fatal(err)
	}
	return vmi, &domain.Spec
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package oldest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// testdata has VMIs and the domains that the newest KubeVirt makes of them. What the oldest one's
// structs do not hold of a domain is gone when it is read here.
const testdata = "../../../patch/testdata/domains"

func loadVMI(t *testing.T, name string) *v1.VirtualMachineInstance {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name+".vmi.json"))
	vmi := &v1.VirtualMachineInstance{}
	if err == nil {
		err = json.Unmarshal(data, vmi)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vmi
}

func loadDomain(t *testing.T, name string) *api.DomainSpec {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, data)
}

func decode(t *testing.T, domain []byte) *api.DomainSpec {
	t.Helper()
	spec := &api.DomainSpec{}
	if err := xml.Unmarshal(domain, spec); err != nil {
		t.Fatalf("KubeVirt cannot read the domain: %v\n%s", err, domain)
	}
	return spec
}

// pass is one call of OnDefineDomain: through all sidecars, one after another.
type pass struct{ in, out string }

// define calls OnDefineDomain three times, with KubeVirt's own structs in between: with placeholder
// interfaces, as the VM starts, and with more PCIe root ports. KubeVirt v1.2 makes the
// first two of these calls (withNetworkIfacesResources), v1.9 the third, too. A machine
// without PCIe gets the second call alone.
func define(t *testing.T, manager hooks.Manager, vmi *v1.VirtualMachineInstance, spec *api.DomainSpec) []pass {
	t.Helper()
	if spec.OS.Type.Arch == "s390x" {
		return []pass{call(t, manager, vmi, spec)}
	}
	first := spec.DeepCopy()
	for i := range 3 {
		name := fmt.Sprintf("placeholder-%d", i)
		first.Devices.Interfaces = append(first.Devices.Interfaces, api.Interface{
			Type: "ethernet", Model: &api.Model{Type: "virtio"},
			Target: &api.InterfaceTarget{Device: name, Managed: "no"},
		})
	}
	passes := []pass{call(t, manager, vmi, first)}
	interfaces := spec.Devices.Interfaces
	assignAddresses(&first.Devices)
	spec.Devices = first.Devices
	spec.Devices.Interfaces = interfaces
	passes = append(passes, call(t, manager, vmi, spec))
	for range 4 {
		addRootPort(&spec.Devices)
	}
	return append(passes, call(t, manager, vmi, spec))
}

// call leaves in spec what KubeVirt's structs keep of the result, as its
// SetDomainSpecStrWithHooks does.
func call(t *testing.T, manager hooks.Manager, vmi *v1.VirtualMachineInstance, spec *api.DomainSpec) pass {
	t.Helper()
	in, err := xml.MarshalIndent(spec, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	out, err := manager.OnDefineDomain(spec, vmi)
	if err != nil {
		t.Fatal(err)
	}
	*spec = *decode(t, []byte(out))
	return pass{string(in), out}
}

// assignAddresses is the part of libvirt that shows: every device on PCI gets a root port of its own,
// and the machine its keyboard.
func assignAddresses(d *api.Devices) {
	var addresses []**api.Address
	for i := range d.Disks {
		if d.Disks[i].Target.Bus == v1.DiskBusVirtio {
			addresses = append(addresses, &d.Disks[i].Address)
		}
	}
	for i := range d.Controllers {
		if c := &d.Controllers[i]; c.Type != "pci" && c.Model != "none" {
			addresses = append(addresses, &c.Address)
		}
	}
	for _, address := range addresses {
		if *address == nil {
			bus := addRootPort(d)
			*address = &api.Address{Type: api.AddressPCI, Domain: "0x0000", Bus: fmt.Sprintf("0x%02x", bus), Slot: "0x00", Function: "0x0"}
		}
	}
	d.Inputs = append(d.Inputs, api.Input{Type: "keyboard", Bus: "ps2"})
}

// addRootPort gives the index of the new port, which is the number of its bus.
func addRootPort(d *api.Devices) (index int) {
	for _, c := range d.Controllers {
		if c.Type == "pci" {
			index++
		}
	}
	d.Controllers = append(d.Controllers, api.Controller{Type: "pci", Index: strconv.Itoa(index), Model: "pcie-root-port"})
	return index
}

// checkEdits counts what the domain rules of test/kubevirt/testdata/bundles make: each stands once,
// whether KubeVirt's structs carried it on or dropped it.
func checkEdits(t *testing.T, p pass) {
	t.Helper()
	out := strings.ReplaceAll(p.out, "'", `"`)
	_, baseBoard, _ := strings.Cut(out, "<baseBoard>")
	baseBoard, _, _ = strings.Cut(baseBoard, "</baseBoard>")
	if got := strings.Count(baseBoard, `<entry name="manufacturer">Acme`); got != 1 {
		t.Errorf("%d manufacturers of the base board, want 1, in:\n%s", got, p.out)
	}
	for what, want := range map[string]int{
		`<smbios mode="sysinfo"`:                    1,
		`<total_iops_sec>500</total_iops_sec>`:      strings.Count(out, `<disk device="disk"`),
		`rx_queue_size="1024"`:                      strings.Count(out, "<interface ") - strings.Count(out, `<target dev="placeholder-`),
		`name="com.example.contract"`:               1,
		`<qemu:arg value="timestamp=on"`:            1,
		`<mtu `:                                     0,
		`<target dev="placeholder-0"`:               strings.Count(p.in, `<target dev="placeholder-0"`),
		`<input type="keyboard" bus="ps2"></input>`: strings.Count(p.in, `<input type="keyboard" bus="ps2"></input>`),
	} {
		if got := strings.Count(out, what); got != want {
			t.Errorf("%d of %s, want %d, in:\n%s", got, what, want, p.out)
		}
	}
}

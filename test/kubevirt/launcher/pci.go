// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// pciDevice is one that has no address.
type pciDevice struct {
	address      **api.Address
	conventional bool // it is no PCIe device, so that libvirt puts it behind a bridge
}

// assignPCIAddresses puts every PCI device that has no address on a root port
// of its own, adds these ports, and one more to spare, as libvirt does. All
// conventional devices share a bridge, which takes the first port.
func assignPCIAddresses(spec *api.DomainSpec) {
	d := &spec.Devices
	if !hasController(d, "pci") {
		d.Controllers = append(d.Controllers, api.Controller{Type: "pci", Index: "0", Model: api.ControllerModelPCIeRoot})
	}
	homeless := withoutPCIAddress(spec)
	if len(homeless) == 0 {
		return
	}
	first := lastPCIController(d.Controllers) + 1
	ports, bridge := pciNumbers(homeless, first)
	settle(homeless, ports, bridge)
	addPorts(d, ports, bridge, firstPortSlot(spec), first) // last, for it moves the controllers
}

func settle(homeless []pciDevice, ports []int, bridge int) {
	if bridge > 0 {
		ports = ports[1:]
	}
	slot := 0
	for _, device := range homeless {
		if device.conventional {
			slot++
			*device.address = pciAddress(bridge, slot, 0)
			continue
		}
		*device.address = pciAddress(ports[0], 0, 0)
		ports = ports[1:]
	}
}

// pciNumbers numbers the root ports and the bridge, 0 for none, in the order in
// which libvirt finds that it needs them.
func pciNumbers(homeless []pciDevice, next int) (ports []int, bridge int) {
	for _, device := range homeless {
		if device.conventional && bridge > 0 {
			continue
		}
		ports = append(ports, next)
		next++
		if device.conventional {
			bridge = next
			next++
		}
	}
	return append(ports, next), bridge
}

func addPorts(d *api.Devices, ports []int, bridge, slot, first int) {
	for i, port := range ports {
		d.Controllers = append(d.Controllers, api.Controller{
			Type:  "pci",
			Index: strconv.Itoa(port),
			Model: "pcie-root-port",
			// The real one has a chassis and a port, which KubeVirt does not read.
			Target:  &api.ControllerTarget{},
			Address: pciAddress(0, slot+(first-1+i)/8, (first-1+i)%8),
		})
		if port+1 == bridge {
			d.Controllers = append(d.Controllers, api.Controller{
				Type: "pci", Index: strconv.Itoa(bridge), Model: "pcie-to-pci-bridge", Address: pciAddress(ports[0], 0, 0)})
		}
	}
}

// firstPortSlot leaves slot 1 of an x86 machine to its video adapter, if any.
func firstPortSlot(spec *api.DomainSpec) int {
	if spec.OS.Type.Arch == "x86_64" && len(spec.Devices.Video) > 0 {
		return 2
	}
	return 1
}

// withoutPCIAddress lists, in libvirt's order, the PCI devices that have no
// address. One whose address KubeVirt does not model counts, too: it takes a port.
func withoutPCIAddress(spec *api.DomainSpec) []pciDevice {
	d := &spec.Devices
	var all []pciDevice
	add := func(address **api.Address) { all = append(all, pciDevice{address: address}) }
	for range d.Filesystems {
		add(new(*api.Address))
	}
	for i := range d.Interfaces {
		all = append(all, pciDevice{&d.Interfaces[i].Address, isConventionalNIC(d.Interfaces[i].Model)})
	}
	for i := range d.Controllers {
		if c := &d.Controllers[i]; c.Model != "none" && (c.Type == "usb" || c.Type == "scsi" || c.Type == "virtio-serial") {
			all = append(all, pciDevice{&c.Address, isConventionalController(c)})
		}
	}
	for i := range d.Disks {
		if d.Disks[i].Target.Bus == v1.DiskBusVirtio {
			add(&d.Disks[i].Address)
		}
	}
	for i := range d.HostDevices {
		if d.HostDevices[i].Type == api.HostDevicePCI {
			add(&d.HostDevices[i].Address)
		}
	}
	if d.Ballooning != nil && d.Ballooning.Model != "none" {
		add(&d.Ballooning.Address)
	}
	if d.Rng != nil {
		add(&d.Rng.Address)
	}
	for i := range d.Watchdogs {
		if d.Watchdogs[i].Model == "i6300esb" {
			all = append(all, pciDevice{&d.Watchdogs[i].Address, true})
		}
	}
	for i := range d.Inputs {
		if d.Inputs[i].Bus == v1.InputBusVirtio {
			add(&d.Inputs[i].Address)
		}
	}
	for i := range d.Video {
		isPrimary := i == 0 && spec.OS.Type.Arch == "x86_64" // it has slot 1: see firstPortSlot
		if d.Video[i].Model.Type == "virtio" && !isPrimary {
			add(new(*api.Address))
		}
	}
	return slices.DeleteFunc(all, func(device pciDevice) bool { return *device.address != nil })
}

func isConventionalNIC(model *api.Model) bool {
	return model != nil && !strings.HasPrefix(model.Type, "virtio") && model.Type != "e1000e"
}

func isConventionalController(c *api.Controller) bool {
	switch c.Type {
	case "usb":
		return c.Model == "piix3-uhci"
	case "scsi":
		return c.Model == "lsilogic"
	}
	return false
}

func pciAddress(bus, slot, function int) *api.Address {
	return &api.Address{
		Type:     api.AddressPCI,
		Domain:   "0x0000",
		Bus:      fmt.Sprintf("0x%02x", bus),
		Slot:     fmt.Sprintf("0x%02x", slot),
		Function: fmt.Sprintf("0x%x", function),
	}
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"strconv"

	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/hooks"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
)

// pass is one call of OnDefineDomain.
type pass struct{ in, out []byte }

// define calls OnDefineDomain as often as this release can, with its own types in between: with placeholder
// interfaces, as the VM starts and, where it does that, with more PCIe root ports. It mirrors
// withNetworkIfacesResources and, since v1.8, allocateHotplugPorts (virtwrap/manager.go). Of the first pass only the
// devices but the interfaces live on.
func define(manager hooks.Manager, vmi *v1.VirtualMachineInstance, spec *api.DomainSpec) (passes []pass, err error) {
	call := func(spec *api.DomainSpec) error {
		made, err := callOnce(manager, vmi, spec)
		passes = append(passes, made)
		return err
	}
	first := spec.DeepCopy()
	for i := range 3 {
		first.Devices.Interfaces = append(first.Devices.Interfaces, placeholder(fmt.Sprintf("placeholder-%d", i)))
	}
	if err := call(first); err != nil {
		return passes, err
	}
	interfaces := spec.Devices.Interfaces
	assignAddresses(&first.Devices)
	first.Devices.DeepCopyInto(&spec.Devices)
	spec.Devices.Interfaces = interfaces
	if err := call(spec); err != nil || !addsPorts {
		return passes, err
	}
	for range 4 {
		addRootPort(&spec.Devices)
	}
	return passes, call(spec)
}

// callOnce leaves in spec what this release's types keep of the result, as SetDomainSpecStrWithHooks does.
func callOnce(manager hooks.Manager, vmi *v1.VirtualMachineInstance, spec *api.DomainSpec) (pass, error) {
	in, err := encode(spec)
	if err != nil {
		return pass{}, err
	}
	out, err := manager.OnDefineDomain(spec, vmi)
	if err != nil {
		return pass{in: in}, err
	}
	kept := &api.DomainSpec{}
	if err := xml.Unmarshal([]byte(out), kept); err != nil {
		return pass{in, []byte(out)}, fmt.Errorf("KubeVirt cannot read the domain: %w", err)
	}
	*spec = *kept
	return pass{in, []byte(out)}, nil
}

// assignAddresses is the part of libvirt that shows in the next call: each device on PCI gets a root port of
// its own, and the machine its keyboard.
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
	if d.Ballooning != nil && d.Ballooning.Model != "none" {
		addresses = append(addresses, &d.Ballooning.Address)
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

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	k8sv1 "k8s.io/api/core/v1"
	v1 "kubevirt.io/api/core/v1"

	ephemeraldisk "kubevirt.io/kubevirt/pkg/ephemeral-disk"
	cmdv1 "kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/v1"
	"kubevirt.io/kubevirt/pkg/network/domainspec"
	"kubevirt.io/kubevirt/pkg/network/driver"
	"kubevirt.io/kubevirt/pkg/network/namescheme"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
)

// convert gives the domain of the VMI before the first OnDefineDomain, as SyncVMI of virt-launcher makes it
// (virtwrap/manager.go). What the node would add is made up, in the same way for all releases.
func convert(vmi *v1.VirtualMachineInstance) (*api.DomainSpec, error) {
	domain := &api.Domain{}
	if err := converter.Convert_v1_VirtualMachineInstance_To_api_Domain(vmi, domain, newContext(vmi)); err != nil {
		return nil, fmt.Errorf("convert it to a domain: %w", err)
	}
	api.NewDefaulter(architecture).SetObjectDefaults_Domain(domain)
	domain.Spec.Type = "kvm" // whether this machine has it or not
	names := namescheme.CreateHashedNetworkNameScheme(vmi.Spec.Networks)
	for i := range vmi.Spec.Domain.Devices.Interfaces {
		nic := &vmi.Spec.Domain.Devices.Interfaces[i]
		if err := connect(nic, vmi.Spec.Networks[i], domain, names[nic.Name]); err != nil {
			return nil, fmt.Errorf("interface %s: %w", nic.Name, err)
		}
	}
	for i := range domain.Spec.Devices.Disks {
		disk := &domain.Spec.Devices.Disks[i]
		if err := converter.SetDriverCacheMode(disk, directIO{}); err != nil {
			return nil, fmt.Errorf("disk %d: %w", i, err)
		}
		if err := setIOMode(disk); err != nil {
			return nil, fmt.Errorf("disk %d: %w", i, err)
		}
	}
	return &domain.Spec, nil
}

// encode writes a domain as virt-launcher sends it to the first sidecar.
func encode(spec *api.DomainSpec) ([]byte, error) { return xml.MarshalIndent(spec, "", "\t") }

// newContext mirrors generateConverterContext (virtwrap/manager.go) with virt-handler's usual options.
func newContext(vmi *v1.VirtualMachineInstance) *converterContext {
	balloon := vmi.Spec.Domain.Devices.AutoattachMemBalloon
	serialLog := vmi.Spec.Domain.Devices.LogSerialConsole
	volumes := map[string]v1.VolumeStatus{}
	blocks := map[string]bool{}
	for _, status := range vmi.Status.VolumeStatus {
		volumes[status.Name] = status
		claim := status.PersistentVolumeClaimInfo
		blocks[status.Name] = claim != nil && claim.VolumeMode != nil && *claim.VolumeMode == k8sv1.PersistentVolumeBlock
	}
	context := &converterContext{
		Architecture:                    converterOf(architecture),
		VirtualMachine:                  vmi,
		CPUSet:                          []int{2, 3, 4, 5, 18, 19, 20, 21},
		Topology:                        topology(),
		SMBios:                          &cmdv1.SMBios{Family: "KubeVirt", Product: "None", Manufacturer: "KubeVirt", Version: "v1"},
		IsBlockPVC:                      blocks,
		IsBlockDV:                       blocks,
		DisksInfo:                       map[string]*diskInfo{},
		PermanentVolumes:                volumes,
		HotplugVolumes:                  map[string]v1.VolumeStatus{},
		EphemeraldiskCreator:            ephemeraldisk.NewEphemeralDiskCreator("/var/run/kubevirt-ephemeral-disks/disk-data"),
		MemBalloonStatsPeriod:           10,
		FreePageReporting:               (balloon == nil || *balloon) && !vmi.IsHighPerformanceVMI(),
		SerialConsoleLog:                serialLog == nil || *serialLog,
		BochsForEFIGuests:               true,
		DomainAttachmentByInterfaceName: domainspec.DomainAttachmentByInterfaceName(vmi.Spec.Domain.Devices.Interfaces, nil),
	}
	for _, volume := range vmi.Spec.Volumes {
		if volume.ContainerDisk != nil {
			context.DisksInfo[volume.Name] = &diskInfo{Format: "qcow2", VirtualSize: 10 << 30}
		}
	}
	if vmi.IsBootloaderEFI() {
		context.EFIConfiguration = &efiConfiguration{EFICode: "/usr/share/OVMF/OVMF_CODE.fd", EFIVars: "/usr/share/OVMF/OVMF_VARS.fd"}
	}
	setHypervisor(context)
	return context
}

// topology has two NUMA cells of 16 CPUs, two threads each, with 1 GiB pages.
func topology() *cmdv1.Topology {
	node := &cmdv1.Topology{}
	for id := uint32(0); id < 2; id++ {
		cell := &cmdv1.Cell{
			Id:        id,
			Memory:    &cmdv1.Memory{Amount: 64 << 20, Unit: "KiB"},
			Pages:     []*cmdv1.Pages{{Count: 32, Unit: "KiB", Size: 1 << 20}},
			Distances: []*cmdv1.Sibling{{Id: id, Value: 10}, {Id: 1 - id, Value: 21}},
		}
		for cpu := id * 16; cpu < id*16+16; cpu++ {
			cell.Cpus = append(cell.Cpus, &cmdv1.CPU{Id: cpu, Siblings: []uint32{cpu &^ 1, cpu | 1}})
		}
		node.NumaCells = append(node.NumaCells, cell)
	}
	return node
}

// directIO says that every disk can be opened with O_DIRECT.
type directIO struct{}

func (directIO) CheckBlockDevice(string) (bool, error) { return true, nil }
func (directIO) CheckFile(string) (bool, error)        { return true, nil }

// podLinks has every link that is asked for: all that is read of one is its name and its MTU.
type podLinks struct{ driver.NetworkHandler }

func (podLinks) LinkByName(name string) (netlink.Link, error) {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 1480, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}}, nil
}

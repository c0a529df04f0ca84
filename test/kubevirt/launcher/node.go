// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"net"
	"path/filepath"

	"github.com/vishvananda/netlink"
	k8sv1 "k8s.io/api/core/v1"
	v1 "kubevirt.io/api/core/v1"

	cmdv1 "kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/v1"
	dhcp "kubevirt.io/kubevirt/pkg/network/dhcp"
	"kubevirt.io/kubevirt/pkg/network/driver"
	"kubevirt.io/kubevirt/pkg/os/disk"
	convertertypes "kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/types"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/efi"
)

// This file is the node and the pod: facts that virt-launcher reads from them.

// podCPUs are the CPUs that the kubelet gave the pod, used for dedicated ones.
var podCPUs = []int{2, 3, 4, 5, 18, 19, 20, 21}

// nodeTopology has two NUMA cells of 16 CPUs, two threads each, with 1 GiB pages.
func nodeTopology() *cmdv1.Topology {
	topology := &cmdv1.Topology{}
	for cell := uint32(0); cell < 2; cell++ {
		node := &cmdv1.Cell{
			Id:        cell,
			Memory:    &cmdv1.Memory{Amount: 64 << 20, Unit: "KiB"},
			Pages:     []*cmdv1.Pages{{Count: 32, Unit: "KiB", Size: 1 << 20}},
			Distances: []*cmdv1.Sibling{{Id: cell, Value: 10}, {Id: 1 - cell, Value: 21}},
		}
		for id := cell * 16; id < cell*16+16; id++ {
			node.Cpus = append(node.Cpus, &cmdv1.CPU{Id: id, Siblings: []uint32{id &^ 1, id | 1}})
		}
		topology.NumaCells = append(topology.NumaCells, node)
	}
	return topology
}

// nodeSMBios is what virt-handler reports where the KubeVirt object sets none.
func nodeSMBios() *cmdv1.SMBios {
	return &cmdv1.SMBios{Family: "KubeVirt", Product: "None", Manufacturer: "KubeVirt", Version: "v1.9.0"}
}

// firmware mirrors the EFI part of generateConverterContext for the files of
// KubeVirt's own virt-launcher image.
func firmware(vmi *v1.VirtualMachineInstance) *convertertypes.EFIConfiguration {
	if !vmi.IsBootloaderEFI() {
		return nil
	}
	const ovmf = "/usr/share/OVMF"
	secureBoot := vmi.Spec.Domain.Firmware.Bootloader.EFI.SecureBoot
	switch {
	case vmi.Spec.Architecture == "arm64":
		const aavmf = "/usr/share/AAVMF"
		return &convertertypes.EFIConfiguration{EFICode: filepath.Join(aavmf, efi.EFICodeAARCH64), EFIVars: filepath.Join(aavmf, efi.EFIVarsAARCH64)}
	case secureBoot == nil || *secureBoot:
		return &convertertypes.EFIConfiguration{EFICode: filepath.Join(ovmf, efi.EFICodeSecureBoot), EFIVars: filepath.Join(ovmf, efi.EFIVarsSecureBoot), SecureLoader: true}
	default:
		return &convertertypes.EFIConfiguration{EFICode: filepath.Join(ovmf, efi.EFICode), EFIVars: filepath.Join(ovmf, efi.EFIVars)}
	}
}

// blockVolumes has the volumes whose claim status.volumeStatus calls a block one.
func blockVolumes(vmi *v1.VirtualMachineInstance) map[string]bool {
	blocks := map[string]bool{}
	for _, status := range vmi.Status.VolumeStatus {
		claim := status.PersistentVolumeClaimInfo
		blocks[status.Name] = claim != nil && claim.VolumeMode != nil && *claim.VolumeMode == k8sv1.PersistentVolumeBlock
	}
	return blocks
}

// containerDisks says of every container disk that it is a qcow2 of 10 GiB.
func containerDisks(vmi *v1.VirtualMachineInstance) map[string]*disk.DiskInfo {
	disks := map[string]*disk.DiskInfo{}
	for _, volume := range vmi.Spec.Volumes {
		if volume.ContainerDisk != nil {
			disks[volume.Name] = &disk.DiskInfo{Format: "qcow2", VirtualSize: 10 << 30}
		}
	}
	return disks
}

// directIO says that every disk can be opened with O_DIRECT.
type directIO struct{}

func (directIO) CheckBlockDevice(string) (bool, error) { return true, nil }
func (directIO) CheckFile(string) (bool, error)        { return true, nil }

// podLinks has every link that is asked for: all virt-launcher reads of one is
// its name, its MTU and, where the VMI names none, its MAC address. The other
// calls serve the DHCP server, which is not started.
type podLinks struct{ driver.NetworkHandler }

func (podLinks) LinkByName(name string) (netlink.Link, error) {
	return &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{
		Name:         name,
		MTU:          1480,
		HardwareAddr: net.HardwareAddr{0x02, 0, 0, 0, 0, 0x01},
	}}, nil
}

func noDHCP(*v1.Interface, *v1.Network, string) dhcp.Configurator { return nil }

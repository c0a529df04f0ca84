// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package launcher

import (
	"encoding/xml"
	"fmt"

	v1 "kubevirt.io/api/core/v1"

	ephemeraldisk "kubevirt.io/kubevirt/pkg/ephemeral-disk"
	"kubevirt.io/kubevirt/pkg/network/cache"
	"kubevirt.io/kubevirt/pkg/network/domainspec"
	network "kubevirt.io/kubevirt/pkg/network/setup/launcher"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/arch"
	convertertypes "kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/types"
)

// Convert returns the domain that virt-launcher makes of the VMI, as it stands
// before the first OnDefineDomain. It mirrors LibvirtDomainManager.SyncVMI up
// to lookupOrCreateVirDomain, and of preStartHook what changes the domain
// (virtwrap/manager.go).
func Convert(vmi *v1.VirtualMachineInstance) (*api.Domain, error) {
	domain := &api.Domain{}
	if err := converter.Convert_v1_VirtualMachineInstance_To_api_Domain(vmi, domain, converterContext(vmi)); err != nil {
		return nil, fmt.Errorf("VMI %s: convert it to a domain: %w", vmi.Name, err)
	}
	api.NewDefaulter(vmi.Spec.Architecture).SetObjectDefaults_Domain(domain)

	configurator := network.NewVMNetworkConfigurator(vmi, cache.CacheCreator{},
		network.WithDomainAttachments(attachments(vmi)),
		network.WithNetworkHandler(podLinks{}),
		network.WithDHCPConfiguratorFactory(noDHCP))
	if err := configurator.SetupPodNetworkPhase2(domain, vmi.Spec.Networks); err != nil {
		return nil, fmt.Errorf("VMI %s: set up its network: %w", vmi.Name, err)
	}
	for i := range domain.Spec.Devices.Disks {
		disk := &domain.Spec.Devices.Disks[i]
		if err := converter.SetDriverCacheMode(disk, directIO{}); err != nil {
			return nil, fmt.Errorf("VMI %s: disk %d: %w", vmi.Name, i, err)
		}
		converter.SetOptimalIOMode(disk, func(string) bool { return false })
	}
	return domain, nil
}

// Encode writes a domain as virt-launcher sends it to the first sidecar.
func Encode(spec *api.DomainSpec) ([]byte, error) {
	return xml.MarshalIndent(spec, "", "\t")
}

// Decode reads a domain as virt-launcher does, into KubeVirt's structs: what
// they do not model is dropped.
func Decode(domain []byte) (*api.DomainSpec, error) {
	spec := &api.DomainSpec{}
	if err := xml.Unmarshal(domain, spec); err != nil {
		return nil, fmt.Errorf("KubeVirt cannot read the domain: %w", err)
	}
	return spec, nil
}

// converterContext mirrors LibvirtDomainManager.generateConverterContext with
// the options of virt-handler's virtualMachineOptions.
func converterContext(vmi *v1.VirtualMachineInstance) *convertertypes.ConverterContext {
	permanent := map[string]v1.VolumeStatus{}
	hotplugged := map[string]v1.VolumeStatus{}
	for _, status := range vmi.Status.VolumeStatus {
		if status.HotplugVolume != nil {
			hotplugged[status.Name] = status
		} else {
			permanent[status.Name] = status
		}
	}
	blocks := blockVolumes(vmi)
	logSerial := vmi.Spec.Domain.Devices.LogSerialConsole
	balloon := vmi.Spec.Domain.Devices.AutoattachMemBalloon
	transitional := vmi.Spec.Domain.Devices.UseVirtioTransitional
	return &convertertypes.ConverterContext{
		Architecture:                    arch.NewConverter(vmi.Spec.Architecture),
		HostArchitecture:                vmi.Spec.Architecture,
		HypervisorName:                  v1.KvmHypervisorName,
		HypervisorDeviceAvailable:       true,
		VirtualMachine:                  vmi,
		CPUSet:                          podCPUs,
		Topology:                        nodeTopology(),
		SMBios:                          nodeSMBios(),
		IsBlockPVC:                      blocks,
		IsBlockDV:                       blocks,
		DisksInfo:                       containerDisks(vmi),
		PermanentVolumes:                permanent,
		HotplugVolumes:                  hotplugged,
		EphemeraldiskCreator:            ephemeraldisk.NewEphemeralDiskCreator("/var/run/kubevirt-ephemeral-disks/disk-data"),
		EFIConfiguration:                firmware(vmi),
		UseVirtioTransitional:           transitional != nil && *transitional,
		MemBalloonStatsPeriod:           10,
		FreePageReporting:               (balloon == nil || *balloon) && !vmi.IsHighPerformanceVMI() && vmi.Annotations[v1.FreePageReportingDisabledAnnotation] != "true",
		SerialConsoleLog:                logSerial == nil || *logSerial,
		BochsForEFIGuests:               true,
		DomainAttachmentByInterfaceName: attachments(vmi),
	}
}

func attachments(vmi *v1.VirtualMachineInstance) map[string]string {
	return domainspec.DomainAttachmentByInterfaceName(vmi.Spec.Domain.Devices.Interfaces, nil)
}

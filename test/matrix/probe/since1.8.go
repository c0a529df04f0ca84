// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.8

package main

import (
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
	convertertypes "kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/types"
)

type (
	converterContext = convertertypes.ConverterContext
	efiConfiguration = convertertypes.EFIConfiguration
)

// addsPorts tells whether OnDefineDomain is called a third time, with more PCIe root ports.
const addsPorts = true

func setIOMode(disk *api.Disk) error {
	converter.SetOptimalIOMode(disk, func(string) bool { return false })
	return nil
}

func setHypervisor(context *converterContext) {
	context.HypervisorName = v1.KvmHypervisorName
	context.HypervisorDeviceAvailable = true
	setHost(context)
}

func placeholder(name string) api.Interface {
	return api.Interface{
		Type:   "ethernet",
		Model:  &api.Model{Type: "virtio-non-transitional"},
		Alias:  api.NewNonUserDefinedAlias(name),
		Target: &api.InterfaceTarget{Device: name, Managed: "no"},
	}
}

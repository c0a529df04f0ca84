// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !kubevirt1.8

package main

import (
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter"
)

type (
	converterContext = converter.ConverterContext
	efiConfiguration = converter.EFIConfiguration
)

// addsPorts tells whether OnDefineDomain is called a third time, with more PCIe root ports.
const addsPorts = false

var setIOMode = converter.SetOptimalIOMode

// setHypervisor lets v1.7 go on where this machine has no /dev/kvm.
func setHypervisor(context *converterContext) { context.AllowEmulation = true }

func placeholder(name string) api.Interface {
	return api.Interface{
		Type:   "ethernet",
		Model:  &api.Model{Type: "virtio-non-transitional"},
		Target: &api.InterfaceTarget{Device: name, Managed: "no"},
	}
}

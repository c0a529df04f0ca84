// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.5

package main

import (
	v1 "kubevirt.io/api/core/v1"

	"kubevirt.io/kubevirt/pkg/network/domainspec"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/api"
	"kubevirt.io/kubevirt/pkg/virt-launcher/virtwrap/converter/arch"
)

var converterOf = arch.NewConverter

// connect makes the interface use the tap that virt-handler made for it.
func connect(nic *v1.Interface, network v1.Network, domain *api.Domain, link string) error {
	return domainspec.NewTapLibvirtSpecGenerator(nic, network, domain, link, podLinks{}).Generate()
}

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.4

package main

import "kubevirt.io/kubevirt/pkg/defaults"

var setDefaults = defaults.SetDefaultVirtualMachineInstance

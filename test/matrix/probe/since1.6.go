// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubevirt1.6

package main

import "kubevirt.io/kubevirt/pkg/os/disk"

type diskInfo = disk.DiskInfo

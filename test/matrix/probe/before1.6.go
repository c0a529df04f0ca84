// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !kubevirt1.6

package main

import cmdv1 "kubevirt.io/kubevirt/pkg/handler-launcher-com/cmd/v1"

type diskInfo = cmdv1.DiskInfo

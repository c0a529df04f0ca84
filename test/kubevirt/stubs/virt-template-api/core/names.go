// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package core holds the names of KubeVirt's VM template API.
//
// The real module is on no Go module proxy. KubeVirt's controllers touch it
// only behind the VM template feature, which the tests here leave off, so the
// names and types that make them compile are enough.
package core

const (
	GroupName            = "template.kubevirt.io"
	SingularResourceName = "virtualmachinetemplate"
	PluralResourceName   = "virtualmachinetemplates"
)

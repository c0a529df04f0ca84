// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package config holds, for programs that work without a cluster, the manifests that decide
// what a cluster accepts.
package config

import "embed"

// CRDs are the files of the folder crd, one CustomResourceDefinition each.
//
//go:embed crd/domainpatch.kubevirt.io_*.yaml
var CRDs embed.FS

// DefaultPolicy is the DomainPatchPolicy that is installed along with the operator.
//
//go:embed policy/default.yaml
var DefaultPolicy []byte

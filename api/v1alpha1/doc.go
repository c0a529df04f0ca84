// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the API of DomainPatch: the types of group
// domainpatch.kubevirt.io, version v1alpha1, the labels and annotations by which
// patches, VMs and bundles find each other, and the hookSidecars annotation of
// KubeVirt's through which a patch reaches a VM.
//
// The comments on the types are the API reference. What they state as a limit is
// enforced by the API server through the generated CRD, unless they say that
// admission does it. The package imports apimachinery alone, so that any client
// may use it; it compiles no path and no CEL expression: package patch does.
//
// +kubebuilder:object:generate=true
// +groupName=domainpatch.kubevirt.io
package v1alpha1

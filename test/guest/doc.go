// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package guest shows what guests see of patches. A patch is right when the guest sees it.
//
// A Chain is a cluster in which the patches and the VMs of testdata are applied and started, as far as hooks go; it
// gives the domain of each VM with its patches and without. A Lab starts both domains with Debian's libvirt and QEMU,
// without KVM, after the changes of testdata/localize.yaml, which are the same for both. Linux starts in them, whose
// only program (folder init) reports what it sees. Scenes compare both reports with proofs.yaml: every fact that
// differs must belong to a sample, and every sample must have its facts.
//
// It needs root, what the package virsh asks for, xorrisofs and apt, and what the package cluster asks for.
package guest

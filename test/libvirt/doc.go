// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package libvirt proves patches by libvirt and QEMU: every sample, and every case of the engine that succeeds on a
// domain, before and after.
//
// For each, libvirt must define the patched domain and keep what the patch wrote, its schema must find nothing wrong,
// and the command line of QEMU must show the effect: in a sample, that of each rule, and of each place of a rule that
// merges. testdata/proofs.yaml holds what was found, and the reason wherever something is not so. A test that differs
// from it fails; "make test-libvirt UPDATE=1" writes what is found now, and leaves the reasons that are new to you.
// docs/proof.md is made of it.
//
// The tests that ask libvirt need the packages that virsh.Check names, and run by "make test-libvirt".
package libvirt

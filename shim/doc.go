// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package shim answers KubeVirt's hook calls with a bundle of patches.
//
// Core is the one implementation. It speaks bytes and knows about attempts: which of KubeVirt's calls
// belong to one try to start the VM. The versions of KubeVirt's hook protocol are thin adapters over
// it. Server binds one version to a socket.
//
// Another transport is another adapter, such as KubeVirt's Plugin objects will want, whose
// DomainHookService has MutateDomain(domain, vmi, Boot or MigrationTarget). It would call Core's OnDefineDomain
// and say the Purpose, which hookSidecars leave to the VMI's status; the rest is the same, attempts
// included: KubeVirt v1.9 calls MutateDomain wherever it calls OnDefineDomain, up to three times per
// start. It has no hook for cloud-init, so Core is made with cloudInit false, and patches
// with such rules fail there.
//
// A bundle that cannot be used never stops the server: every hook call then fails and says why, for
// KubeVirt shows that on the VMI at once, where a missing sidecar shows as a time-out minutes later.
//
// A user's own programs can run behind the patches, as KubeVirt's sidecar-shim runs them, if the
// configuration allows it: an Engine around the engine. The core does not know of them.
//
// The package neither knows what patches mean (package patch does) nor reads the cluster, and it
// imports nothing of Kubernetes or KubeVirt: it runs beside every VM and must stay small.
package shim

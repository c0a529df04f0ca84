// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package shim answers KubeVirt's hook calls with a bundle of patches.
//
// Core is the one implementation. It speaks bytes and knows about attempts: which of KubeVirt's calls
// belong to one try to start the VM. The versions of KubeVirt's hook protocol are thin adapters over
// it, and a later transport is another one. Server binds one version to a socket.
//
// A bundle that cannot be used never stops the server: every hook call then fails and says why, for
// KubeVirt shows that on the VMI at once, where a missing sidecar shows as a time-out minutes later.
//
// The package neither knows what patches mean (package patch does) nor reads the cluster, and it
// imports nothing of Kubernetes or KubeVirt: it runs beside every VM and must stay small.
package shim

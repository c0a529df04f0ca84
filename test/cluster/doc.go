// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package cluster runs a whole cluster on one machine, without containers, a kubelet or
// KVM: for the demo and for tests of the whole chain.
//
// What decides anything is real: etcd and kube-apiserver, KubeVirt's virt-api with its
// webhooks and its virt-controller, and this repository's config/default and manager, which
// runs as its ServiceAccount under its RBAC rules. All are processes of their own, on free ports.
//
// What would do the work on a node is played. Nothing schedules or runs Pods; Node takes one
// virt-launcher Pod, starts its hook sidecars in containers of its own making, and calls
// them with KubeVirt's own code; Play does that for every VM. Webhooks are reached by URL, since there are no Services.
//
// Start leaves nothing behind when it fails, nor does Stop: no process and no temporary file.
// The processes die, too, when the program that started them is killed. A garbage collector and a
// namespace controller run only where Options ask for them; without, what an owner's deletion should
// take along stays.
package cluster

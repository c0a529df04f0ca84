// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package launcher plays KubeVirt's virt-launcher towards hook sidecars, with
// KubeVirt's own code and without libvirt, QEMU, a kubelet or a cluster.
//
// KubeVirt's packages do the work: the admission defaults, the converter, the
// cloud-init reader, the network set-up of the domain and the hooks manager
// are the ones that virt-api, virt-handler and virt-launcher run. The little
// that KubeVirt keeps in packages which need cgo and libvirt is written out
// here again, and each such function names the one that it mirrors. What the
// pod, the node and libvirt would add is made up, always in the same way, so
// one VMI always gives the same bytes.
//
//   - ParseVMI reads a VMI as virt-launcher gets it.
//   - Convert makes the domain of it; Encode is how virt-launcher writes it.
//   - NewManager is the hooks manager for one folder of sockets: single steps.
//   - Boot is one attempt to start a VM: all steps in virt-launcher's order.
//
// It is not a model of a whole node: devices that are assigned from the node
// (GPUs, host devices, SR-IOV) and confidential VMs are refused, and so is a
// migration target.
package launcher

// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package virsh runs Debian's libvirt for tests: without a daemon, without KVM, and without leaving
// anything behind. It needs Linux, root, and the Debian packages that Check names.
//
// A Host is a folder in which libvirt keeps all it writes. A Session is one virsh process that is connected to a
// driver and runs one command after the other, since each start of the embedded QEMU driver costs a second. It runs
// as an ordinary user, without whom that driver wants users of Debian's libvirt daemon, and in namespaces of its own:
// the processes of its guests end with it, however it ends, and its TAP devices are seen by nobody else.
package virsh

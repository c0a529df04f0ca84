// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package lockdown tests lockdown as an attacker would, with the rights of a VM's owner and of
// a namespace's admin, against a real API server, KubeVirt's webhooks and its virt-controller:
// whatever is tried to run another program beside a VM is refused in mode enforce, and passes
// and is counted in mode audit. And it tests that all else goes on.
package lockdown

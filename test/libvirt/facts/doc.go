// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

// Package facts has tests alone: they let Debian's libvirt judge what the rest of this repository believes of it. What is
// newer than that libvirt is listed where it is believed.
package facts

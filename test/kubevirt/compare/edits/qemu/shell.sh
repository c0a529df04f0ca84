#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed -z '/value="pvpanic"/!s|</domain>|<qemu:commandline xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0"><qemu:arg value="-device"/><qemu:arg value="pvpanic"/></qemu:commandline></domain>|'

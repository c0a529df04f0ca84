#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed 's|</domain>|<qemu:commandline><qemu:arg value="-device"/><qemu:arg value="pvpanic"/></qemu:commandline></domain>|'

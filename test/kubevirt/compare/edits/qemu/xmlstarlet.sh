#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# An element that xmlstarlet makes has a prefix in its name and no namespace, until the result is parsed.
args="/domain/*[name()='qemu:commandline'][not(*[@value='pvpanic'])]"
printf '%s' "$4" | xmlstarlet ed -P -O \
  -s "/domain[not(*[name()='qemu:commandline'])]" -t elem -n qemu:commandline \
  -i '$prev' -t attr -n xmlns:qemu -v http://libvirt.org/schemas/domain/qemu/1.0 \
  -s "$args" -t elem -n qemu:arg -i '$prev' -t attr -n value -v -device \
  -s "$args" -t elem -n qemu:arg -i '$prev' -t attr -n value -v pvpanic

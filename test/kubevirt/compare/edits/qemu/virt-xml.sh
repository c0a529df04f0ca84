#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | virt-xml --connect test:///default --edit --qemu-commandline='-device pvpanic'

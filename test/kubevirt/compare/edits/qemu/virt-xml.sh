#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

case "$4" in *'value="pvpanic"'*) printf '%s' "$4"; exit ;; esac
printf '%s' "$4" | virt-xml --connect test:///default --edit --qemu-commandline='-device pvpanic'

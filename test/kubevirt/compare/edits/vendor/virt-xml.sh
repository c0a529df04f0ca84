#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

vendor=$(printf '%s' "$2" | jq -r '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"]')
printf '%s' "$4" | virt-xml --connect test:///default --edit --sysinfo baseBoard.manufacturer="$vendor"

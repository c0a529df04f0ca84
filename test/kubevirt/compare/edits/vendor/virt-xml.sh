#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# With the quotes of JSON, which virt-xml reads as its own: a comma would be its next option.
vendor=$(printf '%s' "$2" | jq '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"]')
printf '%s' "$4" | virt-xml --connect test:///default --edit --sysinfo baseBoard.manufacturer="$vendor"

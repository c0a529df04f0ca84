#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

vendor=$(printf '%s' "$2" | jq -r '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"]')
printf '%s' "$vendor" | grep -Eqzx '[A-Za-z0-9 .,&-]{1,64}' || exit 1
vendor=$(printf '%s' "$vendor" | sed 's/&/\\\&amp;/g') # escaped for XML, and then for sed
printf '%s' "$4" | sed "s|<baseBoard></baseBoard>|<baseBoard><entry name='manufacturer'>$vendor</entry></baseBoard>|"

#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# Escaped for XML, and then for sed.
vendor=$(printf '%s' "$2" | jq -r '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"] | @html' | sed 's/[&|\\]/\\&/g')
printf '%s' "$4" | sed "s|<baseBoard></baseBoard>|<baseBoard><entry name='manufacturer'>$vendor</entry></baseBoard>|"

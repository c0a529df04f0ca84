#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

vendor=$(printf '%s' "$2" | jq -r '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"]')
printf '%s' "$4" | xmlstarlet ed -P -O \
  -s "/domain/sysinfo[@type='smbios'][not(baseBoard)]" -t elem -n baseBoard \
  -s "/domain/sysinfo[@type='smbios']/baseBoard[not(entry[@name='manufacturer'])]" -t elem -n entry \
  -i '$prev' -t attr -n name -v manufacturer \
  -u "/domain/sysinfo[@type='smbios']/baseBoard/entry[@name='manufacturer']" -v "$vendor"

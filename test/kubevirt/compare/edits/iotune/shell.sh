#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed 's|<alias name="ua-data-2"></alias>|&<iotune><total_iops_sec>500</total_iops_sec></iotune>|'

#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed -z 's,\(<alias name="ua-data-2"\(/>\|></alias>\)\)\(<iotune><total_iops_sec>[0-9]*</total_iops_sec></iotune>\)\?,\1<iotune><total_iops_sec>500</total_iops_sec></iotune>,;t;q1'

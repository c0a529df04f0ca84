#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

disk="/domain/devices/disk[alias/@name='ua-data-2']"
printf '%s' "$4" | xmlstarlet sel -Q -t -c "$disk" || exit 1
printf '%s' "$4" | xmlstarlet ed -P -O -u "$disk/driver/@discard" -v ignore

#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | xmlstarlet ed -P -O -u "/domain/devices/disk[alias/@name='ua-data-2']/driver/@discard" -v ignore

#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed -z 's,\(<driver [^>]*discard="\)[a-z]*\("[^>]*>\(</driver>\)\?\s*<alias name="ua-data-2"\),\1ignore\2,;t;q1'

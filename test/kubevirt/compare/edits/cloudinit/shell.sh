#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | sed 's|packages:\\n|&- qemu-guest-agent\\n|'

#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | jq '.UserData |= (
  if test("qemu-guest-agent") then .
  elif test("\npackages:\n") then sub("\npackages:\n"; "\npackages:\n- qemu-guest-agent\n")
  elif test("\npackages: *\\[") then sub("\npackages: *\\["; "\npackages: [qemu-guest-agent, ")
  else . + "packages:\n- qemu-guest-agent\n" end)'

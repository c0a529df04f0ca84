#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import json
import sys

data = json.loads(sys.argv[4])
lines = data["UserData"].splitlines()
if "- qemu-guest-agent" not in lines:
    if "packages:" not in lines:
        lines.append("packages:")
    lines.insert(lines.index("packages:") + 1, "- qemu-guest-agent")
data["UserData"] = "\n".join(lines) + "\n"
print(json.dumps(data))

#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import json
import re
import sys

data = json.loads(sys.argv[4])
text = data["UserData"]
if "qemu-guest-agent" not in text:
    if re.search(r"^packages: *\[", text, re.M):
        text = re.sub(r"^packages: *\[", "packages: [qemu-guest-agent, ", text, flags=re.M)
    elif re.search(r"^packages:$", text, re.M):
        text = re.sub(r"^packages:$", "packages:\n- qemu-guest-agent", text, flags=re.M)
    else:
        text += "packages:\n- qemu-guest-agent\n"
data["UserData"] = text
print(json.dumps(data))

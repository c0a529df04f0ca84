#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import json
import sys
import xml.etree.ElementTree as ET

vendor = json.loads(sys.argv[2])["metadata"]["annotations"]["smbios.vm.kubevirt.io/baseBoardManufacturer"]
domain = ET.fromstring(sys.argv[4])
board = domain.find("sysinfo/baseBoard")
entry = board.find("entry[@name='manufacturer']")
if entry is None:
    entry = ET.SubElement(board, "entry", {"name": "manufacturer"})
entry.text = vendor
sys.stdout.write(ET.tostring(domain, encoding="unicode"))

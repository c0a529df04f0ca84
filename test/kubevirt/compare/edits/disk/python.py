#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import sys
import xml.etree.ElementTree as ET

domain = ET.fromstring(sys.argv[4])
disk = domain.find("devices/disk/alias[@name='ua-data-2']/..")
disk.find("driver").set("discard", "ignore")
sys.stdout.write(ET.tostring(domain, encoding="unicode"))

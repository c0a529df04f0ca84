#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import sys
import xml.etree.ElementTree as ET

domain = ET.fromstring(sys.argv[4])
disk = domain.find("devices/disk/alias[@name='ua-data-2']/..")
iotune = disk.find("iotune")
if iotune is None:
    iotune = ET.SubElement(disk, "iotune")
limit = iotune.find("total_iops_sec")
if limit is None:
    limit = ET.SubElement(iotune, "total_iops_sec")
limit.text = "500"
sys.stdout.write(ET.tostring(domain, encoding="unicode"))

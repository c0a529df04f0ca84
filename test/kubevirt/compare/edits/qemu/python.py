#!/usr/bin/env python
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

import sys
import xml.etree.ElementTree as ET

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
ET.register_namespace("qemu", QEMU)
domain = ET.fromstring(sys.argv[4])
commandline = domain.find(f"{{{QEMU}}}commandline")
if commandline is None:
    commandline = ET.SubElement(domain, f"{{{QEMU}}}commandline")
if commandline.find(f"{{{QEMU}}}arg[@value='pvpanic']") is None:
    for value in "-device", "pvpanic":
        ET.SubElement(commandline, f"{{{QEMU}}}arg", {"value": value})
sys.stdout.write(ET.tostring(domain, encoding="unicode"))

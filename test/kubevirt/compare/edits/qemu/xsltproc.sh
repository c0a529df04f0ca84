#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | xsltproc /dev/fd/3 - 3<<'XSL'
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <xsl:output omit-xml-declaration="yes"/>
  <xsl:template match="@*|node()">
    <xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>
  </xsl:template>
  <xsl:template match="/domain[not(qemu:commandline/qemu:arg/@value='pvpanic')]">
    <xsl:copy>
      <xsl:apply-templates select="@*|node()[not(self::qemu:commandline)]"/>
      <qemu:commandline>
        <xsl:apply-templates select="qemu:commandline/node()"/>
        <qemu:arg value="-device"/>
        <qemu:arg value="pvpanic"/>
      </qemu:commandline>
    </xsl:copy>
  </xsl:template>
</xsl:stylesheet>
XSL

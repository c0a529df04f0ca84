#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

vendor=$(printf '%s' "$2" | jq -r '.metadata.annotations["smbios.vm.kubevirt.io/baseBoardManufacturer"]')
printf '%s' "$4" | xsltproc --stringparam vendor "$vendor" /dev/fd/3 - 3<<'XSL'
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="vendor"/>
  <xsl:output omit-xml-declaration="yes"/>
  <xsl:template match="@*|node()">
    <xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>
  </xsl:template>
  <xsl:template match="/domain/sysinfo[@type='smbios']">
    <xsl:copy>
      <xsl:apply-templates select="@*|node()[not(self::baseBoard)]"/>
      <baseBoard>
        <xsl:apply-templates select="baseBoard/node()[not(self::entry[@name='manufacturer'])]"/>
        <entry name="manufacturer"><xsl:value-of select="$vendor"/></entry>
      </baseBoard>
    </xsl:copy>
  </xsl:template>
</xsl:stylesheet>
XSL

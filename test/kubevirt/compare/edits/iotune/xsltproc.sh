#!/bin/sh
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

printf '%s' "$4" | xsltproc /dev/fd/3 - 3<<'XSL'
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output omit-xml-declaration="yes"/>
  <xsl:template match="@*|node()">
    <xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy>
  </xsl:template>
  <xsl:template match="/domain[not(devices/disk/alias/@name='ua-data-2')]">
    <xsl:message terminate="yes">there is no disk ua-data-2</xsl:message>
  </xsl:template>
  <xsl:template match="/domain/devices/disk[alias/@name='ua-data-2']">
    <xsl:copy>
      <xsl:apply-templates select="@*|node()[not(self::iotune)]"/>
      <iotune>
        <xsl:apply-templates select="iotune/node()[not(self::total_iops_sec)]"/>
        <total_iops_sec>500</total_iops_sec>
      </iotune>
    </xsl:copy>
  </xsl:template>
</xsl:stylesheet>
XSL

<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/order"><total><xsl:for-each select="item"><line sku="{@sku}"><xsl:value-of select="qty"/></line></xsl:for-each></total></xsl:template>
</xsl:stylesheet>

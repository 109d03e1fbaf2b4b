<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:include href="lines.xsl"/>
  <xsl:output omit-xml-declaration="yes"/>
  <xsl:param name="currency"/>
  <xsl:template match="/">
    <total currency="{$currency}" sum="{sum(basket/item/@price)}">
      <xsl:apply-templates select="basket/item"/>
    </total>
  </xsl:template>
</xsl:stylesheet>

"""`<Namespaces>`: the prefixes that XPath expressions of a policy use."""

from __future__ import annotations

from apiproxy_runtime.policy.api import Element, Site, attribute, many, text


class Namespace(Element):
    """One prefix and the URI it stands for."""

    prefix: str = attribute("prefix", default="")
    uri: str = text(default="")


class Namespaces(Element):
    """Prefixes for XPath expressions; they need not be those of the document."""

    items: tuple[Namespace, ...] = many("Namespace", Namespace)

    def read(self, site: Site) -> dict[str, str]:
        """URI by prefix. A prefix without a URI, or declared twice, is a deploy error of the policy."""
        found: dict[str, str] = {}
        for item in self.items:
            if item.prefix and not item.uri:
                site.error(
                    item.node,
                    "NONEmptyPrefixMappedToEmptyURI",
                    "Write the namespace's URI between the tags.",
                    prefix=item.prefix,
                )
            elif item.prefix in found:
                site.error(item.node, "DuplicatePrefix", "Declare each prefix once.", prefix=item.prefix)
            else:
                found[item.prefix] = item.uri
        return found

"""A SOAP message as WS-Security sees it: its envelope, header and body, the security header, and ids.

Sources: SOAP 1.1 and 1.2, SOAP Message Security 1.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree
from msgspec import Struct

SOAP = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{WSS}wssecurity-secext-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
WSU = f"{WSS}wssecurity-utility-1.0.xsd"
WSA = "http://www.w3.org/2005/08/addressing"
XMLDSIG = "http://www.w3.org/2000/09/xmldsig#"
X509V3 = f"{WSS}x509-token-profile-1.0#X509v3"
BASE64 = f"{WSS}soap-message-security-1.0#Base64Binary"
THUMBPRINT = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security1.1#ThumbprintSHA1"

ID = f"{{{WSU}}}Id"
#: what an element may be called by in a signature: WS-Security's own ids, and those of XML signatures and of XML
_IDS = (ID, "Id", "ID", "{http://www.w3.org/XML/1998/namespace}id")
#: a document type is refused below, so there are no entities
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


Ids = Mapping[str, Sequence[etree._Element]]


class SecurityError(Exception):
    """A message or an option that does not do; the text says why."""


def parse(text: str) -> etree._Element:
    """The root of a message. Raises SecurityError."""
    try:
        root = etree.fromstring(text.strip().encode("utf-8", "replace"), _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SecurityError(f"the payload is no XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise SecurityError("the payload has a document type, which SOAP forbids")
    return root


class Envelope(Struct, frozen=True):
    """The parts of a message where the specification wants them: children of the envelope, each once."""

    root: etree._Element
    namespace: str
    header: etree._Element | None
    body: etree._Element

    @classmethod
    def of(cls, root: etree._Element, namespaces: tuple[str, ...]) -> Envelope:
        """The envelope of one of the SOAP namespaces. Raises SecurityError."""
        namespace = next((each for each in namespaces if root.tag == f"{{{each}}}Envelope"), None)
        if namespace is None:
            raise SecurityError("No element: soap:Envelope")
        header, body = root.findall(f"{{{namespace}}}Header"), root.findall(f"{{{namespace}}}Body")
        if len(header) > 1:
            raise SecurityError("More than one element: soap:Header")
        if len(body) != 1:
            raise SecurityError("More than one element: soap:Body" if body else "No element: soap:Body")
        return cls(root, namespace, header[0] if header else None, body[0])

    def security(self, anywhere: bool) -> etree._Element | None:
        """The only security header; None when there is none. Raises SecurityError for several or a misplaced one."""
        found = list(self.root.iter(f"{{{WSSE}}}Security"))
        if len(found) > 1:
            raise SecurityError("More than one element: wssec:Security")
        if found and not anywhere and (self.header is None or found[0].getparent() is not self.header):
            raise SecurityError("Misplaced WS-Sec Security element")
        return found[0] if found else None

    def ids(self) -> Ids:
        """Elements by what they can be called by."""
        found: dict[str, list[etree._Element]] = {}
        for element in self.root.iter(etree.Element):
            for value in {element.get(name) for name in _IDS}:
                if value is not None:
                    found.setdefault(value, []).append(element)
        return found


def referred(ids: Ids, uri: str) -> etree._Element:
    """The only element that `#id` means. Raises SecurityError."""
    found = ids.get(uri[1:], ()) if uri.startswith("#") else ()
    if len(found) != 1:
        raise SecurityError(
            f"More than one element with the id {uri[1:]}" if found else f"Unresolvable reference: {uri}"
        )
    return found[0]


def child(element: etree._Element, *names: tuple[str, str]) -> etree._Element | None:
    """The first element at a path of (namespace, name)."""
    return element.find("/".join(f"{{{namespace}}}{name}" for namespace, name in names))

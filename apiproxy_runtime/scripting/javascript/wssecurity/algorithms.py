"""The algorithms of XML signatures that WS-Security with RSA uses. Source: XML Signature Syntax and Processing."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import hashes
from lxml import etree

from apiproxy_runtime.scripting.javascript.wssecurity.envelope import SecurityError

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
#: algorithm → (exclusive, with comments)
_CANONICAL = {
    EXCLUSIVE: (True, False),
    f"{EXCLUSIVE}WithComments": (True, True),
    _INCLUSIVE: (False, False),
    f"{_INCLUSIVE}#WithComments": (False, True),
}
SIGNING = {
    "rsa-sha1": "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
}
DIGEST = {
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
}
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    SIGNING["rsa-sha1"]: hashes.SHA1(),
    SIGNING["rsa-sha256"]: hashes.SHA256(),
}
#: the beginning of a namespace declaration whose URI has no scheme
_RELATIVE = re.compile(rb'(\sxmlns(?::[^\s=]+)?=")(?!"|[A-Za-z][A-Za-z0-9+.-]*:)')
_DIGESTS = {uri: name for name, uri in DIGEST.items()}


def canonical(element: etree._Element, method: str, prefixes: Sequence[str] = ()) -> bytes:
    """An element in canonical form, as it stands in its document. Raises SecurityError for an unknown method."""
    known = _CANONICAL.get(method)
    if known is None:
        raise SecurityError(f"{method} is no supported canonicalization or transform")
    try:
        return _written(element, known, prefixes)
    except etree.C14NError:
        # libxml2 refuses relative namespaces, as Canonical XML asks; Java, and so services in the field, take them
        mark = f"urn:{secrets.token_hex(16)}:".encode()
    try:
        return _written(_absolute(element, mark), known, prefixes).replace(mark, b"")
    except etree.C14NError:
        raise SecurityError("the payload has no canonical form") from None


def _written(element: etree._Element, form: tuple[bool, bool], prefixes: Sequence[str]) -> bytes:
    exclusive, comments = form
    return etree.tostring(
        element,
        method="c14n",
        exclusive=exclusive,
        with_comments=comments,
        inclusive_ns_prefixes=list(prefixes) if exclusive and prefixes else None,
    )


def _absolute(element: etree._Element, mark: bytes) -> etree._Element:
    """The element in a copy of its document where relative namespaces begin with a mark.

    Nobody can know the mark beforehand, so taking it out again gives back what was there.
    """
    path: list[int] = []
    node, parent = element, element.getparent()
    while parent is not None:
        path.append(parent.index(node))
        node, parent = parent, parent.getparent()
    found = etree.fromstring(_RELATIVE.sub(rb"\1" + mark, etree.tostring(node, with_tail=False)))
    for index in reversed(path):
        found = found[index]
    return found


def digest(data: bytes, method: str) -> bytes:
    """The digest of data. Raises SecurityError for an unknown method."""
    name = _DIGESTS.get(method)
    if name is None:
        raise SecurityError("Reference/DigestMethod/@Algorithm is not acceptable")
    return hashlib.new(name, data, usedforsecurity=False).digest()

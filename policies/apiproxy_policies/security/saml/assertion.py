"""SAML 2.0 assertions as XML: made, found, read, and held against the clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from lxml import etree

from apiproxy_policies.namespaces import Namespaces
from apiproxy_runtime.policy.api import (
    Element,
    Message,
    Node,
    Site,
    XPathSyntaxError,
    child,
    compile_xpath,
    nested,
)

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
_NAMES = {"s": SAML}
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_XML_TYPE = re.compile(r"(?:text|application)/(?:.+\+)?xml")

Find = Callable[[etree._Element], etree._Element | None]

VARIABLES = {
    "saml.id": "`ID` of the assertion",
    "saml.issuer": "its issuer",
    "saml.subject": "`NameID` of its subject",
    "saml.subjectFormat": "`Format` of the subject",
    "saml.issueInstant": "`IssueInstant`",
    "saml.scmethod": "`Method` of the subject's confirmation",
    "saml.scdaddress": "`Address` of the confirmation's data",
    "saml.scdinresponse": "`InResponseTo` of the confirmation's data",
    "saml.scdrcpt": "`Recipient` of the confirmation's data",
    "saml.authnSnooa": "`SessionNotOnOrAfter` of the authentication",
    "saml.authnContextClassRef": "class of the authentication",
    "saml.authnInstant": "`AuthnInstant` of the authentication",
    "saml.authnSessionIndex": "`SessionIndex` of the authentication",
    "saml.attributeNames": "list of the names of the attributes",
    "saml.attribute.{name}": "value of an attribute, a list where there are several",
    "saml.valid": "whether the assertion passed",
}


class Place(Element):
    """A place in a message."""

    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    xpath: str | None = child("XPath", doc="path of the element")


def is_xml(message: Message) -> bool:
    """Whether a message says that it holds XML (policy reference, processing step 1)."""
    return _XML_TYPE.fullmatch(message.content_type()) is not None


def parse(data: bytes) -> etree._Element:
    """An element without entities and network. Raises etree.XMLSyntaxError."""
    return etree.fromstring(data, _PARSER)


def compile_find(path: str, namespaces: Namespaces | None, site: Site, node: Node) -> Find:
    """What finds the first element of an XPath. A path that cannot be read is a deploy error."""
    prefixes = namespaces.read(site) if namespaces is not None else {}
    try:
        # the runtime's own compiler judges prefixes and results; lxml then finds elements where that gives text
        compile_xpath(path, prefixes)
    except XPathSyntaxError as error:
        site.error(node, "InvalidXPath", f"Mend the path: {error}.", xpath=path)
        return lambda root: None
    evaluate = etree.XPath(
        path, namespaces={name: uri for name, uri in prefixes.items() if name}, regexp=False
    )

    def find(root: etree._Element) -> etree._Element | None:
        try:
            found = evaluate(root)
        except etree.XPathError:
            return None
        if isinstance(found, list):
            return next((item for item in found if isinstance(item, etree._Element)), None)
        return None

    return find


def make_assertion(assertion_id: str, issuer: str, subject: str, now: float) -> etree._Element:
    """An assertion that names an issuer and, if there is one, a subject, and is to be signed behind the issuer."""
    root = etree.Element(etree.QName(SAML, "Assertion"), nsmap={"saml": SAML})
    root.set("ID", assertion_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", format_instant(now))
    etree.SubElement(root, etree.QName(SAML, "Issuer")).text = issuer
    if subject:
        holder = etree.SubElement(root, etree.QName(SAML, "Subject"))
        etree.SubElement(holder, etree.QName(SAML, "NameID")).text = subject
    return root


def format_instant(seconds: float) -> str:
    """A moment as SAML writes it: `2023-11-14T22:13:20.000Z`."""
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    )


def in_time(assertion: etree._Element, now: float) -> bool:
    """Whether `NotBefore` and `NotOnOrAfter` of the conditions hold (SAML Core, section 2.5.1).

    Raises ValueError for what is no moment.
    """
    conditions = assertion.find("s:Conditions", _NAMES)
    if conditions is None:
        return True
    begin, end = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    return (begin is None or _instant(begin) <= now) and (end is None or now < _instant(end))


def _instant(text: str) -> float:
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def read_variables(assertion: etree._Element) -> dict[str, object]:
    """The flow variables that tell of an assertion; what it does not say is not there."""
    confirmation = "s:Subject/s:SubjectConfirmation"
    data = f"{confirmation}/s:SubjectConfirmationData"
    authentication = "s:AuthnStatement"
    found: dict[str, object] = {
        "saml.id": assertion.get("ID"),
        "saml.issueInstant": assertion.get("IssueInstant"),
        "saml.issuer": _text(assertion, "s:Issuer"),
        "saml.subject": _text(assertion, "s:Subject/s:NameID"),
        "saml.subjectFormat": _attribute(assertion, "s:Subject/s:NameID", "Format"),
        "saml.scmethod": _attribute(assertion, confirmation, "Method"),
        "saml.scdaddress": _attribute(assertion, data, "Address"),
        "saml.scdinresponse": _attribute(assertion, data, "InResponseTo"),
        "saml.scdrcpt": _attribute(assertion, data, "Recipient"),
        "saml.authnSnooa": _attribute(assertion, authentication, "SessionNotOnOrAfter"),
        "saml.authnInstant": _attribute(assertion, authentication, "AuthnInstant"),
        "saml.authnSessionIndex": _attribute(assertion, authentication, "SessionIndex"),
        "saml.authnContextClassRef": _text(
            assertion, f"{authentication}/s:AuthnContext/s:AuthnContextClassRef"
        ),
    }
    names: list[str] = []
    for attribute in assertion.iterfind("s:AttributeStatement/s:Attribute", _NAMES):
        name = attribute.get("Name", "")
        values = [_content(value) for value in attribute.iterfind("s:AttributeValue", _NAMES)]
        names.append(name)
        found[f"saml.attribute.{name}"] = values[0] if len(values) == 1 else values
    found["saml.attributeNames"] = names
    return {name: value for name, value in found.items() if value is not None}


def _content(element: etree._Element) -> str:
    return "".join(str(piece) for piece in element.itertext()).strip()


def _text(root: etree._Element, path: str) -> str | None:
    element = root.find(path, _NAMES)
    return None if element is None else _content(element)


def _attribute(root: etree._Element, path: str, name: str) -> str | None:
    element = root.find(path, _NAMES)
    return None if element is None else element.get(name)

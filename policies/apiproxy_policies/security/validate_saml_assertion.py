"""ValidateSAMLAssertion: lets a call pass when the assertion in its message is genuine and timely."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxml import etree

from apiproxy_policies.namespaces import Namespaces
from apiproxy_policies.security.generate_saml_assertion import EXTRA
from apiproxy_policies.security.saml.assertion import (
    SAML,
    SIGNATURE,
    VARIABLES,
    Find,
    compile_find,
    in_time,
    is_xml,
    read_variables,
)
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Fault,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    nested,
)

if TYPE_CHECKING:
    from cryptography import x509


class Source(Element):
    """Where the assertion is, and which element around it, or it itself, is signed."""

    name: str = attribute("name", default="message", doc="message that holds the assertion")
    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    xpath: str | None = child("XPath", doc="path of the assertion, which is signed itself")
    assertion_xpath: str | None = child("AssertionXPath", doc="path of the assertion")
    signed_xpath: str | None = child("SignedElementXPath", doc="path of the signed element")


class ValidateSAMLAssertion(Policy):
    """Validate a signed SAML assertion in a message, and show what it says.

    The signature must be a child of the signed element and cover just that element, and its certificate be in the
    truststore or issued by one there; the variables are read from what was signed, so that nothing wrapped around it
    can stand in for it. `NotBefore` and `NotOnOrAfter` of the conditions are held against the clock; audience and the
    rest are for conditions on the variables. The reference names no faults; those here are this runtime's, except that
    of the media type, which is misspelt as the product spells it for GenerateSAMLAssertion.
    """

    tag = "ValidateSAMLAssertion"
    family = "security"
    prefix = "ValidateSAMLAssertion"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/saml-assertion-policy"
    faults = fault_table(
        "steps.saml.validate",
        (
            "InvalidMediaTpe",
            500,
            "ValidateSAMLAssertion[{policy}]: Invalid media type",
            "the message is not XML and ignoreContentType is false",
        ),
        (
            "MissingSignature",
            401,
            "ValidateSAMLAssertion[{policy}]: Missing signature",
            "the signed element has no signature as its child",
        ),
        (
            "SignatureValidationFailed",
            401,
            "ValidateSAMLAssertion[{policy}]: Signature validation failed",
            "the signature is wrong, covers something else, or its certificate is not trusted",
        ),
        (
            "AssertionExpired",
            401,
            "ValidateSAMLAssertion[{policy}]: Assertion is not valid at this time",
            "it is before NotBefore, or not before NotOnOrAfter",
        ),
        (
            "InvalidAssertion",
            401,
            "ValidateSAMLAssertion[{policy}]: Invalid assertion",
            "the message is no XML, or the paths find no assertion inside the signed element",
        ),
    )
    deploy_errors = {
        "SourceNotConfigured": "ValidateSAMLAssertion[{policy}]: Source, or its XPath, is missing",
        "TrustStoreNotConfigured": "ValidateSAMLAssertion[{policy}]: TrustStore is missing",
        "InvalidXPath": "ValidateSAMLAssertion[{policy}]: XPath {xpath} cannot be read",
        "NONEmptyPrefixMappedToEmptyURI": "ValidateSAMLAssertion[{policy}]: prefix {prefix} has no URI",
        "DuplicatePrefix": "ValidateSAMLAssertion[{policy}]: prefix {prefix} stands twice",
        "SAMLExtraMissing": "ValidateSAMLAssertion[{policy}]: signxml is not installed",
    }
    variables = {**VARIABLES, "ValidateSAMLAssertion.failed": "whether the policy failed"}
    example = """
<ValidateSAMLAssertion name="SAML-Check">
  <Source name="request">
    <Namespaces>
      <Namespace prefix="soap">http://schemas.xmlsoap.org/soap/envelope/</Namespace>
      <Namespace prefix="saml">urn:oasis:names:tc:SAML:2.0:assertion</Namespace>
    </Namespaces>
    <XPath>/soap:Envelope/soap:Header/saml:Assertion</XPath>
  </Source>
  <TrustStore>partners</TrustStore>
  <RemoveAssertion>true</RemoveAssertion>
</ValidateSAMLAssertion>"""
    ignored = (*Policy.ignored, "ValidateSigner")

    ignore_content_type: bool = attribute(
        "ignoreContentType", BOOLEAN, default=False, doc="true: the message need not say that it is XML"
    )
    source: Source | None = nested("Source", Source)
    trust_store: Value[str] | None = child("TrustStore", ref=True, doc="keystore with trusted certificates")
    remove_assertion: bool = child(
        "RemoveAssertion", BOOLEAN, default=False, doc="true: the assertion is taken out of the message"
    )

    def failed_variables(self) -> tuple[str, ...]:
        return ("ValidateSAMLAssertion.failed",)

    def fault(self, name: str, /, **values: object) -> Fault:
        fault = super().fault(name, **values)
        fault.variables["saml.valid"] = False
        return fault

    def check(self, site: Site) -> None:
        source = self.source
        if source is None or not (source.xpath or (source.assertion_xpath and source.signed_xpath)):
            cure = "Write <XPath> in <Source>, or <AssertionXPath> and <SignedElementXPath>."
            site.error(self.node if source is None else source.node, "SourceNotConfigured", cure)
        if self.trust_store is None or not (self.trust_store.ref or self.trust_store.text):
            site.error(self.node, "TrustStoreNotConfigured", "Name a keystore: <TrustStore>…</TrustStore>.")

    def compile(self, site: Site) -> StepFunction:
        try:
            # lazy: an extra, which also loads cryptography
            from apiproxy_policies.security.saml.signature import SignatureRefused, verify
        except ModuleNotFoundError:
            site.error(self.node, "SAMLExtraMissing", f"Install it: {EXTRA}.")
            return lambda ctx: None
        assert self.source is not None
        find_assertion, find_signed = self._finds(self.source, site)
        get_message, trusted = site.getter(self.source.name), self._trusted(site)
        ignore_type, remove, world = self.ignore_content_type, self.remove_assertion, site.world

        def validate(ctx: MessageContext) -> None:
            message = get_message(ctx)
            if not isinstance(message, Message) or not (ignore_type or is_xml(message)):
                raise self.fault("InvalidMediaTpe")
            root = self._parsed(message)
            assertion, signed = find_assertion(root), find_signed(root)
            if assertion is None or signed is None or not _inside(assertion, signed):
                raise self.fault("InvalidAssertion")
            if signed.find(f"{{{SIGNATURE}}}Signature") is None:
                raise self.fault("MissingSignature")
            try:
                genuine = _same(verify(signed, trusted(ctx), world.now()), assertion)
            except SignatureRefused:
                raise self.fault("SignatureValidationFailed") from None
            if genuine is None:
                raise self.fault("InvalidAssertion")
            ctx.variables.update(read_variables(genuine))
            try:
                timely = in_time(genuine, world.now())
            except ValueError:
                raise self.fault("InvalidAssertion") from None
            if not timely:
                raise self.fault("AssertionExpired")
            ctx.variables["saml.valid"] = True
            if remove:
                _remove(message, find_assertion)

        return validate

    def _finds(self, source: Source, site: Site) -> tuple[Find, Find]:
        path = source.assertion_xpath or source.xpath or ""
        find = compile_find(path, source.namespaces, site, source.node)
        if not source.signed_xpath or source.signed_xpath == path:
            return find, find
        return find, compile_find(source.signed_xpath, source.namespaces, site, source.node)

    def _trusted(self, site: Site) -> Callable[[MessageContext], tuple[x509.Certificate, ...]]:
        from apiproxy_policies.security.saml.signature import certificates_of  # lazy: as above

        get_name, environment = site.value(self.trust_store, ""), site.environment

        def trusted(ctx: MessageContext) -> tuple[x509.Certificate, ...]:
            store = environment.keystore(get_name(ctx) or "")
            try:
                return certificates_of(store.certificates) if store is not None else ()
            except ValueError:
                return ()

        return trusted

    def _parsed(self, message: Message) -> etree._Element:
        try:
            root = message.xml()
        except etree.XMLSyntaxError:
            raise self.fault("InvalidAssertion") from None
        if root.getroottree().docinfo.internalDTD is not None:
            # a DTD may declare identifiers and default attributes that the signature does not cover
            raise self.fault("InvalidAssertion")
        return root


def _inside(assertion: etree._Element, signed: etree._Element) -> bool:
    """Whether an assertion is the signed element, or stands in it (policy reference, processing step 4)."""
    return assertion.tag == f"{{{SAML}}}Assertion" and (
        assertion is signed or any(ancestor is signed for ancestor in assertion.iterancestors())
    )


def _same(signed: etree._Element, assertion: etree._Element) -> etree._Element | None:
    """The assertion in what was signed; None when it is not there, or not there just once."""
    found = [
        each
        for each in signed.iter(f"{{{SAML}}}Assertion")
        if each.get("ID") == assertion.get("ID") is not None
    ]
    return found[0] if len(found) == 1 else None


def _remove(message: Message, find: Find) -> None:
    root = copy.deepcopy(message.xml())
    assertion = find(root)
    parent = assertion.getparent() if assertion is not None else None
    if assertion is None or parent is None:
        message.body = b""
        return
    before = assertion.getprevious()
    if assertion.tail and before is not None:
        before.tail = (before.tail or "") + assertion.tail
    elif assertion.tail:
        parent.text = (parent.text or "") + assertion.tail
    parent.remove(assertion)
    message.body = etree.tostring(root)

"""GenerateSAMLAssertion: makes a signed SAML 2.0 assertion."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxml import etree

from apiproxy_policies.security.saml.assertion import (
    SAML,
    SIGNATURE,
    Place,
    compile_find,
    is_xml,
    make_assertion,
    parse,
)
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    Fault,
    FaultKind,
    Message,
    MessageContext,
    Policy,
    Render,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    nested,
    one_of,
    text,
    text_of,
)

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

EXTRA = "pip install 'apiproxy-runtime[saml]'"
_DIGEST = one_of("SHA1", "SHA256", "SHA384", "SHA512", ignore_case=True)

Make = Callable[[MessageContext], etree._Element]
Put = Callable[[MessageContext, etree._Element], None]


class KeyStore(Element):
    """The private key and its certificate."""

    name: Value[str] | None = child("Name", ref=True, doc="keystore of the environment")
    alias: Value[str] | None = child("Alias", ref=True, doc="alias in it")


class MessageOutput(Place):
    """The message that gets the assertion, as a child of the element that XPath finds."""

    name: str = attribute("name", default="message")


class OutputVariable(Element):
    """Where the assertion goes: a variable, a message, or both."""

    flow_variable: str | None = child("FlowVariable", doc="variable that gets the assertion's XML")
    message: MessageOutput | None = nested("Message", MessageOutput)


class AssertionTemplate(Element):
    """The assertion to sign, a message template of XML."""

    ignore_unresolved: bool = attribute("ignoreUnresolvedVariables", BOOLEAN, default=False)
    content: str = text(PAYLOAD, default="")


class GenerateSAMLAssertion(Policy):
    """Generate a signed SAML assertion and put it into a variable or a message.

    Without Template the assertion names issuer and subject. It is signed behind its issuer, enveloped and with exclusive
    canonicalization. The reference names one fault, for messages that are not XML, misspelt as in the product; a key
    that is not in the keystore is `security.util.KeyAliasNotFound`, and what cannot be made or placed is
    GenerationFailed.
    """

    tag = "GenerateSAMLAssertion"
    family = "security"
    prefix = "GenerateSAMLAssertion"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/saml-assertion-policy"
    faults = {
        **fault_table(
            "steps.saml.generate",
            (
                "InvalidMediaTpe",
                500,
                "GenerateSAMLAssertion[{policy}]: Invalid media type",
                "the message is not XML and ignoreContentType is false",
            ),
            (
                "GenerationFailed",
                500,
                "GenerateSAMLAssertion[{policy}]: {reason}",
                "the template is no assertion, the key cannot sign, or the XPath finds nothing",
            ),
        ),
        "KeyAliasNotFound": FaultKind(
            "security.util.KeyAliasNotFound",
            500,
            "Keystore {keystore} has no key of the alias {alias}",
            "the environment has no such keystore or alias, or the alias has no private key",
        ),
    }
    deploy_errors = {
        "NullKeyStore": "GenerateSAMLAssertion[{policy}]: Name of KeyStore is missing",
        "NullKeyStoreAlias": "GenerateSAMLAssertion[{policy}]: Alias of KeyStore is missing",
        "NullIssuer": "GenerateSAMLAssertion[{policy}]: Issuer is missing",
        "InvalidXPath": "GenerateSAMLAssertion[{policy}]: XPath {xpath} cannot be read",
        "NONEmptyPrefixMappedToEmptyURI": "GenerateSAMLAssertion[{policy}]: prefix {prefix} has no URI",
        "DuplicatePrefix": "GenerateSAMLAssertion[{policy}]: prefix {prefix} stands twice",
        "SAMLExtraMissing": "GenerateSAMLAssertion[{policy}]: signxml is not installed",
    }
    variables = {"GenerateSAMLAssertion.failed": "whether the policy failed"}
    example = """
<GenerateSAMLAssertion name="SAML-Make" ignoreContentType="true">
  <Issuer>urn://shop.example</Issuer>
  <Subject ref="user.email"/>
  <KeyStore><Name>saml</Name><Alias>signing</Alias></KeyStore>
  <OutputVariable><FlowVariable>assertion</FlowVariable></OutputVariable>
  <SignatureAlgorithm>SHA256</SignatureAlgorithm>
</GenerateSAMLAssertion>"""
    ignored = (*Policy.ignored, "CanonicalizationAlgorithm")

    ignore_content_type: bool = attribute(
        "ignoreContentType", BOOLEAN, default=False, doc="true: the message need not be XML"
    )
    issuer: Value[str] | None = child("Issuer", ref=True)
    subject: Value[str] | None = child("Subject", ref=True)
    key_store: KeyStore | None = nested("KeyStore", KeyStore)
    output: OutputVariable | None = nested("OutputVariable", OutputVariable)
    signature_algorithm: str = child("SignatureAlgorithm", _DIGEST, default="SHA1", doc="SHA1 or SHA256")
    digest_method: str | None = child("DigestMethod", _DIGEST, doc="as SignatureAlgorithm by default")
    template: AssertionTemplate | None = nested("Template", AssertionTemplate)

    def failed_variables(self) -> tuple[str, ...]:
        return ("GenerateSAMLAssertion.failed",)

    def check(self, site: Site) -> None:
        if not _given(self.issuer):
            site.error(self.node, "NullIssuer", "Write <Issuer>, or name a variable in its ref.")
        store = self.key_store
        if store is None or not _given(store.name):
            site.error(self.node, "NullKeyStore", "Name the keystore: <KeyStore><Name>…</Name>.")
        if store is None or not _given(store.alias):
            site.error(self.node, "NullKeyStoreAlias", "Name the alias: <KeyStore><Alias>…</Alias>.")
        if self.output is None or not (self.output.flow_variable or self.output.message):
            site.warning(
                self.node,
                "NullOutputVariable",
                "the assertion goes nowhere",
                "Add <OutputVariable><FlowVariable>…</FlowVariable></OutputVariable>.",
            )

    def compile(self, site: Site) -> StepFunction:
        try:
            # lazy: an extra, which also loads cryptography
            from apiproxy_policies.security.saml.signature import sign
        except ModuleNotFoundError:
            site.error(self.node, "SAMLExtraMissing", f"Install it: {EXTRA}.")
            return lambda ctx: None
        make, get_key, puts = self._make(site), self._key(site), self._puts(site)
        algorithm, digest = self.signature_algorithm, self.digest_method or self.signature_algorithm
        target = self.output.message.name if self.output is not None and self.output.message else "message"
        get_message, ignore_type = site.getter(target), self.ignore_content_type

        def generate(ctx: MessageContext) -> None:
            if not ignore_type:
                message = get_message(ctx)
                if not isinstance(message, Message) or not is_xml(message):
                    raise self.fault("InvalidMediaTpe")
            key, certificates = get_key(ctx)
            try:
                signed = sign(make(ctx), key, certificates, algorithm, digest)
            except (ValueError, TypeError) as error:
                raise self._failed(str(error)) from None
            for put in puts:
                put(ctx, signed)

        return generate

    def _failed(self, reason: str) -> Fault:
        return self.fault("GenerationFailed", reason=reason)

    def _make(self, site: Site) -> Make:
        world = site.world
        if self.template is not None:
            node = self.template.node
            source = self.template.content if not node.children else node.inner_xml()
            render = site.template(source.strip(), node, ignore_unresolved=self.template.ignore_unresolved)
            return lambda ctx: self._from_template(render, ctx, f"_{world.uuid()}")
        issuer, subject = site.value(self.issuer, ""), site.value(self.subject, "")
        return lambda ctx: make_assertion(
            f"_{world.uuid()}", issuer(ctx) or "", subject(ctx) or "", world.now()
        )

    def _from_template(self, render: Render, ctx: MessageContext, new_id: str) -> etree._Element:
        try:
            assertion = parse(render(ctx).encode())
        except etree.XMLSyntaxError as error:
            raise self._failed(f"the template is not XML: {error}") from None
        if assertion.tag != f"{{{SAML}}}Assertion":
            raise self._failed("the template is no assertion of SAML 2.0")
        for old in assertion.findall(f"{{{SIGNATURE}}}Signature"):
            assertion.remove(old)
        if not assertion.get("ID"):
            assertion.set("ID", new_id)
        return assertion

    def _key(
        self, site: Site
    ) -> Callable[
        [MessageContext], tuple[RSAPrivateKey | EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]
    ]:
        from apiproxy_policies.security.saml.signature import certificates_of, signing_key  # lazy: as above

        assert self.key_store is not None
        get_name, get_alias = site.value(self.key_store.name, ""), site.value(self.key_store.alias, "")
        environment = site.environment

        def find(
            ctx: MessageContext,
        ) -> tuple[RSAPrivateKey | EllipticCurvePrivateKey, tuple[x509.Certificate, ...]]:
            name, alias = get_name(ctx) or "", get_alias(ctx) or ""
            store = environment.keystore(name)
            found = store.aliases.get(alias) if store is not None else None
            if found is None or not found.key:
                raise self.fault("KeyAliasNotFound", keystore=name, alias=alias)
            try:
                return signing_key(found.key, found.password), certificates_of(found.certificates)
            except ValueError as error:
                raise self._failed(f"the key {alias} cannot be used: {error}") from None

        return find

    def _puts(self, site: Site) -> list[Put]:
        puts: list[Put] = []
        output = self.output
        if output is not None and output.flow_variable:
            put_text = site.setter(output.flow_variable)

            def put_variable(ctx: MessageContext, assertion: etree._Element) -> None:
                put_text(ctx, etree.tostring(assertion, encoding="unicode"))

            puts.append(put_variable)
        if output is not None and output.message is not None:
            puts.append(self._put_message(output.message, site))
        return puts

    def _put_message(self, output: MessageOutput, site: Site) -> Put:
        path = output.xpath or "/*"
        find = compile_find(path, output.namespaces, site, output.node)
        get_message = site.getter(output.name)

        def put(ctx: MessageContext, assertion: etree._Element) -> None:
            message = get_message(ctx)
            if not isinstance(message, Message):
                raise self._failed(f"there is no message {text_of(output.name)}")
            try:
                root = copy.deepcopy(message.xml())
            except etree.XMLSyntaxError as error:
                raise self._failed(f"{output.name} is not XML: {error}") from None
            parent = find(root)
            if parent is None:
                raise self._failed(f"{path} finds no element in {output.name}")
            parent.append(copy.deepcopy(assertion))
            message.body = etree.tostring(root)

        return put


def _given(value: Value[str] | None) -> bool:
    return value is not None and bool(value.ref or value.text)

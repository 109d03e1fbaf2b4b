"""MessageValidation: checks XML against a schema or WSDL of the bundle, or XML and JSON for being well-formed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from lxml import etree

from apiproxy_policies.aside import LARGE, WorkTimeout, aside
from apiproxy_policies.xsd.schema import Schema, SchemaError, compile_xsd
from apiproxy_policies.xsd.wsdl import compile_wsdl
from apiproxy_runtime.policy.api import (
    VARIABLE,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    one_of,
    text,
)

#: What is wrong with a message, None if nothing is; the second argument says whether another thread asks.
Judge = Callable[[Message, bool], str | None]

_ENVELOPES = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
_NAME = re.compile(r"[^\W\d][\w.\-]*")


class SOAPMessage(Element):
    """The message is a SOAP envelope; what its body holds is checked."""

    version: str = attribute(
        "version", one_of("1.1", "1.2", "1.1/1.2"), default="1.1/1.2", doc="of the envelope"
    )


class RootElement(Element):
    """An element that the message may have: at its root, or in its SOAP body."""

    namespace: str | None = attribute("namespace", default=None, doc="its namespace; any when left out")
    name: str = text(default="")


class MessageValidation(Policy):
    """Validate a message against an XSD schema or a WSDL, or check that JSON or XML is well-formed.

    With a WSDL the message is a SOAP envelope, and each element in its body is checked against the types of the WSDL; a
    SOAP fault is passed over. So it is with a schema when there is a <SOAPMessage>. Without ResourceURL a message is
    checked for being well-formed if its Content-Type is application/json or application/xml; any other passes.

    Schemas are XSD 1.0. What they import comes from the bundle's resources; an import that leads elsewhere is left out.
    Nothing is fetched. Documents over 128 KB are checked aside, within 10 seconds.
    """

    tag = "MessageValidation"
    aliases = ("SOAPMessageValidation",)
    family = "mediation"
    prefix = "messagevalidation"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/message-validation-policy"
    faults = fault_table(
        "steps.messagevalidation",
        (
            "Failed",
            500,
            'MessageValidation {policy} failed with reason: "{reason}"',
            "the message does not validate",
        ),
        ("NonMessageVariable", 500, "Variable {variable} does not resolve to a Message"),
        (
            "SourceMessageNotAvailable",
            500,
            "{variable} message is not available for MessageValidation: {policy}",
            "the source is not in scope, or not set",
        ),
        ("NoElements", 500, 'Resource "{resource}" has no element definitions'),
    )
    deploy_errors = {
        "InvalidResourceType": "MessageValidation {policy}: Invalid Resource Type {type}. It should be xsd or wsdl. Context {context}",
        "ResourceCompileFailed": "MessageValidation {policy}: Failed to compile resource {resource}. Context {context}",
        "RootElementNameUnspecified": "MessageValidation {policy}: RootElement name is not specified",
        "InvalidRootElementName": "MessageValidation {policy}: RootElement name {name} is invalid",
    }
    example = """
<MessageValidation name="MV-Order">
  <Source>request</Source>
  <ResourceURL>xsd://order.xsd</ResourceURL>
  <Element namespace="http://example.com/orders">order</Element>
</MessageValidation>"""

    source: str | None = child("Source", VARIABLE, doc="message to check, `message` by default")
    resource_url: str = child(
        "ResourceURL", default="", doc="`xsd://FILE` or `wsdl://FILE`; without it only well-formedness counts"
    )
    soap: SOAPMessage | None = nested("SOAPMessage", SOAPMessage)
    elements: tuple[RootElement, ...] = many("Element", RootElement, doc="the elements that are accepted")

    def check(self, site: Site) -> None:
        for element in self.elements:
            if not element.name:
                site.error(element.node, "RootElementNameUnspecified", "Write the element's name.")
            elif not _NAME.fullmatch(element.name.rpartition(":")[2]):
                site.error(element.node, "InvalidRootElementName", "Write an XML name.", name=element.name)
        kind = self.resource_url.partition("://")[0]
        if self.resource_url and kind not in ("xsd", "wsdl"):
            site.error(
                self.place("ResourceURL"),
                "InvalidResourceType",
                "Write xsd://FILE or wsdl://FILE.",
                type=kind,
                context=_context(site),
            )

    def compile(self, site: Site) -> StepFunction:
        source = (self.source or "").strip() or "message"
        get = site.getter(source)
        judge: Judge | None = _well_formed
        if self.resource_url:
            schema = self._schema(site)
            judge = self._valid(schema) if schema is not None else None
        if judge is None:
            return lambda ctx: None
        find_error: Judge = judge

        async def validate_aside(message: Message) -> None:
            try:
                reason = await aside(lambda: find_error(message, True))
            except WorkTimeout as late:
                reason = str(late)
            if reason is not None:
                raise self.fault("Failed", reason=reason)

        def message_validation(ctx: MessageContext) -> Awaitable[None] | None:
            message = get(ctx)
            if message.__class__ is not Message:
                name = "SourceMessageNotAvailable" if message is None else "NonMessageVariable"
                raise self.fault(name, variable=source)
            if len(message.body) > LARGE:
                return validate_aside(message)
            reason = find_error(message, False)
            if reason is not None:
                raise self.fault("Failed", reason=reason)
            return None

        return message_validation

    # ---- the schema

    def _schema(self, site: Site) -> Schema | None:
        def load(kind: str, name: str) -> bytes | None:
            resource = site.resource(f"{kind}://{name}")
            return None if resource is None else resource.read()

        kind, _, name = self.resource_url.partition("://")
        try:
            schema = compile_wsdl(name, load) if kind == "wsdl" else compile_xsd(name, load)
        except (SchemaError, RecursionError) as error:
            site.error(
                self.place("ResourceURL"),
                "ResourceCompileFailed",
                f"{error}.",
                resource=self.resource_url,
                context=_context(site),
            )
            return None
        if not schema.elements:
            site.warning(
                self.node,
                "NoElements",
                f"{self.resource_url} declares no element, so every message fails",
                "Declare the message's root element in the schema.",
            )
        return schema

    def _valid(self, schema: Schema) -> Judge:
        accepted = [(element.name.rpartition(":")[2], element.namespace) for element in self.elements]
        described = " or ".join(
            f"{{{namespace}}}{name}" if namespace is not None else name for name, namespace in accepted
        )
        of_soap = self.soap is not None or self.resource_url.startswith("wsdl://")
        versions = (self.soap.version if self.soap is not None else "1.1/1.2").split("/")
        envelopes = {f"{{{_ENVELOPES[version]}}}Envelope": _ENVELOPES[version] for version in versions}

        def judge(message: Message, on_other_thread: bool) -> str | None:
            if not schema.elements:
                raise self.fault("NoElements", resource=self.resource_url)
            try:
                root = message.xml()
            except (etree.XMLSyntaxError, ValueError) as error:
                return str(error)
            contents = [root]
            if of_soap:
                namespace = envelopes.get(str(root.tag))
                if namespace is None:
                    return f"Root element must be {' or '.join(envelopes)}"
                body = root.find(f"{{{namespace}}}Body")
                if body is None:
                    return "The SOAP envelope has no Body"
                fault = f"{{{namespace}}}Fault"
                contents = [each for each in body.iterchildren(etree.Element) if each.tag != fault]
            for element in contents:
                name = etree.QName(element)
                if accepted and not any(
                    name.localname == local and (uri is None or (name.namespace or "") == uri)
                    for local, uri in accepted
                ):
                    return f"Root element must be {described}"
                reason = schema.error(element, on_other_thread=on_other_thread)
                if reason is not None:
                    return reason
            return None

        return judge


def _well_formed(message: Message, on_other_thread: bool) -> str | None:
    kind = message.content_type()
    try:
        if kind == "application/json":
            message.json()
        elif kind == "application/xml":
            message.xml()
    except (etree.XMLSyntaxError, ValueError, RecursionError) as error:
        return str(error)
    return None


def _context(site: Site) -> str:
    at = site.deployment
    return f"Revision:{at.revision};APIProxy:{at.proxy};Organization:{at.organization};Environment:{at.environment}"

"""JSONToXML: converts a JSON message, or a string of JSON, to XML."""

from __future__ import annotations

from apiproxy_policies.conversion import ConversionFailed, conversion
from apiproxy_policies.xml_from_json import Style, compile_style, parse
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    VARIABLE,
    Element,
    Message,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
)


class Options(Element):
    """The style in detail."""

    null_value: str = child(
        "NullValue", default="NULL", doc="string that gives an empty element, as null does"
    )
    namespace_block: str = child(
        "NamespaceBlockName", default="", doc="member that lists the namespaces to declare on an element"
    )
    default_namespace: str = child(
        "DefaultNamespaceNodeName", default="", doc="its member for the default namespace"
    )
    separator: str = child("NamespaceSeparator", default="", doc="stands between prefix and name in members")
    text_name: str = child("TextNodeName", default="", doc="member that becomes the element's text")
    attribute_block: str = child(
        "AttributeBlockName", default="", doc="member whose members become attributes"
    )
    attribute_prefix: str = child(
        "AttributePrefix", default="", doc="members that begin with it become attributes"
    )
    invalid_characters: str = child(
        "InvalidCharsReplacement", default="_", doc="replaces what no XML name may have"
    )
    object_root: str = child(
        "ObjectRootElementName", default="Root", doc="root of an object without a single root member"
    )
    array_root: str = child("ArrayRootElementName", default="Array", doc="root of an array")
    array_item: str = child(
        "ArrayItemElementName", default="Item", doc="its items, and those of nested arrays"
    )
    indent: bool = child("Indent", BOOLEAN, default=False, doc="true: one element a line, indented")
    omit_declaration: bool = child(
        "OmitXmlDeclaration", BOOLEAN, default=False, doc="true: no <?xml …?> at the start"
    )

    def style(self) -> Style:
        return Style(
            null_value=self.null_value or "NULL",
            namespace_block=self.namespace_block,
            default_namespace=self.default_namespace or "$default",
            separator=self.separator,
            text_name=self.text_name,
            attribute_block=self.attribute_block,
            attribute_prefix=self.attribute_prefix,
            invalid_characters=self.invalid_characters or "_",
            object_root=self.object_root or "Root",
            array_root=self.array_root or "Array",
            array_item=self.array_item or "Item",
            indent=self.indent,
            omit_declaration=self.omit_declaration,
        )


class JSONToXML(Policy):
    """Convert a message from JSON to XML.

    A message whose Content-Type is not application/json is passed over without a fault. An array that is a member
    gives one element for each item. The message gets the Content-Type text/xml.
    """

    tag = "JSONToXML"
    family = "mediation"
    prefix = "jsontoxml"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/json-xml-policy"
    faults = fault_table(
        "steps.json2xml",
        ("SourceUnavailable", 500, "JSONToXML[{policy}]: Source {source} is not available"),
        (
            "ExecutionFailed",
            500,
            "JSONToXML[{policy}]: Execution failed due to reason: {reason}",
            "the JSON is empty or malformed",
        ),
        (
            "OutputVariableIsNotAvailable",
            500,
            "JSONToXML[{policy}]: Output variable is not available.",
            "the source is a string and there is no OutputVariable",
        ),
        (
            "InCompatibleTypes",
            500,
            "JSONToXML[{policy}]: String can not be assigned to message type.",
            "source and output are not of one type",
        ),
        (
            "InvalidSourceType",
            500,
            "JSONToXML[{policy}]: Invalid source type class {class}. Valid source types are [message, string].",
        ),
    )
    example = """
<JSONToXML name="J2X-Order">
  <Source>request</Source>
  <OutputVariable>request</OutputVariable>
  <Options>
    <AttributePrefix>@</AttributePrefix>
    <TextNodeName>#text</TextNodeName>
    <ObjectRootElementName>order</ObjectRootElementName>
  </Options>
</JSONToXML>"""

    source: str | None = child("Source", VARIABLE, doc="message or string, `message` by default")
    output: str | None = child(
        "OutputVariable", VARIABLE, doc="of the same type; by default the source message"
    )
    options: Options | None = nested("Options", Options, doc="the style in detail")

    def compile(self, site: Site) -> StepFunction:
        style = self.options.style() if self.options is not None else Style()
        document = compile_style(style)

        def convert(source: Message | str) -> str:
            text = source if isinstance(source, str) else source.content
            try:
                return document(parse(text))
            except ValueError as error:
                raise ConversionFailed(str(error)) from None

        return conversion(
            self,
            site,
            (self.source or "").strip() or "message",
            (self.output or "").strip(),
            accepts="application/json".__eq__,
            content_type="text/xml;charset=utf-8",
            convert=convert,
        )

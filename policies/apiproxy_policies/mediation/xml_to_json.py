"""XMLToJSON: converts an XML message, or a string of XML, to JSON."""

from __future__ import annotations

import re

from lxml import etree

from apiproxy_policies.conversion import ConversionFailed, conversion
from apiproxy_policies.json_from_xml import FORMATS, ArrayPath, Format, compile_format, to_json
from apiproxy_policies.xml_payload import as_message, is_xml
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    NATURAL,
    VARIABLE,
    Element,
    Message,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text,
)


class Path(Element):
    """Names from the root element downwards, `a/b/c`."""

    unwrap: bool = attribute(
        "unwrap", BOOLEAN, default=False, doc="true: the array takes the place of the object around it"
    )
    path: str = text(default="")


class TreatAsArray(Element):
    """Elements that become an array even when there is only one."""

    paths: tuple[Path, ...] = many("Path", Path)


class Options(Element):
    """The format in detail; an empty element is the default format."""

    recognize_number: bool = child(
        "RecognizeNumber", BOOLEAN, default=False, doc="true: numbers stay numbers"
    )
    recognize_boolean: bool = child(
        "RecognizeBoolean", BOOLEAN, default=False, doc="true: true and false stay booleans"
    )
    recognize_null: bool = child(
        "RecognizeNull", BOOLEAN, default=False, doc="true: empty elements become null, not {}"
    )
    null_value: str = child(
        "NullValue", default="", doc="with RecognizeNull, the string that stands for null; `NULL` is null"
    )
    namespace_block: str = child(
        "NamespaceBlockName", default="", doc="member that lists the namespaces declared on an element"
    )
    default_namespace: str = child(
        "DefaultNamespaceNodeName", default="", doc="its member for the default namespace"
    )
    separator: str = child(
        "NamespaceSeparator",
        default="",
        doc="stands between prefix and name; without it prefixes are dropped",
    )
    text_always: bool = child(
        "TextAlwaysAsProperty", BOOLEAN, default=False, doc="true: text is always a member of its own"
    )
    text_name: str = child("TextNodeName", default="", doc="name of that member, `#text` by default")
    attribute_block: str = child(
        "AttributeBlockName", default="", doc="member that holds an element's attributes"
    )
    attribute_prefix: str = child("AttributePrefix", default="", doc="put before the attributes' names")
    output_prefix: str = child("OutputPrefix", default="", doc="put before the JSON")
    output_suffix: str = child("OutputSuffix", default="", doc="put behind the JSON")
    strip_levels: int = child("StripLevels", NATURAL, default=0, doc="how many outer levels are dropped")
    treat_as_array: TreatAsArray | None = nested("TreatAsArray", TreatAsArray)

    def format(self) -> Format:
        arrays = None
        if self.treat_as_array is not None:
            arrays = ArrayPath()
            for item in self.treat_as_array.paths:
                if item.path:
                    arrays.add(item.path, item.unwrap)
        null = self.null_value
        return Format(
            recognize_number=self.recognize_number,
            recognize_boolean=self.recognize_boolean,
            recognize_null=self.recognize_null,
            null_value=None if null.lower() in ("", "null") else null,
            namespace_block=self.namespace_block,
            default_namespace=self.default_namespace or "$default",
            separator=self.separator,
            text_always=self.text_always,
            text_name=self.text_name or "#text",
            attribute_block=self.attribute_block,
            attribute_prefix=self.attribute_prefix,
            strip_levels=self.strip_levels,
            arrays=arrays,
        )


class XMLToJSON(Policy):
    """Convert a message from XML to JSON.

    A message whose Content-Type is none of XML is passed over without a fault. The order of elements is kept, repeated
    elements become an array, a single one does not. Defaults that the reference page leaves open: numbers, booleans
    and nulls are not recognised unless asked for, as the page's own examples have it.
    """

    tag = "XMLToJSON"
    family = "mediation"
    prefix = "xmltojson"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/xml-json-policy"
    faults = fault_table(
        "steps.xml2json",
        ("SourceUnavailable", 500, "XMLToJSON[{policy}]: Source {source} is not available"),
        (
            "ExecutionFailed",
            500,
            "XMLToJSON[{policy}]: Execution failed. reason: {reason}",
            "the XML is empty or malformed",
        ),
        (
            "OutputVariableIsNotAvailable",
            500,
            "XMLToJSON[{policy}]: Output variable is not available.",
            "the source is a string and there is no OutputVariable",
        ),
        (
            "InCompatibleTypes",
            500,
            "XMLToJSON[{policy}]: String can not be assigned to message type.",
            "source and output are not of one type",
        ),
        (
            "InvalidSourceType",
            500,
            "XMLToJSON[class {class}]: Invalid source type class {class}. Valid source types are [message, string].",
        ),
    )
    deploy_errors = {
        "EitherOptionOrFormat": "XMLToJSON[{policy}]: either <Options> or <Format> must be declared",
        "UnknownFormat": "XMLToJSON[{policy}]: unknown format {format}",
    }
    example = """
<XMLToJSON name="X2J-Catalogue">
  <Source>response</Source>
  <OutputVariable>response</OutputVariable>
  <Options>
    <RecognizeNumber>true</RecognizeNumber>
    <AttributePrefix>@</AttributePrefix>
    <TreatAsArray><Path unwrap="true">catalogue/items/item</Path></TreatAsArray>
  </Options>
</XMLToJSON>"""

    source: str | None = child("Source", VARIABLE, doc="message or string, `message` by default")
    output: str | None = child(
        "OutputVariable", VARIABLE, doc="of the same type; by default the source message"
    )
    format: str | None = child("Format", doc="xml.com, yahoo, google or badgerFish")
    options: Options | None = nested("Options", Options, doc="the format in detail, in place of Format")

    def check(self, site: Site) -> None:
        if self.options is None and not self.format:
            site.error(self.node, "EitherOptionOrFormat", "Add an empty <Options/>, or a <Format>.")
        elif self.format and self.format.lower() not in FORMATS:
            site.error(
                self.place("Format"),
                "UnknownFormat",
                "Write xml.com, yahoo, google or badgerFish.",
                format=self.format,
            )
        elif self.format and self.options is not None:
            site.error(self.node, "EitherOptionOrFormat", "Keep one of the two.")

    def compile(self, site: Site) -> StepFunction:
        options = self.options
        if self.format:
            chosen = FORMATS[self.format.lower()]
        else:
            chosen = options.format() if options is not None else Format()
        value_of = compile_format(chosen)
        before, after = (options.output_prefix, options.output_suffix) if options is not None else ("", "")

        def convert(source: Message | str) -> str:
            message = as_message(source) if isinstance(source, str) else source
            try:
                root = message.xml()
            except (etree.XMLSyntaxError, ValueError) as error:
                raise ConversionFailed(_reason(message, error)) from None
            json_text = to_json(value_of(root))
            return f"{before}{json_text}{after}" if before or after else json_text

        return conversion(
            self,
            site,
            (self.source or "").strip() or "message",
            (self.output or "").strip(),
            accepts=is_xml,
            content_type="application/json",
            convert=convert,
        )


_POSITION = re.compile(r", line (\d+), column (\d+)( \(<string>, line \d+\))?$")


def _reason(message: Message, error: Exception) -> str:
    """Apigee's words for a document that ends too early (with their two blanks), else the parser's."""
    reason = str(error)
    line, column = (error.position or (1, 0)) if isinstance(error, etree.XMLSyntaxError) else (1, 0)
    if not message.body.strip():
        return "Premature end of document while parsing at line 1(possibly  around char 0)"
    if reason.startswith("Premature end"):
        return f"Premature end of document while parsing at line {line}(possibly  around char {column})"
    return _POSITION.sub(rf" at line {line}(possibly  around char {column})", reason)

"""What ExtractVariables reads a message with: patterns, JSONPath and XPath, each compiled to a function.

An `Extract` gets the context and the value of `<Source>`, and sets what it finds. Source: ExtractVariables policy
reference and its troubleshooting pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from lxml import etree

from apiproxy_policies.namespaces import Namespaces
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MISSING,
    Element,
    Fault,
    JsonPath,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Node,
    NotANodeset,
    Pattern,
    PatternError,
    Policy,
    Site,
    XPath,
    XPathFailed,
    XPathSyntaxError,
    attribute,
    compile_jsonpath,
    compile_pattern,
    compile_xpath,
    many,
    nested,
    one_of,
    text,
    text_of,
    to_text,
    variables,
)

Extract = Callable[[MessageContext, Any], None]
Put = Callable[[MessageContext, object], None]
Find = Callable[[MessageContext, Any], Any]
Type = Literal["string", "boolean", "integer", "long", "float", "double", "nodeset"]

MISSING_NAME = "Error occurred while validation of bean {policy}.xml. Reason: - Required attribute name is missing in {element}"
_TYPES = one_of("string", "boolean", "integer", "long", "float", "double", "nodeset")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_XML_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
#: Axes that the reference page says are not supported.
_AXES = re.compile(
    r"\b(parent|ancestor|ancestor-or-self|following|following-sibling|preceding|preceding-sibling)\s*::"
)
#: A path that begins with a name: it starts at the document, not at its root element.
_RELATIVE = re.compile(r"(?:[^\W\d][\w.\-]*:)?(?:[^\W\d][\w.\-]*|\*)\s*(?:[/\[]|$)")


@dataclass(frozen=True, slots=True)
class Extraction:
    """How the parts of one policy are compiled.

    source   name of the variable that is read, `message` by default
    prefix   of the variables that are set, empty for none
    lenient  whether what does not resolve is passed over
    """

    site: Site
    policy: Policy
    source: str
    prefix: str
    lenient: bool

    def fault(self, name: str, /, **values: object) -> Fault:
        return self.policy.fault(name, **values)

    def writer(self, name: str, node: Node) -> Put:
        """What sets a variable. A value that stands where the name has a dot keeps it from being set."""
        full = f"{self.prefix}.{name}" if self.prefix else name
        if variables.read_only(full):
            self.site.warning(
                node,
                "ImmutableVariable",
                f'"{full}" is a read-only variable; the policy fails when it extracts a value',
                "Choose another name, or set a VariablePrefix.",
            )

            def refuse(ctx: MessageContext, value: object) -> None:
                raise self.fault("ImmutableVariable", variable=full)

            return refuse
        put = self.site.setter(full)
        parts = full.split(".")
        parents = tuple(".".join(parts[:count]) for count in range(1, len(parts)))

        def write(ctx: MessageContext, value: object) -> None:
            held = ctx.variables
            for parent in parents:
                if parent in held and held[parent] is not None and held[parent].__class__ is not Message:
                    raise self.fault("SetVariableFailed", variable=full, value=text_of(value))
            put(ctx, value)

        return write

    def error(self, node: Node, name: str, cure: str, /, **values: object) -> None:
        """A deploy error; the place in the environment, which some messages tell, is filled in."""
        at = self.site.deployment
        place = {"rev": at.revision, "proxy": at.proxy, "org": at.organization, "env": at.environment}
        self.site.error(node, name, cure, **place, **values)


# ---- patterns


class PatternText(Element):
    """`{name}` captures, `*` is any run of characters (one path segment in URIPath), `**` several segments."""

    ignore_case: bool = attribute("ignoreCase", BOOLEAN, default=False, doc="match letters in either case")
    pattern: str = text(default="")


CompiledPattern = tuple[Pattern, tuple[tuple[str, Put], ...]]


def _compile_patterns(
    patterns: tuple[PatternText, ...], extraction: Extraction, *, path: bool
) -> list[CompiledPattern]:
    compiled = []
    for item in patterns:
        try:
            pattern = compile_pattern(item.pattern, path=path, ignore_case=item.ignore_case)
        except PatternError as error:
            extraction.error(item.node, error.error, error.message, pattern=item.pattern)
            continue
        puts = tuple((name, extraction.writer(name, item.node)) for name in dict.fromkeys(pattern.variables))
        compiled.append((pattern, puts))
    return compiled


def _first_match(ctx: MessageContext, value: str, patterns: list[CompiledPattern]) -> None:
    for pattern, puts in patterns:
        found = pattern.match(value)
        if found is not None:
            for name, put in puts:
                put(ctx, found[name])
            return


class URIPath(Element):
    """Patterns for `proxy.pathsuffix` of a request. Of those that match, the one with the most segments counts."""

    tag = "URIPath"
    patterns: tuple[PatternText, ...] = many("Pattern", PatternText)

    def compile(self, extraction: Extraction) -> Extract | None:
        patterns = _compile_patterns(self.patterns, extraction, path=True)
        if not patterns:
            return None
        patterns.sort(key=lambda item: -item[0].segments)
        path = extraction.site.getter("proxy.pathsuffix")

        def uri_path(ctx: MessageContext, source: Any) -> None:
            if source.__class__ is Message and source.is_request:
                _first_match(ctx, text_of(path(ctx)), patterns)

        return uri_path


class _Named(Element):
    """Patterns for one header, parameter or variable; the first that matches counts."""

    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    patterns: tuple[PatternText, ...] = many("Pattern", PatternText)

    def variable(self, source: str) -> str:
        return self.name

    def compile(self, extraction: Extraction) -> Extract | None:
        patterns = _compile_patterns(self.patterns, extraction, path=False)
        if not patterns or not self.name:
            return None
        name = self.variable(extraction.source)
        get = extraction.site.getter(name)

        def named(ctx: MessageContext, source: Any) -> None:
            value = get(ctx)
            if value.__class__ is Message:
                raise extraction.fault("UnsupportedOperation", variable=name)
            if value is not None:
                _first_match(ctx, text_of(value), patterns)

        return named


class QueryParam(_Named):
    """A query parameter of a request; `w.2` is its second value."""

    tag = "QueryParam"

    def variable(self, source: str) -> str:
        return f"{source}.queryparam.{self.name}"


class Header(_Named):
    """A header; `h.2` is its second value, `h.values` all of them."""

    tag = "Header"

    def variable(self, source: str) -> str:
        return f"{source}.header.{self.name}"


class FormParam(_Named):
    """A parameter of a form-encoded body."""

    tag = "FormParam"

    def variable(self, source: str) -> str:
        return f"{source}.formparam.{self.name}"


class Variable(_Named):
    """Any flow variable, whatever the Source."""

    tag = "Variable"


# ---- JSON


class Path(Element):
    expression: str = text(default="")


class JSONVariable(Element):
    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    type: Type = attribute(
        "type", _TYPES, default="string", error="InstantiationFailed", doc="what the value becomes"
    )
    paths: tuple[Path, ...] = many(
        "JSONPath", Path, doc="message template; the first that finds something counts"
    )


class JSONPayload(Element):
    """Values from a JSON body, of messages only if their Content-Type is application/json."""

    tag = "JSONPayload"
    items: tuple[JSONVariable, ...] = many("Variable", JSONVariable)

    def compile(self, extraction: Extraction) -> Extract | None:
        fetch = [done for item in self.items if (done := _compile_json(item, extraction)) is not None]
        if not fetch:
            return None

        def json_payload(ctx: MessageContext, source: Any) -> None:
            if source.__class__ is Message:
                if source.content_type() != "application/json":
                    return
                try:
                    document = source.json()
                except (ValueError, RecursionError):
                    raise extraction.fault("ExecutionFailed") from None
            elif isinstance(source, (dict, list)):
                document = source
            else:
                try:
                    document = json.loads(text_of(source))
                except (ValueError, RecursionError):
                    raise extraction.fault("JsonPathParsingFailure", variable=extraction.source) from None
            for each in fetch:
                each(ctx, document)

        return json_payload


def _compile_json(item: JSONVariable, extraction: Extraction) -> Extract | None:
    if not item.paths:
        extraction.error(item.node, "NoJSONPathsToEvaluate", "Add a <JSONPath>.", name=item.name)
    finds = [_compile_json_path(path, item, extraction) for path in item.paths]
    put = extraction.writer(item.name, item.node)
    cast, type_name, lenient = _CASTS[item.type], item.type.upper(), extraction.lenient
    first_path = item.paths[0].expression if item.paths else ""

    def fetch(ctx: MessageContext, document: Any) -> None:
        value: Any = MISSING
        for find in finds:
            found = find(ctx, document)
            if found is not MISSING:
                value = found
                if found != []:
                    break
        if value is MISSING:
            if not lenient:
                raise extraction.fault("InvalidJSONPath", path=first_path)
            return
        if value is None:
            return
        try:
            put(ctx, cast(value))
        except (ValueError, ArithmeticError):
            raise extraction.fault("UnableToCast", value=_text(value), TYPE=type_name) from None

    return fetch


def _compile_json_path(item: Path, owner: JSONVariable, extraction: Extraction) -> Find:
    source = item.expression
    if not source:
        extraction.error(item.node, "EmptyJSONPathExpression", "Write a JSONPath.", name=owner.name)
        return lambda ctx, document: MISSING
    template = extraction.site.compile_template(source, item.node)
    if template is None or template.constant is not None:
        path = _read_json_path(
            source if template is None else text_of(template.constant), item.node, extraction
        )
        if path is None:
            return lambda ctx, document: MISSING
        find = path.find
        return lambda ctx, document: find(document)
    render = extraction.site.template(
        source,
        item.node,
        ignore_unresolved=extraction.lenient,
        unresolved=lambda name: extraction.fault("VariableResolutionFailed", variable=name),
    )

    def find_rendered(ctx: MessageContext, document: Any) -> Any:
        rendered = render(ctx)
        try:
            return compile_jsonpath(rendered).find(document)
        except JsonPathSyntaxError:
            raise extraction.fault("InvalidJSONPath", path=rendered) from None

    return find_rendered


def _read_json_path(source: str, node: Node, extraction: Extraction) -> JsonPath | None:
    try:
        path = compile_jsonpath(source)
    except JsonPathSyntaxError as error:
        extraction.error(node, "JSONPathCompilationFailed", f"Correct the path: {error}.", jsonpath=source)
        return None
    if not path.portable:
        extraction.site.warning(
            node,
            "JSONPathNotPortable",
            f"{source} is understood here, but not by Apigee's JSONPath",
            "Use the operators of Jayway's JsonPath.",
        )
    return path


def _text(value: Any) -> str:
    """A JSON value as a string variable: scalars bare, everything else as compact JSON."""
    return to_text(value) if isinstance(value, (dict, list)) else text_of(value)


def _to_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return BOOLEAN.parse(_text(value)) is True


def _whole(bits: int) -> Callable[[Any], int]:
    limit = 2 ** (bits - 1)

    def cast(value: Any) -> int:
        digits = _text(value).strip()
        if not _WHOLE.fullmatch(digits) or not -limit <= (number := int(digits)) < limit:
            raise ValueError(digits)
        return number

    return cast


def _to_float(value: Any) -> float:
    digits = _text(value).strip()
    if "_" in digits:
        raise ValueError(digits)
    return float(digits)


_CASTS: dict[Type, Callable[[Any], object]] = {
    "string": _text,
    "nodeset": _text,
    "boolean": _to_boolean,
    "integer": _whole(32),
    "long": _whole(64),
    "float": _to_float,
    "double": _to_float,
}


# ---- XML


class XMLVariable(Element):
    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    type: Type = attribute(
        "type", _TYPES, default="string", error="InstantiationFailed", doc="what the value becomes"
    )
    paths: tuple[Path, ...] = many("XPath", Path, doc="XPath 1.0; the first that finds something counts")


class XMLPayload(Element):
    """Values from an XML body, of messages only if their Content-Type is one of XML."""

    tag = "XMLPayload"
    stop: bool = attribute(
        "stopPayloadProcessing", BOOLEAN, default=False, doc="true: end after the first variable that was set"
    )
    namespaces: Namespaces | None = nested("Namespaces", Namespaces)
    items: tuple[XMLVariable, ...] = many("Variable", XMLVariable)

    def compile(self, extraction: Extraction) -> Extract | None:
        prefixes = self.namespaces.read(extraction.site) if self.namespaces is not None else {}
        fetch = [_compile_xml(item, prefixes, extraction) for item in self.items]
        if not fetch:
            return None
        stop = self.stop

        def xml_payload(ctx: MessageContext, source: Any) -> None:
            if source.__class__ is Message:
                if not is_xml(source.content_type()):
                    return
            else:
                source = _as_message(text_of(source))
            try:
                root = source.xml()
            except (etree.XMLSyntaxError, ValueError):
                raise extraction.fault("ExecutionFailed") from None
            for each in fetch:
                if each(ctx, root) and stop:
                    return

        return xml_payload


def is_xml(content_type: str) -> bool:
    """Whether a body of that media type counts as XML."""
    return content_type in ("text/xml", "application/xml") or (
        content_type.startswith("application/") and content_type.endswith("+xml")
    )


def _as_message(content: str) -> Message:
    """XML text in a variable as a message, whose parser is the hardened one; it is UTF-8 whatever it says."""
    message = Message.response()
    message.content = _XML_DECLARATION.sub("", content, count=1)
    return message


def _compile_xml(
    item: XMLVariable, prefixes: dict[str, str], extraction: Extraction
) -> Callable[[MessageContext, Any], bool]:
    if not item.paths:
        extraction.error(item.node, "NoXPathsToEvaluate", "Add an <XPath>.", name=item.name)
    finds = [
        path for each in item.paths if (path := _read_xpath(each, item, prefixes, extraction)) is not None
    ]
    put, convert, type_name = (
        extraction.writer(item.name, item.node),
        _VALUES.get(item.type),
        item.type.upper(),
    )

    def fetch(ctx: MessageContext, root: Any) -> bool:
        for find in finds:
            try:
                found = find(root)
            except XPathFailed as failed:
                raise extraction.fault("UnableToCast", value=failed.value, TYPE=type_name) from None
            if found is not None:
                put(ctx, found if convert is None else convert(found))
                return True
        return False

    return fetch


def _read_xpath(
    item: Path, owner: XMLVariable, prefixes: dict[str, str], extraction: Extraction
) -> XPath | None:
    source = item.expression
    if not source:
        extraction.error(item.node, "EmptyXPathExpression", "Write an XPath expression.", name=owner.name)
        return None
    axis = _AXES.search(source)
    if axis is not None:
        extraction.site.warning(
            item.node,
            "UnsupportedXPathAxis",
            f"the axis {axis[1]} is not supported by Apigee",
            "Write the path from the document downwards.",
        )
    try:
        return compile_xpath(_from_document(source), prefixes, kind=owner.type)
    except NotANodeset as error:
        extraction.error(
            item.node, "CannotBeConvertedToNodeset", f"Choose another type: {error}.", xpath=source
        )
    except XPathSyntaxError as error:
        extraction.error(item.node, "XPathCompilationFailed", f"Correct it: {error}.", xpath=source)
    return None


def _from_document(source: str) -> str:
    """Apigee evaluates paths at the document, so a relative path names the root element first."""
    if source.startswith("./"):
        return source[1:]
    return f"/{source}" if _RELATIVE.match(source) else source


_VALUES: dict[Type, Callable[[str], object]] = {
    "boolean": "true".__eq__,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
}

Part = URIPath | QueryParam | Header | FormParam | Variable | JSONPayload | XMLPayload
__all__ = [
    "Extract",
    "Extraction",
    "FormParam",
    "Header",
    "JSONPayload",
    "Part",
    "QueryParam",
    "URIPath",
    "Variable",
    "XMLPayload",
]

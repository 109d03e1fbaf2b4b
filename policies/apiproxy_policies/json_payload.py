"""`<JSONPayload>` of ExtractVariables: values from a JSON body, by JSONPath."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from apiproxy_policies.extraction import MISSING_NAME, TYPES, Extract, Extraction, Path, Type
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MISSING,
    Element,
    JsonPath,
    JsonPathSyntaxError,
    Message,
    MessageContext,
    Node,
    attribute,
    compile_jsonpath,
    many,
    read_json,
    text_of,
    to_text,
)

Find = Callable[[MessageContext, Any], Any]
_WHOLE = re.compile(r"[+-]?[0-9]+")


class JSONVariable(Element):
    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    type: Type = attribute(
        "type", TYPES, default="string", error="InstantiationFailed", doc="what the value becomes"
    )
    paths: tuple[Path, ...] = many(
        "JSONPath", Path, doc="message template; the first that finds something counts"
    )


class JSONPayload(Element):
    """Values from a JSON body, of messages only if their Content-Type is application/json."""

    tag = "JSONPayload"
    items: tuple[JSONVariable, ...] = many("Variable", JSONVariable)

    def compile(self, extraction: Extraction) -> Extract | None:
        fetch = [_compile_json(item, extraction) for item in self.items]
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
                    document = read_json(text_of(source))
                except (ValueError, RecursionError):
                    raise extraction.fault("JsonPathParsingFailure", variable=extraction.source) from None
            for each in fetch:
                each(ctx, document)

        return json_payload


def _compile_json(item: JSONVariable, extraction: Extraction) -> Extract:
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

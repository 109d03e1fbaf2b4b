"""Parameters of an operation: found in a request, read by their style, checked with their schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from msgspec import Struct

from apiproxy_policies.openapi.document import Document
from apiproxy_policies.openapi.schema import Check, Schemas
from apiproxy_runtime.policy.api import Message

_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,100}\.?[0-9]{0,100}|\.[0-9]{1,100})(?:[eE][+-]?[0-9]{1,3})?")
_SWAGGER_SEPARATORS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
#: in Swagger 2.0 these stand beside the parameter's name and make its schema
_SCHEMA_KEYS = frozenset(
    (
        *("type", "format", "items", "enum", "pattern", "default", "multipleOf", "uniqueItems"),
        *("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        *("maxLength", "minLength", "maxItems", "minItems"),
    )
)


class Request(Struct, frozen=True):
    """What the parameters of one request are read from."""

    path: Mapping[str, str]
    message: Message

    def cookies(self) -> dict[str, str]:
        header = self.message.headers.get("cookie")
        if not header:
            return {}
        try:
            return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        except CookieError:
            return {}


#: The text or texts of a parameter; None when the request has none of that name.
Find = Callable[[Request], Any]


class Parameter(Struct, frozen=True):
    """A declared parameter.

    place  path, query, header or cookie
    names  the names under which a request may send it: more than its own for objects
    open   whether an object takes names that nobody listed
    mixed  whether the schema has alternatives, of which one may take the text as it stands
    """

    name: str
    place: str
    required: bool
    allow_empty: bool
    find: Find
    read: Callable[[Any], Any]
    check: Check
    names: frozenset[str]
    open: bool = False
    mixed: bool = False

    def errors(self, request: Request, path: str) -> list[str]:
        """What is wrong with the parameter in a request."""
        found = self.find(request)
        if found is None or found == []:
            if not self.required:
                return []
            place = self.place.capitalize()
            return [f"{place} parameter '{self.name}' is required on path '{path}' but not found in request."]
        if self.allow_empty and found in ("", [""]):
            return []
        wrong = self.check(self.read(found))
        if wrong and self.mixed and isinstance(found, str) and not self.check(found):
            return []
        return [f"[Parameter '{self.name}'] {sentence}" for sentence in wrong]


def compile_parameter(source: dict[str, Any], document: Document, schemas: Schemas) -> Parameter | None:
    """A parameter from its declaration; None for bodies, forms and headers that say nothing of their own."""
    name, place = str(source.get("name") or ""), str(source.get("in") or "")
    # OpenAPI 3.0, Parameter Object: these three header parameters shall be ignored
    if place not in ("path", "query", "header", "cookie") or (
        place == "header" and name.lower() in ("accept", "content-type", "authorization")
    ):
        return None
    schema, as_json = _schema(source, document)
    resolved = document.mapping(schema)
    style, explode = _style(source, place, document)
    kind = "" if as_json else _type(resolved, document)
    read = _reader(resolved, document, as_json)
    find, names = _finder(name, place, style, explode, kind, resolved)
    additional = resolved.get("additionalProperties", kind == "object")
    return Parameter(
        name,
        place,
        source.get("required") is True or place == "path",
        source.get("allowEmptyValue") is True,
        find,
        read,
        schemas.compile(schema),
        names,
        open=place == "query"
        and kind == "object"
        and style == "form"
        and explode
        and additional is not False,
        mixed=not as_json and bool(resolved.keys() & {"oneOf", "anyOf"}),
    )


def _schema(source: dict[str, Any], document: Document) -> tuple[Any, bool]:
    """The schema, and whether the text is JSON (a parameter with `content`)."""
    if document.version == "2.0":
        return {key: value for key, value in source.items() if key in _SCHEMA_KEYS}, False
    content = document.mapping(source.get("content"))
    for media_type, media in content.items():
        return document.mapping(media).get("schema"), "json" in media_type
    return source.get("schema"), False


def _style(source: dict[str, Any], place: str, document: Document) -> tuple[str, bool]:
    if document.version == "2.0":
        collection = str(source.get("collectionFormat") or "csv")
        return ("form", True) if collection == "multi" else (collection, False)
    style = str(source.get("style") or ("form" if place in ("query", "cookie") else "simple"))
    explode = source.get("explode")
    return style, explode if isinstance(explode, bool) else style == "form"


def _type(schema: dict[str, Any], document: Document) -> str:
    """The type that decides how the text is split; that of a part where the schema is made of parts."""
    found = schema.get("type")
    if isinstance(found, list):
        found = next((each for each in found if each != "null"), None)
    if isinstance(found, str):
        return found
    for keyword in ("allOf", "oneOf", "anyOf"):
        for part in document.items(schema.get(keyword)):
            inner = _type(document.mapping(part), document) if part is not schema else ""
            if inner:
                return inner
    return "object" if isinstance(schema.get("properties"), dict) else ""


# ---- finding


def _finder(
    name: str, place: str, style: str, explode: bool, kind: str, schema: dict[str, Any]
) -> tuple[Find, frozenset[str]]:
    names = frozenset((name.lower() if place == "header" else name,))
    separator = _SWAGGER_SEPARATORS.get(style) or _SEPARATORS.get(style, ",")
    if place == "query" and kind == "object" and style == "deepObject":
        return _deep_object(name), names
    if place == "query" and kind == "object" and style == "form" and explode:
        keys = frozenset(schema.get("properties") or ())
        return _exploded_object(keys), keys
    many = kind == "array"

    def split(text: str) -> Any:
        if kind == "object":
            return _pairs(text, separator, explode)
        return (text.split(separator) if text else []) if many else text

    if place == "query":

        def query(request: Request) -> Any:
            values = request.message.query.values(name)
            if not values:
                return None
            return values if many and explode and style == "form" else split(values[0])

        return query, names
    if place == "header":

        def header(request: Request) -> Any:
            value = request.message.headers.get(name)
            return None if value is None else split(value.strip()) if not many else _trimmed(value)

        return header, names
    if place == "cookie":

        def cookie(request: Request) -> Any:
            value = request.cookies().get(name)
            return None if value is None else split(value)

        return cookie, names

    def path(request: Request) -> Any:
        value = request.path.get(name)
        if value is None:
            return None
        if style == "label":
            value = value.removeprefix(".")
            return value.split("." if explode else ",") if many else value
        if style == "matrix":
            value = value.removeprefix(f";{name}=")
            return value.split(f";{name}=" if explode else ",") if many else value
        return split(value)

    return path, names


def _trimmed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if value.strip() else []


def _pairs(text: str, separator: str, explode: bool) -> dict[str, str]:
    parts = text.split(separator)
    if explode:
        return {key: value for key, _, value in (part.partition("=") for part in parts)}
    return dict(zip(parts[::2], parts[1::2], strict=False))


def _deep_object(name: str) -> Find:
    start = f"{name}["

    def find(request: Request) -> Any:
        pairs = request.message.query.pairs
        found = {
            key[len(start) : -1]: value for key, value in pairs if key.startswith(start) and key[-1] == "]"
        }
        return found or None

    return find


def _exploded_object(keys: frozenset[str]) -> Find:
    def find(request: Request) -> Any:
        return {key: value for key, value in request.message.query.pairs if key in keys} or None

    return find


# ---- reading: texts become what the schema's type says


def _reader(schema: dict[str, Any], document: Document, as_json: bool) -> Callable[[Any], Any]:
    if as_json:
        return _read_json
    kind = _type(schema, document)
    if kind == "array":
        item = _scalar(document.mapping(schema.get("items")), document)
        return lambda found: [item(text) for text in (found if isinstance(found, list) else [found])]
    if kind == "object":
        readers = {
            key: _scalar(document.mapping(each), document)
            for key, each in document.mapping(schema.get("properties")).items()
        }
        return lambda found: (
            {key: readers.get(key, str)(text) for key, text in found.items()}
            if isinstance(found, dict)
            else found
        )
    return _scalar(schema, document)


def _read_json(found: Any) -> Any:
    try:
        return json.loads(found)
    except (ValueError, TypeError, RecursionError):
        return found


def _scalar(schema: dict[str, Any], document: Document) -> Callable[[str], Any]:
    kind = _type(schema, document)
    if kind == "integer":
        return lambda text: int(text) if _INTEGER.fullmatch(text) else text
    if kind == "number":
        return _number
    if kind == "boolean":
        return lambda text: {"true": True, "false": False}.get(text, text)
    return str


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else None
    return text if number is None or number in (float("inf"), float("-inf")) else number

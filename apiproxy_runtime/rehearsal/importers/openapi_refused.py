"""Calls that an OpenAPI document does not allow: what a gateway that validates refuses, and one that does not lets pass."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from apiproxy_runtime.rehearsal.exchange import Exchange, Request
from apiproxy_runtime.rehearsal.importers.openapi import METHODS, Case, Operation, each_case, read_openapi
from apiproxy_runtime.rehearsal.importers.openapi_document import Document, load_openapi

#: A note of each of these cases.
REFUSED = "the document does not allow this call"
_OTHERS = ("DELETE", "PATCH", "PUT", "POST", "GET")
_FORMATS = ("date", "date-time", "uuid", "ipv4", "ipv6")


def read_specification(path: Path) -> Iterator[Exchange]:
    """The examples of a document, then the calls that it does not allow. Raises BadRecording, OSError."""
    for number, exchange in enumerate(chain(read_openapi(path), read_refused(path)), 1):
        yield replace(exchange, id=str(number))


def read_refused(path: Path) -> Iterator[Exchange]:
    """Parts that are missing or wrong, other methods, other paths. Raises BadRecording, OSError."""
    document = load_openapi(path)
    number = 0
    for number, operation, case in each_case(path, document, refused):
        yield Exchange(
            str(number), operation.request(case), name=f"{operation.name}: {case.name}", notes=(REFUSED,)
        )
    yield Exchange(str(number + 1), _nowhere(document), name="a path that is not there", notes=(REFUSED,))


def refused(operation: Operation) -> Iterator[Case]:
    """Variants of the first example, each with one thing wrong."""
    good = next(operation.cases())
    yield from _parameters(operation, good)
    yield from _bodies(operation, good)
    if operation.security:
        yield replace(good, name="without credentials", keyed=False)
    there = {
        method.upper()
        for method in operation.document.resolve(operation.document.content["paths"][operation.path])
    }
    first = next(method for method in METHODS if method.upper() in there)
    other = next((method for method in _OTHERS if method not in there), None)
    if other is not None and operation.method == first:
        yield replace(good, name=f"the method {other}", method=other, body=None)


def _parameters(operation: Operation, good: Case) -> Iterator[Case]:
    for parameter in operation.parameters:
        where, name = parameter.get("in"), parameter.get("name")
        if where not in ("path", "query", "header", "cookie"):
            continue
        key = (str(where), str(name))
        if parameter.get("required") and where != "path":
            left = {each: value for each, value in good.parameters.items() if each != key}
            yield replace(good, name=f"without the {where} parameter {name}", parameters=left)
        for what, value in wrong(operation.schema(parameter)):
            if isinstance(value, (str, int, float)):
                yield replace(good, name=f"{name} is {what}", parameters={**good.parameters, key: value})


def _bodies(operation: Operation, good: Case) -> Iterator[Case]:
    if good.body is None:
        return
    yield replace(good, name="without a body", body=None)
    if not good.media_type.partition(";")[0].endswith("json"):
        return
    yield replace(good, name="a body that is no JSON", body=None, raw=b"{not json")
    resolve = operation.document.resolve
    schema = resolve((operation.media.get(good.media_type) or {}).get("schema") or {})
    if not isinstance(schema, dict) or not isinstance(good.body, dict):
        return
    for name in schema.get("required") or ():
        if name in good.body:
            left = {each: value for each, value in good.body.items() if each != name}
            yield replace(good, name=f"without {name} in the body", body=left)
    for name, inner in (schema.get("properties") or {}).items():
        for what, value in wrong(resolve(inner) or {}):
            yield replace(good, name=f"{name} in the body is {what}", body={**good.body, name: value})


def wrong(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values that a schema does not allow, with what they are."""
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean"):
        yield "no " + str(kind), "text"
    elif kind in ("array", "object"):
        yield "no " + str(kind), 7 if kind == "object" else {"not": "a list"}
    if schema.get("enum"):
        yield "none of its values", "no-such-value"
    elif kind == "string" and schema.get("format") in _FORMATS:
        yield f"no {schema['format']}", "text"
    for limit, step, what in (("minimum", -1, "too small"), ("maximum", 1, "too big")):
        bound = schema.get(limit)
        if isinstance(bound, (int, float)) and not isinstance(bound, bool):
            yield what, bound + step
    most, least = schema.get("maxLength"), schema.get("minLength")
    if isinstance(most, int) and most < 10_000:
        yield "too long", "x" * (most + 1)
    if isinstance(least, int) and least > 1:
        yield "too short", "x" * (least - 1)


def _nowhere(document: Document) -> Request:
    url = f"{document.base}/no-such-path"
    host = Request("GET", url).host
    return Request("GET", url, (("Host", host),) if host else ())

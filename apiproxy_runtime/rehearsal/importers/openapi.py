"""OpenAPI 3 and Swagger 2 documents: a case for each example of each operation, made from schemas where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from apiproxy_runtime.rehearsal.exchange import Exchange, Expectation, Request
from apiproxy_runtime.rehearsal.har import BadRecording
from apiproxy_runtime.rehearsal.importers.multipart import Part, multipart
from apiproxy_runtime.rehearsal.importers.openapi_document import Document, load_openapi
from apiproxy_runtime.rehearsal.importers.schema import value_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_KEY = "test-key-of-the-consumer"


def read_openapi(path: Path) -> Iterator[Exchange]:
    """A case for each operation and each example of its body or parameters. Raises BadRecording, OSError."""
    for number, operation, case in each_case(path, load_openapi(path), Operation.cases):
        yield Exchange(
            str(number),
            operation.request(case),
            name=f"{operation.name}{f' ({case.name})' if case.name else ''}",
            notes=operation.notes,
            expectations=(Expectation("status", operation.success),) if operation.success else (),
        )


def each_case(
    path: Path, document: Document, make: Callable[[Operation], Iterator[Case]]
) -> Iterator[tuple[int, Operation, Case]]:
    """What `make` makes of each operation, numbered. Raises BadRecording for an operation that cannot be read."""
    number = 0
    for operation in operations(document):
        try:
            for case in make(operation):
                number += 1
                yield number, operation, case
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadRecording(
                f"{path}: {operation.method.upper()} {operation.path} cannot be read: {type(error).__name__} {error}. "
                "Check the document with an OpenAPI linter."
            ) from None


class Case(Struct, frozen=True):
    """Values for one request: `parameters` by (where, name); `body` None for none.

    keyed   whether it carries the credentials that the operation asks for
    method  another than the operation's; empty for its own
    raw     the bytes to send in place of `body`
    """

    name: str
    parameters: dict[tuple[str, str], Any]
    media_type: str = ""
    body: Any = None
    keyed: bool = True
    method: str = ""
    raw: bytes = b""


class Operation:
    """One method of one path."""

    def __init__(
        self, document: Document, path: str, method: str, item: dict[str, Any], own: dict[str, Any]
    ) -> None:
        self.document, self.path, self.method = document, path, method
        self.content = own
        self.name = str(own.get("operationId") or own.get("summary") or f"{method.upper()} {path}")
        merged = {}
        for given in (*(item.get("parameters") or ()), *(own.get("parameters") or ())):
            parameter = document.resolve(given)
            if isinstance(parameter, dict):
                merged[parameter.get("in"), parameter.get("name")] = parameter
        self.parameters: list[dict[str, Any]] = list(merged.values())

    @property
    def notes(self) -> tuple[str, ...]:
        return ("the key is made up: put a real one in its place",) if self.security else ()

    @property
    def success(self) -> str:
        """The first 2xx status that is documented; empty when there is none."""
        return next(
            (
                str(code)
                for code in self.content.get("responses") or {}
                if str(code)[:1] == "2" and str(code).isdigit()
            ),
            "",
        )

    @cached_property
    def media(self) -> dict[str, Any]:
        """The bodies: media type → Media Type Object (for Swagger 2 one made of its body parameter)."""
        if not self.document.old:
            body = self.document.resolve(self.content.get("requestBody")) or {}
            return dict(body.get("content") or {})
        consumes = self.content.get("consumes") or self.document.content.get("consumes") or []
        for parameter in self.parameters:
            if parameter.get("in") == "body":
                return {
                    consumes[0] if consumes else "application/json": {"schema": parameter.get("schema") or {}}
                }
        fields = [parameter for parameter in self.parameters if parameter.get("in") == "formData"]
        if not fields:
            return {}
        kind = "application/x-www-form-urlencoded"
        if any(parameter.get("type") == "file" for parameter in fields) or kind not in (consumes or [kind]):
            kind = "multipart/form-data"
        properties = {parameter["name"]: parameter for parameter in fields}
        return {kind: {"schema": {"type": "object", "properties": properties}}}

    @cached_property
    def security(self) -> list[Mapping[str, Any]]:
        """The schemes of the first alternative."""
        content = self.document.content
        wanted = self.content.get("security", content.get("security")) or []
        held = (
            content.get("securityDefinitions")
            if self.document.old
            else (content.get("components") or {}).get("securitySchemes")
        )
        schemes = (self.document.resolve((held or {}).get(name)) for name in (wanted[0] if wanted else ()))
        return [scheme for scheme in schemes if isinstance(scheme, dict)]

    def cases(self) -> Iterator[Case]:
        """One for each named example of the body; else one for each of a parameter; else one."""
        parameters = {
            (p["in"], p["name"]): self._value(p)
            for p in self.parameters
            if p.get("in") in ("path", "query", "header", "cookie")
        }
        parameters = {key: value for key, value in parameters.items() if value is not None}
        found = False
        for media_type, media in self.media.items():
            for name, body in self._bodies(media):
                found = True
                yield Case(name or ("" if len(self.media) == 1 else media_type), parameters, media_type, body)
        if found:
            return
        yield Case("", parameters)
        for parameter in self.parameters:
            named = parameter.get("examples")
            for name, example in list(named.items())[1:] if isinstance(named, dict) else ():
                value = (self.document.resolve(example) or {}).get("value")
                yield Case(str(name), {**parameters, (parameter["in"], parameter["name"]): value})

    def _bodies(self, media: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        named = media.get("examples")
        if isinstance(named, dict) and named:
            for name, example in named.items():
                found = self.document.resolve(example) or {}
                if "value" in found:
                    yield str(name), found["value"]
        elif "example" in media:
            yield "", media["example"]
        else:
            yield "", value_of(media.get("schema") or {}, self.document.resolve)

    def _value(self, parameter: dict[str, Any]) -> Any:
        for key in ("example", "x-example"):
            if key in parameter:
                return parameter[key]
        named = parameter.get("examples")
        if isinstance(named, dict) and named:
            return (self.document.resolve(next(iter(named.values()))) or {}).get("value")
        resolved = self.schema(parameter)
        known = any(key in resolved for key in ("example", "default", "enum"))
        if not parameter.get("required") and parameter["in"] != "path" and not known:
            return None
        return value_of(resolved, self.document.resolve)

    def schema(self, parameter: dict[str, Any]) -> dict[str, Any]:
        """What a parameter must be."""
        content: dict[str, Any] = parameter.get("content") or {}
        media: dict[str, Any] = next(iter(content.values()), {})
        schema = parameter.get("schema") or media.get("schema")
        if schema is None:
            schema = parameter if "type" in parameter else {"type": "string"}
        return dict(self.document.resolve(schema) or {})

    def request(self, case: Case) -> Request:
        """The request of a case."""
        path, query, headers, cookies = self.path, list[str](), list[tuple[str, str]](), list[str]()
        explode = {
            (p["in"], p["name"]): p.get(
                "explode", p.get("collectionFormat") in (None, "multi") and not self.document.old
            )
            for p in self.parameters
        }
        for (where, name), value in case.parameters.items():
            if where == "path":
                path = path.replace(f"{{{name}}}", quote(_text(value), safe=""))
            elif where == "query":
                values = value if isinstance(value, list) and explode.get((where, name), True) else [value]
                query += [f"{quote(name, safe='')}={quote(_text(each), safe='')}" for each in values]
            elif where == "header":
                headers.append((name, _text(value)))
            elif where == "cookie":
                cookies.append(f"{name}={_text(value)}")
        for scheme in self.security if case.keyed else ():
            self._secure(scheme, query, headers, cookies)
        if cookies:
            headers.append(("Cookie", "; ".join(cookies)))
        content_type, body = (case.media_type, case.raw) if case.raw else encoded(case.media_type, case.body)
        if body:
            headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        url = f"{self.document.base}{path}{'?' if query else ''}{'&'.join(query)}"
        host = Request("GET", url).host
        return Request(
            case.method or self.method.upper(),
            url,
            ((("Host", host),) if host else ()) + tuple(headers),
            body,
        )

    def _secure(
        self, scheme: Mapping[str, Any], query: list[str], headers: list[tuple[str, str]], cookies: list[str]
    ) -> None:
        kind, where, name = scheme.get("type"), scheme.get("in"), str(scheme.get("name", ""))
        if kind == "apiKey" and where == "query":
            query.append(f"{quote(name, safe='')}={_KEY}")
        elif kind == "apiKey" and where == "header":
            headers.append((name, _KEY))
        elif kind == "apiKey":
            cookies.append(f"{name}={_KEY}")
        elif kind == "basic" or (kind == "http" and str(scheme.get("scheme")).lower() == "basic"):
            headers.append(("Authorization", "Basic dXNlcjpwYXNzd29yZA=="))
        else:
            headers.append(("Authorization", f"Bearer {_KEY}"))


def operations(document: Document) -> Iterator[Operation]:
    """All operations, in the document's order."""
    for path, given in document.content["paths"].items():
        item = document.resolve(given)
        if not isinstance(item, dict) or not str(path).startswith("/"):
            continue
        for method in item:
            if method in METHODS and isinstance(item[method], dict):
                yield Operation(document, str(path), method, item, item[method])


def encoded(media_type: str, body: Any) -> tuple[str, bytes]:
    """(Content-Type, body) for a value under a media type."""
    kind = media_type.partition(";")[0].strip().lower()
    if body is None or not kind:
        return "", b""
    if kind == "application/x-www-form-urlencoded" and isinstance(body, dict):
        return media_type, urlencode([(name, _text(value)) for name, value in body.items()]).encode()
    if kind == "multipart/form-data" and isinstance(body, dict):
        return multipart([Part(name, _text(value).encode()) for name, value in body.items()])
    if isinstance(body, str) and not kind.endswith("json"):
        return media_type, body.encode()
    if kind.endswith("xml"):
        return media_type, _xml("root", body).encode()
    return ("application/json" if kind == "*/*" else media_type), json.dumps(
        body, ensure_ascii=False, default=str
    ).encode()


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_xml(key, inner) for key, inner in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_xml(name, inner) for inner in value)
    text = _text(value).replace("&", "&amp;").replace("<", "&lt;")
    return f"<{name}>{text}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return json.dumps(value) if isinstance(value, dict) else "" if value is None else str(value)

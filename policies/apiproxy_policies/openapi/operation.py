"""Operations: what a document says of one verb on one path, ready to check requests and responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from apiproxy_policies.openapi.document import VERBS, Direction, Document
from apiproxy_policies.openapi.parameters import Parameter, Request, compile_parameter
from apiproxy_policies.openapi.routes import Routes
from apiproxy_policies.openapi.schema import Check, Schemas
from apiproxy_runtime.policy.api import Message

#: Headers that belong to HTTP, browsers and gateways: nobody lists them, so they are never "unspecified".
_COMMON_HEADERS = frozenset(
    (
        *("accept", "accept-charset", "accept-encoding", "accept-language", "authorization", "cache-control"),
        *("connection", "content-encoding", "content-language", "content-length", "content-type", "cookie"),
        *(
            "date",
            "dnt",
            "expect",
            "forwarded",
            "from",
            "host",
            "if-match",
            "if-modified-since",
            "if-none-match",
        ),
        *("if-range", "if-unmodified-since", "keep-alive", "max-forwards", "origin", "pragma", "priority"),
        *("proxy-authorization", "range", "referer", "te", "traceparent", "tracestate", "trailer"),
        *("transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "warning"),
        *("x-cloud-trace-context", "x-request-id", "x-real-ip"),
    )
)
_COMMON_STARTS = ("x-forwarded-", "sec-", "x-b3-", "access-control-request-")


class Strictness(Struct, frozen=True):
    """The policy's options: whether bodies are checked, and which parameters must be declared."""

    body: bool = False
    headers: bool = False
    query: bool = False
    cookies: bool = False


class Body(Struct, frozen=True):
    """The media types of a request or response body with their checks."""

    required: bool
    media: dict[str, Check]

    def errors(self, message: Message, what: str, required_text: str) -> list[str]:
        body = message.body
        if not body:
            return [required_text] if self.required else []
        if not self.media:
            return []
        media_type = message.content_type()
        check = self._check(media_type)
        if check is None:
            allowed = ", ".join(self.media)
            return [
                f"{what} Content-Type header '{message.headers.get('Content-Type')}' does not match any allowed types. "
                f"Must be one of: [{allowed}]."
            ]
        if media_type and not _is_json(media_type):
            return []
        try:
            value = message.json()
        except (ValueError, RecursionError) as error:
            return [f"Unable to parse JSON - {error}."]
        return check(value)

    def _check(self, media_type: str) -> Check | None:
        """The check of the most specific media type that fits; without a Content-Type that of JSON."""
        if not media_type:
            return next((check for name, check in self.media.items() if _is_json(name)), _anything)
        for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
            if name in self.media:
                return self.media[name]
        return None


def _anything(value: Any) -> list[str]:
    return []


def _is_json(media_type: str) -> bool:
    return media_type.endswith("+json") or media_type in _JSON_TYPES


_JSON_TYPES = frozenset(("application/json", "text/json", "application/*", "*/*"))


class Answer(Struct, frozen=True):
    """A declared response."""

    body: Body
    headers: tuple[Parameter, ...]


class Operation(Struct, frozen=True):
    """One verb on one path.

    body       None where no body is declared
    responses  by status, range (`2XX`) or `default`; empty unless the document was compiled for responses
    """

    path: str
    verb: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: dict[str, Answer]
    specified: frozenset[tuple[str, str]]
    open_query: bool

    def request_errors(self, path: Mapping[str, str], message: Message, strict: Strictness) -> list[str]:
        request = Request(path, message)
        wrong = [error for parameter in self.parameters for error in parameter.errors(request, self.path)]
        wrong += self._unspecified(request, strict)
        if self.body is None:
            if strict.body and message.body:
                wrong.append(f"No request body is expected for {self.verb} on path '{self.path}'.")
        elif strict.body:
            wrong += self.body.errors(message, "Request", "A request body is required but none found.")
        elif self.body.required and not message.body:
            wrong.append("A request body is required but none found.")
        return wrong

    def _unspecified(self, request: Request, strict: Strictness) -> list[str]:
        specified, wrong = self.specified, []
        if strict.query and not self.open_query:
            for name in request.message.query.names():
                if ("query", name) not in specified and ("query", name.partition("[")[0]) not in specified:
                    wrong.append(f"Query parameter '{name}' is unexpected on path '{self.path}'.")
        if strict.headers:
            for name in request.message.headers.names():
                lower = name.lower()
                if (
                    ("header", lower) not in specified
                    and lower not in _COMMON_HEADERS
                    and not lower.startswith(_COMMON_STARTS)
                ):
                    wrong.append(f"Header parameter '{name}' is unexpected on path '{self.path}'.")
        if strict.cookies:
            for name in request.cookies():
                if ("cookie", name) not in specified:
                    wrong.append(f"Cookie parameter '{name}' is unexpected on path '{self.path}'.")
        return wrong

    def response_errors(self, message: Message, strict: Strictness) -> list[str]:
        status = str(message.status)
        responses = self.responses
        answer = responses.get(status) or responses.get(f"{status[0]}XX") or responses.get("default")
        if answer is None:
            return [f"Response status {status} not defined for path '{self.path}'."]
        request = Request({}, message)
        wrong = [error for header in answer.headers for error in header.errors(request, self.path)]
        if strict.body:
            missing = (
                f"{self.verb} on path '{self.path}' defines a response schema but no response body found."
            )
            wrong += answer.body.errors(message, "Response", missing)
        return wrong


Operations = dict[str, dict[str, Operation]]


class Description(Struct, frozen=True):
    """A whole document, compiled for one direction."""

    routes: Routes
    operations: Operations
    prefixes: tuple[str, ...]

    def find(self, base_path: str, suffix: str) -> tuple[str, Mapping[str, str]] | None:
        """The path that a request means, seen from the proxy's base path or from a server's URL."""
        suffix = suffix or "/"
        found = self.routes.find(suffix)
        if found is not None:
            return found
        whole = base_path.rstrip("/") + suffix
        for path in (whole, suffix):
            for prefix in ("", *self.prefixes):
                if path == prefix or path.startswith(f"{prefix}/"):
                    found = self.routes.find(path[len(prefix) :] or "/")
                    if found is not None:
                        return found
        return None


def compile_description(document: Document, direction: Direction) -> Description:
    """Compile all operations of a document. Raises SchemaError."""
    schemas = Schemas(document, direction)
    keys = frozenset(
        (place, name.lower() if place == "header" else name) for place, name in document.api_keys
    )
    operations: Operations = {}
    for path, item in document.paths.items():
        shared = document.items(item.get("parameters"))
        operations[path] = {
            verb.upper(): _operation(
                path, verb.upper(), document.mapping(item[verb]), shared, keys, schemas, direction
            )
            for verb in VERBS
            if isinstance(item.get(verb), dict)
        }
    return Description(Routes(operations), operations, document.prefixes)


def _operation(
    path: str,
    verb: str,
    source: dict[str, Any],
    shared: list[Any],
    keys: frozenset[tuple[str, str]],
    schemas: Schemas,
    direction: Direction,
) -> Operation:
    document = schemas.document
    declared: dict[tuple[str, str], dict[str, Any]] = {}
    for node in (*shared, *document.items(source.get("parameters"))):
        each = document.mapping(node)
        declared[str(each.get("in")), str(each.get("name"))] = each
    if direction == "response":
        responses = {
            str(status).upper() if status != "default" else status: _answer(
                document.mapping(answer), source, schemas
            )
            for status, answer in document.mapping(source.get("responses")).items()
        }
        return Operation(path, verb, (), None, responses, keys, False)
    parameters = tuple(
        parameter
        for node in declared.values()
        if (parameter := compile_parameter(node, document, schemas)) is not None
    )
    specified = keys | {(parameter.place, name) for parameter in parameters for name in parameter.names}
    open_query = any(parameter.open for parameter in parameters)
    body = _request_body(source, declared, schemas)
    return Operation(path, verb, parameters, body, {}, specified, open_query)


def _request_body(
    source: dict[str, Any], declared: dict[tuple[str, str], dict[str, Any]], schemas: Schemas
) -> Body | None:
    document = schemas.document
    if document.version != "2.0":
        if source.get("requestBody") is None:
            return None
        body = document.mapping(source.get("requestBody"))
        return Body(body.get("required") is True, _media(body.get("content"), schemas))
    consumes = document.items(source.get("consumes") or document.root.get("consumes"))
    for (place, _), parameter in declared.items():
        if place == "body":
            check = schemas.compile(parameter.get("schema"))
            return Body(parameter.get("required") is True, {str(name).lower(): check for name in consumes})
    forms = [parameter for (place, _), parameter in declared.items() if place == "formData"]
    if not forms:
        return None
    required = any(parameter.get("required") is True for parameter in forms)
    return Body(required, {str(name).lower(): _anything for name in consumes})


def _media(content: Any, schemas: Schemas) -> dict[str, Check]:
    document = schemas.document
    return {
        name.partition(";")[0].strip().lower(): schemas.compile(document.mapping(media).get("schema"))
        for name, media in document.mapping(content).items()
    }


def _answer(source: dict[str, Any], operation: dict[str, Any], schemas: Schemas) -> Answer:
    document = schemas.document
    headers: list[Parameter] = []
    for name, node in document.mapping(source.get("headers")).items():
        parameter = compile_parameter(
            {**document.mapping(node), "name": name, "in": "header"}, document, schemas
        )
        if parameter is not None:
            headers.append(parameter)
    if document.version != "2.0":
        media = _media(source.get("content"), schemas)
        return Answer(Body(bool(media), media), tuple(headers))
    produces = document.items(operation.get("produces") or document.root.get("produces"))
    schema = source.get("schema")
    if schema is None:
        return Answer(Body(False, {}), tuple(headers))
    check = schemas.compile(schema)
    types = [str(name).lower() for name in produces] or ["application/json"]
    return Answer(Body(True, dict.fromkeys(types, check)), tuple(headers))

"""What the plugins external-callout and service-callout have in common: an HTTP call of their own in access.

Both documents describe the same configuration. Where their published code does something else than they say, the
documents are followed:

- `wait_for_response: false` never makes the request wait, for either plugin (the code of external-callout waits);
- service-callout decodes a body that is JSON and keeps any other as text (the code breaks on one that is not JSON);
- `request_body_source_name` is asked for when the file is read (a warning), and its absence at run time is a failure
  of the callout when the response is waited for: `on_error_status` and `on_error_body` unless `on_error_continue`;
  otherwise no call is made;
- instances may be bound to a service or a route, as the examples do (the published schemas say global only: a warning);
- `on_error_status` must be a whole number.

A callout has failed when there was no response, or one with a status of 400 or more; redirects are not followed, and
nothing is tried again. The time-outs are fixed, 5 s to connect and 10 s for the whole call, certificates are verified.
The result (`status`, `headers`, `body`; status 0 and the error's text without a response) is stored on failure too,
before the request is refused. Only the configured headers are sent. Bodies are never logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.kong.answer import exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases
from apiproxy_runtime.kong.schema import Config, Field, boolean, header_name, integer, map_of, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.kong.template import lua_text
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

logger = logging.getLogger("apiproxy")

#: The stream of records that failed callouts are told in.
RECORDS = "kong-callouts"
PRIORITY = 1000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
SOURCES = ("request_body", "shared_context", "none")
FAILED_BODY = "External Callout failed."


class HeaderTable(dict[str, Any]):
    """Response headers as a table whose names may be asked for in any spelling."""

    @classmethod
    def of(cls, headers: Headers) -> HeaderTable:
        return cls(
            {field[0]: field[1] if len(field) == 2 else field[1:] for field in headers.fields.values()}
        )

    def __missing__(self, name: str) -> Any:
        lower = name.lower().replace("_", "-")
        for key, value in self.items():
            if key.lower() == lower:
                return value
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


class Outcome(Struct, frozen=True):
    """What came of a call: the response, or the text of what went wrong instead."""

    response: Message | None
    error: str = ""

    @property
    def failed(self) -> bool:
        return self.response is None or self.response.status >= 400

    def table(self, decode: Callable[[str], Any]) -> dict[str, Any]:
        """What is stored in `kong.ctx.shared`."""
        if self.response is None:
            return {"status": 0, "headers": HeaderTable(), "body": self.error}
        body = decode(self.response.content)
        headers = HeaderTable.of(self.response.headers)
        return {"status": self.response.status, "headers": headers, "body": body}


def compile_callout(config: Config, site: KongSite, decode: Callable[[str], Any]) -> Phases:
    """The plugin; `decode` makes of the response's text what is stored."""
    url: str = config["callout_url"]
    method: str = config["method"]
    headers = [(name, str(value)) for name, value in config["headers"].items()]
    source = config["request_body_source_type"]
    name: str | None = config["request_body_source_name"]
    key: str | None = config["response_to_shared_context_key"]
    go_on: bool = config["on_error_continue"]
    status, text = config["on_error_status"], config["on_error_body"]
    plugin = site.instance.plugin.name
    services, world = site.services, site.world
    connect, total = services.callout_seconds
    tls = TlsProfile(server_name=urlsplit(url).hostname or "") if url.startswith("https:") else None

    def body_of(ctx: KongContext) -> bytes:
        if source == "request_body":
            return ctx.request.encoded or ctx.request.body
        return as_body(ctx.variables.get(name or "")) if source == "shared_context" else b""

    def call_with(body: bytes) -> Call:
        request = Message(True, Headers(headers), body)
        request.verb = method
        deadline = world.monotonic() + total
        return Call(url, request, "callout", int(connect * 1000), int(total * 1000), deadline, tls=tls)

    def note(kind: str, outcome: Outcome, began: float, action: str) -> None:
        """A failure, for logs and reports: the status, never the body."""
        found = outcome.response.status if outcome.response is not None else 0
        what = f"answered {found}" if found else f"failed: {outcome.error}"
        logger.warning("%s (%s): the call of %s %s, %s", plugin, kind, url, what, action)
        services.records.add(
            RECORDS,
            {
                "plugin": plugin,
                "url": url,
                "kind": kind,
                "status": found,
                "error": outcome.error,
                "elapsed_ms": round((world.monotonic() - began) * 1000),
                "action": action,
            },
        )

    async def wait(ctx: KongContext) -> None:
        began = world.monotonic()
        if source == "shared_context" and not name:
            outcome = Outcome(None, "request_body_source_name is required for the source shared_context")
            kind = "missing_source"
        else:
            try:
                outcome = Outcome(await services.send(ctx, call_with(body_of(ctx))))
                kind = "status"
            except CallFailed as error:
                outcome = Outcome(None, error.text)
                kind = "transport"
            if key:
                ctx.variables[key] = outcome.table(decode)
        if not outcome.failed:
            return
        note(kind, outcome, began, "continue" if go_on else "abort")
        if not go_on:
            raise exit_text(status, text)

    async def deliver(call: Call, began: float) -> None:
        async with services.callouts:
            try:
                outcome = Outcome(await services.egress.send(call))
            except CallFailed as error:
                note("transport", Outcome(None, error.text), began, "none")
                return
        if outcome.failed:
            logger.debug("%s: the call of %s answered %s", plugin, url, outcome.response)

    def fire(ctx: KongContext) -> None:
        if source == "shared_context" and not name:
            missing = Outcome(None, "request_body_source_name is required for the source shared_context")
            note("missing_source", missing, world.monotonic(), "none")
            return
        call = call_with(body_of(ctx))
        if ctx.observer is not None:
            ctx.observer.call_begins(ctx, call)
        work: Coroutine[Any, Any, None] = deliver(call, world.monotonic())
        services.spawn(work)

    access = wait if config["wait_for_response"] else fire
    return Phases(access=access, reads_body=source == "request_body")


def as_body(value: Any) -> bytes:
    """A value of `kong.ctx.shared` as a body: tables as JSON, other values as Lua prints them, nil and false as none."""
    if value is None or value is False:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    return lua_text(value).encode()


def raw(text: str) -> Any:
    """The body as it came."""
    return text


def decoded(text: str) -> Any:
    """The body as JSON when it is JSON, else as it came."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        usable = None
    return "" if usable else f"not a URL of http or https: {text}"


def warnings(config: Config) -> list[tuple[str, str]]:
    """What a config says to no effect, or without what it needs. Under "" stand the scopes of the instance."""
    found = []
    if config["request_body_source_type"] == "shared_context" and not config["request_body_source_name"]:
        message = "required when request_body_source_type is shared_context: every such callout will fail"
        found.append(("request_body_source_name", message))
    if not config["wait_for_response"]:
        for name, default in (
            ("response_to_shared_context_key", None),
            ("on_error_status", 500),
            ("on_error_body", FAILED_BODY),
            ("on_error_continue", False),
        ):
            if config[name] != default:
                found.append((name, "ignored, since wait_for_response is false"))
    if config[""]:
        found.append(("", "the published schema of this plugin knows global instances only"))
    return found


FIELDS: dict[str, Field] = {
    "callout_url": string("URL to call", rule=check_url).needs(),
    "method": string("method of the call", "POST", one_of=METHODS),
    "headers": map_of(string(len_min=0), "the headers that are sent", keys=header_name(), default={}),
    "request_body_source_type": string("where the body comes from", "request_body", one_of=SOURCES),
    "request_body_source_name": string("key in kong.ctx.shared, for shared_context"),
    "wait_for_response": boolean("False: fire and forget", True),
    "response_to_shared_context_key": string("key in kong.ctx.shared for status, headers and body"),
    "on_error_status": integer("status for the client when the call fails", 500, between=(400, 599)),
    "on_error_body": string("body for the client when the call fails", FAILED_BODY, len_min=0),
    "on_error_continue": boolean("go on when the call fails", False),
}

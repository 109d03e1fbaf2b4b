"""request-callout: any number of calls before the upstream is asked, each with what the others found.

Callouts that depend on no other (`depends_on`) are made at once. A result lies in `kong.ctx.shared.callouts.NAME`:
`request`, and `response` with `status`, `headers` and `body`; templates read it as `$(callouts.NAME.response.body.x)`.
Lua (`by_lua`) is not run. Source: plugin reference, Request Callout (Enterprise).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from apiproxy_runtime.gateway.http.tls import TlsProfile
from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.callout import HeaderTable, decoded
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import (
    Config,
    Field,
    anything,
    array,
    boolean,
    integer,
    map_of,
    record,
    string,
)
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.kong.template import Render, check_template, renderer
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.state.store import settled

logger = logging.getLogger("apiproxy")

SPACE = "kong/request-callout"
_HOP = frozenset(("host", "content-length", "transfer-encoding", "connection"))


class Refused(Exception):
    """A callout failed, and the request is to be refused for it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Callout:
    """One callout, ready to be made."""

    def __init__(self, config: Config, shared: Config, site: KongSite) -> None:
        request = config["request"]
        self.name: str = config["name"]
        self.site = site
        self.method: str = request["method"]
        self.url = renderer(request["url"])
        self.headers = _templates(request["headers"]["custom"])
        self.forward_headers: bool = request["headers"]["forward"]
        self.query = _templates(request["query"]["custom"])
        self.forward_query: bool = request["query"]["forward"]
        self.body = _templates(request["body"]["custom"])
        self.forward_body: bool = request["body"]["forward"]
        self.failure = request["error"]
        options = request["http_opts"]
        self.verify: bool = options["ssl_verify"]
        self.timeouts = options["timeouts"]
        self.response = config["response"]
        strategy = shared["strategy"]
        self.ttl = shared["cache_ttl"] if strategy != "off" and not config["cache"]["bypass"] else 0

    async def make(self, ctx: KongContext) -> None:
        """Call, and store what came of it. Raises Refused."""
        request = self.request_of(ctx)
        result: dict[str, Any] = {"request": {"method": request.verb, "url": request.url}}
        callouts: dict[str, Any] = ctx.variables.setdefault("callouts", {})
        callouts[self.name] = result
        key = self.cache_key(request)
        if key:
            kept = await settled(self.site.store.get(SPACE, key))
            if kept is not None:
                stored = json.loads(kept)
                stored["headers"] = HeaderTable(stored["headers"])
                result["response"] = stored
                return
        response = await self.call(ctx, request)
        if response is None:
            result["response"] = {"status": 0, "headers": HeaderTable(), "body": ""}
            return
        told = self.told(response)
        result["response"] = told
        if key and response.status < 400:
            await settled(self.site.store.put(SPACE, key, json.dumps(told), self.ttl))

    def told(self, response: Message) -> dict[str, Any]:
        body = self.response["body"]
        text = response.content
        return {
            "status": response.status,
            "headers": HeaderTable.of(response.headers) if self.response["headers"]["store"] else {},
            "body": (decoded(text) if body["decode"] else text) if body["store"] else None,
        }

    def request_of(self, ctx: KongContext) -> Message:
        """The request to send; its `url` is set."""
        client = ctx.request
        fields: list[tuple[str, str]] = []
        if self.forward_headers:
            fields = [(name, value) for name, value in client.headers if name.lower() not in _HOP]
        request = Message(True, Headers(fields))
        for name, render in self.headers:
            request.headers.set(name, render(ctx))
        request.verb = self.method
        request.body = _body(client, self.body, self.forward_body, ctx, request)
        pairs = list(client.query.pairs) if self.forward_query else []
        pairs += [(name, render(ctx)) for name, render in self.query]
        url = self.url(ctx)
        if pairs:
            url += ("&" if "?" in url else "?") + urlencode(pairs)
        request.url = url
        return request

    async def call(self, ctx: KongContext, request: Message) -> Message | None:
        """The response; None when the call failed and that does not matter. Raises Refused."""
        failure = self.failure
        url = request.url or ""
        tls = TlsProfile(self.verify, server_name=urlsplit(url).hostname or "")
        timeouts = self.timeouts
        why = ""
        for _ in range(1 + (failure["retries"] if failure["on_error"] == "retry" else 0)):
            call = Call(url, request, "callout", timeouts["connect"], timeouts["read"])
            call.tls = tls if url.startswith("https:") else None
            try:
                response = await self.site.services.send(ctx, call)
            except CallFailed as failed:
                why = failed.text
                continue
            if response.status not in (failure["http_statuses"] or ()):
                return response
            why = f"it answered {response.status}"
            if failure["on_error"] == "continue":
                return response
        logger.warning("request-callout: the call %s of %s failed: %s", self.name, url, why)
        if failure["on_error"] == "continue":
            return None
        raise Refused(failure["error_response_code"], failure["error_response_msg"])

    def cache_key(self, request: Message) -> str:
        """What tells one answer from another; empty when answers are not kept."""
        if not self.ttl:
            return ""
        parts = (self.site.instance.id, self.name, request.verb, request.url, str(list(request.headers)))
        return hashlib.sha256("\0".join(map(str, parts)).encode() + request.body).hexdigest()


def _templates(custom: dict[str, str] | None) -> list[tuple[str, Render]]:
    return [(name, renderer(value)) for name, value in (custom or {}).items()]


def _body(
    client: Message, custom: list[tuple[str, Render]], forward: bool, ctx: KongContext, request: Message
) -> bytes:
    """The custom fields as JSON, added to those of the client's body when that is forwarded."""
    if not custom:
        return client.body if forward else b""
    fields: dict[str, Any] = {}
    if forward:
        try:
            parsed = client.json() if client.body else {}
        except ValueError:
            parsed = {}
        fields = dict(parsed) if isinstance(parsed, dict) else {}
    fields.update({name: render(ctx) for name, render in custom})
    if "content-type" not in request.headers.fields:
        request.headers.set("Content-Type", "application/json")
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def compile_request_callout(config: Config, site: KongSite) -> Phases:
    waves = [[Callout(each, config["cache"], site) for each in wave] for wave in waves_of(config["callouts"])]
    change = upstream_change(config["upstream"])
    reads = any(callout["request"]["body"]["forward"] for callout in config["callouts"]) or bool(
        config["upstream"]["body"]["custom"]
    )

    async def access(ctx: KongContext) -> None:
        try:
            for wave in waves:
                if len(wave) == 1:
                    await wave[0].make(ctx)
                else:
                    await asyncio.gather(*(callout.make(ctx) for callout in wave))
        except Refused as refused:
            raise error(ctx, refused.status, refused.text) from None
        change(ctx)

    return Phases(access=access, reads_body=reads)


def waves_of(callouts: list[Config]) -> list[list[Config]]:
    """The callouts in groups: each depends on earlier groups only. One that can never run is in none."""
    waves: list[list[Config]] = []
    done: set[str] = set()
    left = list(callouts)
    while left:
        wave = [callout for callout in left if set(callout["depends_on"] or ()) <= done]
        if not wave:
            break
        waves.append(wave)
        done |= {callout["name"] for callout in wave}
        left = [callout for callout in left if callout not in wave]
    return waves


def upstream_change(config: Config) -> Callable[[KongContext], None]:
    """What is changed of the request to the upstream."""
    headers, query = _templates(config["headers"]["custom"]), _templates(config["query"]["custom"])
    body = _templates(config["body"]["custom"])

    def change(ctx: KongContext) -> None:
        request = ctx.request
        added = [(name, render(ctx)) for name, render in headers]
        if not config["headers"]["forward"]:
            request.headers.fields = {
                name: field for name, field in request.headers.fields.items() if name in _HOP
            }
        for name, value in added:
            request.headers.set(name, value)
        parameters = [(name, render(ctx)) for name, render in query]
        if not config["query"]["forward"]:
            request.query_string = ""
        for name, value in parameters:
            request.edit_query().set(name, value)
        if body or not config["body"]["forward"]:
            request.body = _body(request, body, config["body"]["forward"], ctx, request)

    return change


def check(config: Config) -> list[tuple[str, str]]:
    names = [callout["name"] for callout in config["callouts"]]
    wrong = [("callouts", f"the name '{name}' stands twice") for name in {*names} if names.count(name) > 1]
    for callout in config["callouts"]:
        for other in callout["depends_on"] or ():
            if other not in names:
                wrong.append(("callouts", f"{callout['name']}.depends_on: there is no callout '{other}'"))
    if not wrong and sum(map(len, waves_of(config["callouts"]))) < len(names):
        wrong.append(("callouts", "depends_on goes round in a circle"))
    return wrong


def lua_left_out(config: Config) -> list[tuple[str, str]]:
    told = []
    for callout in config["callouts"]:
        if callout["request"]["by_lua"] or callout["response"]["by_lua"]:
            told.append(("callouts", f"{callout['name']}.by_lua: this Lua is not run here"))
    if config["upstream"]["by_lua"]:
        told.append(("upstream", "by_lua: this Lua is not run here"))
    return told


def _parts(forward: bool) -> dict[str, Field]:
    """What is sent: fields of one's own, and whether the client's are passed on."""
    custom = map_of(string(rule=check_template, len_min=0), "fields to set, with templates")
    return {
        "headers": record({"custom": custom, "forward": boolean("", forward)}),
        "query": record({"custom": custom, "forward": boolean("", forward)}),
        "body": record({"custom": custom, "forward": boolean("", forward), "decode": boolean("", False)}),
    }


_CALLOUT = record(
    {
        "name": string("name of the result").needs(),
        "depends_on": array(string(), "names of callouts that come before", []),
        "cache": record({"bypass": boolean("do not keep the answer", False)}),
        "request": record(
            {
                "url": string("URL, with templates", rule=check_template).needs(),
                "method": string("", "GET"),
                **_parts(False),
                "by_lua": string("Lua, which is not run"),
                "error": record(
                    {
                        "on_error": string("", "fail", one_of=("fail", "continue", "retry")),
                        "retries": integer("how often to try again", 2),
                        "http_statuses": array(integer(between=(100, 999)), "statuses that are failures"),
                        "error_response_code": integer("status of a refusal", 400),
                        "error_response_msg": string("message of a refusal", "service callout error"),
                    }
                ),
                "http_opts": record(
                    {
                        "ssl_verify": boolean("", False),
                        "ssl_server_name": string(),
                        "timeouts": record(
                            {
                                "connect": integer("milliseconds", 60000),
                                "read": integer("milliseconds", 60000),
                                "write": integer("milliseconds", 60000),
                            }
                        ),
                        "proxy": anything("not used"),
                    }
                ),
            }
        ),
        "response": record(
            {
                "body": record({"store": boolean("", True), "decode": boolean("", False)}),
                "headers": record({"store": boolean("", True)}),
                "by_lua": string("Lua, which is not run"),
            }
        ),
    }
)

PLUGIN = Plugin(
    "request-callout",
    812,
    {
        "callouts": array(_CALLOUT, "the calls", len_min=1).needs(),
        "upstream": record({**_parts(True), "by_lua": string("Lua, which is not run")}),
        "cache": record(
            {
                "strategy": string("where Kong would keep answers", "off", one_of=("off", "memory", "redis")),
                "cache_ttl": integer("seconds to keep", 300, above=0),
                "memory": anything(),
                "redis": anything(),
            }
        ),
    },
    compile_request_callout,
    "Makes any number of calls before the upstream is asked.",
    "enterprise",
    check=check,
    warn=lua_left_out,
)

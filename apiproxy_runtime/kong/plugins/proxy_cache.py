"""proxy-cache: keeps answers of the upstream, and gives them in its place.

It runs after authentication and limits. Content types must match exactly, parameters included. Entries are kept in the
runtime's store, whatever `memory.dictionary_name` says. Source: plugin reference, and RFC 9111 where `cache_control`
is on.
"""

from __future__ import annotations

import base64
import hashlib
import json
from email.utils import parsedate_to_datetime
from typing import Any

from apiproxy_runtime.kong.answer import Exit, exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, boolean, integer, record, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.state.store import settled

SPACE = "kong/proxy-cache"
_VERSION = 1
_NEVER = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers"),
        *("transfer-encoding", "upgrade", "content-length"),
    )
)

Directives = dict[str, Any]


def compile_proxy_cache(config: Config, site: KongSite) -> Phases:
    methods = frozenset(config["request_method"])
    codes = frozenset(config["response_code"])
    types = [media_type(text) for text in config["content_type"]]
    obeys: bool = config["cache_control"]
    shown: dict[str, bool] = config["response_headers"]
    store, world = site.store, site.world
    mine = f"proxy-cache:{site.instance.id}"

    def show(ctx: KongContext, name: str, value: str) -> None:
        if shown[name] or "kong-debug" in ctx.request.headers:
            ctx.set_response_header(name, value)

    async def access(ctx: KongContext) -> None:
        request = ctx.request
        asked = directives(request.headers.get("Cache-Control"))
        forbidden = obeys and (
            "no-store" in asked or "no-cache" in asked or "authorization" in request.headers
        )
        if request.verb not in methods or forbidden:
            show(ctx, "X-Cache-Status", "Bypass")
            return
        key = cache_key(ctx, config)
        show(ctx, "X-Cache-Key", key)
        kept = await settled(store.get(SPACE, key))
        if kept is None:
            if obeys and "only-if-cached" in asked:
                raise exit_text(504)
            ctx.plugin[mine] = key
            show(ctx, "X-Cache-Status", "Miss")
            return
        entry = json.loads(kept)
        if is_stale(entry, asked, world.now(), obeys, config["cache_ttl"]):
            ctx.plugin[mine] = key
            show(ctx, "X-Cache-Status", "Refresh")
            return
        ctx.variables["proxy_cache_hit"] = {"res": {"status": entry["status"], "headers": entry["headers"]}}
        raise Exit(hit(ctx, entry, key), source="cache")

    def hit(ctx: KongContext, entry: dict[str, Any], key: str) -> Message:
        message = Message(False, Headers(), base64.b64decode(entry["body"]))
        message.status = entry["status"]
        for name, values in entry["headers"].items():
            if name.lower() not in _NEVER and "ratelimit-remaining" not in name.lower():
                message.headers.set_values(name, values)
        for name in ("Age", "X-Cache-Status", "X-Cache-Key"):
            message.headers.remove(name)
        ctx.early.pop("x-cache-status", None)
        ctx.early.pop("x-cache-key", None)
        age = str(int(world.now() - entry["timestamp"]))
        for name, value in (("age", age), ("X-Cache-Status", "Hit"), ("X-Cache-Key", key)):
            if shown[name] or "kong-debug" in ctx.request.headers:
                message.headers.set(name, value)
        return message

    def header_filter(ctx: KongContext) -> None:
        key = ctx.plugin.get(mine)
        response = ctx.response
        if key is None or response is None:
            return
        told = directives(response.headers.get("Cache-Control"))
        ttl = (
            resource_ttl(told, response.headers.get("Expires"), world.now()) if obeys else config["cache_ttl"]
        )
        cacheable = response.status in codes and media_type(response.headers.get("Content-Type")) in types
        if "*/*" in config["content_type"]:
            cacheable = response.status in codes and "content-type" in response.headers
        if obeys and (ttl <= 0 or not {"private", "no-store", "no-cache"}.isdisjoint(told)):
            cacheable = False
        if not cacheable:
            del ctx.plugin[mine]
            if shown["X-Cache-Status"] or "kong-debug" in ctx.request.headers:
                response.headers.set("X-Cache-Status", "Bypass")
            return
        headers = {field[0]: field[1:] for field in response.headers.fields.values()}
        ctx.plugin[f"{mine}:entry"] = {"status": response.status, "headers": headers, "ttl": ttl}

    async def body_filter(ctx: KongContext) -> None:
        key, entry = ctx.plugin.get(mine), ctx.plugin.get(f"{mine}:entry")
        response = ctx.response
        if key is None or entry is None or response is None:
            return
        entry["headers"] = {
            name: values for name, values in entry["headers"].items() if name.lower() != "content-encoding"
        }
        body = base64.b64encode(response.body).decode()
        record = {**entry, "body": body, "timestamp": world.now(), "version": _VERSION}
        keep = config["storage_ttl"] or entry["ttl"]
        await settled(store.put(SPACE, key, json.dumps(record), keep))

    return Phases(access=access, header_filter=header_filter, body_filter=body_filter)


def is_stale(entry: dict[str, Any], asked: Directives, now: float, obeys: bool, cache_ttl: float) -> bool:
    """Whether an entry must be asked for anew."""
    age = now - entry["timestamp"]
    if not obeys:
        return bool(age > cache_ttl)
    ttl = entry["ttl"]
    if "max-age" in asked and age > asked["max-age"]:
        return True
    if "max-stale" in asked and age - ttl > asked["max-stale"]:
        return True
    return "min-fresh" in asked and ttl - age < asked["min-fresh"]


def cache_key(ctx: KongContext, config: Config) -> str:
    """What tells one entry from another: consumer, route, method, path, and the parts of query and headers that vary."""
    request = ctx.request
    prefix = ctx.route.id if ctx.route is not None else "default"
    if ctx.consumer is not None and ctx.route is not None:
        prefix = f"{ctx.consumer.id}:{ctx.route.id}"
    uri = f"{request.verb} {request.path} HTTP/{request.version}"
    if config["ignore_uri_case"]:
        uri = uri.lower()
    names = config["vary_query_params"] or sorted(request.query.names())
    params = ":".join(
        f"{name}={','.join(sorted(values))}" for name in names if (values := request.query.values(name))
    )
    headers = ":".join(
        f"{name}={','.join(sorted(field[1:]))}"
        for name in config["vary_headers"] or ()
        if (field := request.headers.fields.get(name.lower())) is not None
    )
    return hashlib.sha256(f"{prefix}|{request.verb}|{uri}|{params}|{headers}".encode()).hexdigest()


def directives(header: str | None) -> Directives:
    """The directives of a Cache-Control header; numbers as numbers, those without value as True."""
    found: Directives = {}
    for part in (header or "").split(","):
        name, equals, value = part.strip().partition("=")
        if name:
            text = value.strip('"')
            found[name.lower()] = (int(text) if text.isdecimal() else text) if equals else True
    return found


def resource_ttl(told: Directives, expires: str | None, now: float) -> float:
    """Seconds for which an answer is fresh, by its own word."""
    value = told.get("s-maxage", told.get("max-age"))
    if isinstance(value, int) and not isinstance(value, bool):
        return max(value, 0)
    try:
        return max(parsedate_to_datetime(expires or "").timestamp() - now, 0)
    except ValueError:
        return 0


def media_type(text: str | None) -> tuple[str, tuple[str, ...]]:
    """A media type and its parameters, both in lower case, the latter sorted."""
    kind, *parameters = (text or "").lower().split(";")
    return kind.strip(), tuple(sorted(part.strip() for part in parameters if part.strip()))


PLUGIN = Plugin(
    "proxy-cache",
    100,
    {
        "strategy": string("where Kong would keep entries", one_of=("memory",)).needs(),
        "response_code": array(integer(between=(100, 900)), "statuses to keep", [200, 301, 404], len_min=1),
        "request_method": array(
            string(one_of=("HEAD", "GET", "POST", "PATCH", "PUT")), "methods to keep", ["GET", "HEAD"]
        ),
        "content_type": array(
            string(), "types to keep, parameters included", ["text/plain", "application/json"]
        ),
        "cache_ttl": integer("seconds to keep", 300, above=0),
        "cache_control": boolean("obey Cache-Control of both sides", False),
        "ignore_uri_case": boolean("take paths that differ in case for one", False),
        "storage_ttl": integer("seconds to keep an entry in the store, stale or not"),
        "memory": record({"dictionary_name": string("", "kong_db_cache")}),
        "vary_query_params": array(string(), "query parameters that tell entries apart; all by default"),
        "vary_headers": array(string(), "headers that tell entries apart; none by default"),
        "response_headers": record(
            {
                "age": boolean("", True),
                "X-Cache-Status": boolean("", True),
                "X-Cache-Key": boolean("", True),
            },
            "which headers tell of the cache",
        ),
    },
    compile_proxy_cache,
    "Keeps answers of the upstream.",
)

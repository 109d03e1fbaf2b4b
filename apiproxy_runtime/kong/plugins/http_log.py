"""http-log: sends a JSON object about each request to a server, after the client has its answer.

Each request is sent on its own, whatever `queue` says, and once: a log that is not taken is told in our own log.
"""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import unquote, urlsplit, urlunsplit

from apiproxy_runtime.kong.callout import check_url
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.logline import log_record
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import (
    Config,
    Field,
    boolean,
    check_header_name,
    integer,
    map_of,
    number,
    record,
    string,
)
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed

logger = logging.getLogger("apiproxy")


def compile_http_log(config: Config, site: KongSite) -> Phases:
    parts = urlsplit(config["http_endpoint"])
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
    headers = [("Content-Type", config["content_type"]), *(config["headers"] or {}).items()]
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    timeout = int(config["timeout"])

    async def log(ctx: KongContext) -> None:
        request = Message(True, Headers(headers), json.dumps(log_record(ctx), default=str).encode())
        request.verb = config["method"]
        try:
            answer = await site.services.send(ctx, Call(url, request, "logging", timeout, timeout))
        except CallFailed as error:
            logger.warning("http-log: %s did not take a log: %s", url, error.text)
            return
        if answer.status >= 300:
            logger.warning("http-log: %s did not take a log: it answered %s", url, answer.status)

    return Phases(log=log)


def check_headers(config: Config) -> list[tuple[str, str]]:
    wrong = []
    for name in config["headers"] or {}:
        if name.lower() in ("host", "content-length", "content-type"):
            wrong.append(("headers", f"cannot contain '{name}' header"))
        if name.lower() == "authorization" and urlsplit(config["http_endpoint"]).username:
            told = "specifying both an 'Authorization' header and user info in 'http_endpoint' is not allowed"
            wrong.append(("headers", told))
    return wrong


QUEUE: Field = record(
    {
        "max_batch_size": integer("", 1),
        "max_coalescing_delay": number("", 1),
        "max_entries": integer("", 10000),
        "max_bytes": integer(""),
        "max_retry_time": number("", 60),
        "initial_retry_delay": number("", 0.01),
        "max_retry_delay": number("", 60),
        "concurrency_limit": integer("", 1),
    },
    "how Kong would gather logs; here each is sent at once",
)

PLUGIN = Plugin(
    "http-log",
    12,
    {
        "http_endpoint": string("URL to send to", rule=check_url).needs(),
        "method": string("", "POST", one_of=("POST", "PUT", "PATCH")),
        "content_type": string(
            "", "application/json", one_of=("application/json", "application/json; charset=utf-8")
        ),
        "timeout": number("milliseconds", 10000),
        "keepalive": number("milliseconds", 60000),
        "ssl_verify": boolean("", False),
        "headers": map_of(string(), "headers to add", keys=string(rule=check_header_name)),
        "queue": QUEUE,
        "custom_fields_by_lua": map_of(string(), "Lua, which is not run"),
        "retry_count": integer("deprecated"),
        "queue_size": integer("deprecated"),
        "flush_timeout": number("deprecated"),
    },
    compile_http_log,
    "Sends a log of each request to a server.",
    check=check_headers,
)

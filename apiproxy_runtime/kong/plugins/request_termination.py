"""request-termination: a fixed answer. It runs after nearly all others, so that a key is asked for all the same."""

from __future__ import annotations

import os
import socket
from typing import Any

from apiproxy_runtime.kong.answer import exit_json, exit_text
from apiproxy_runtime.kong.body import fields_of
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.proxy import host_of
from apiproxy_runtime.kong.schema import Config, boolean, header_name, integer, string
from apiproxy_runtime.kong.site import KongSite

_MESSAGES = {
    401: "Unauthorized",
    404: "Not found",
    405: "Method not allowed",
    500: "An unexpected error occurred",
    502: "Bad Gateway",
    503: "Service unavailable",
}


def compile_request_termination(config: Config, site: KongSite) -> Phases:
    status: int = config["status_code"]
    message = config["message"] or _MESSAGES.get(status)
    body: str | None = config["body"]
    kind: str | None = config["content_type"]
    trigger: str | None = config["trigger"]
    echo: bool = config["echo"]

    def access(ctx: KongContext) -> None:
        request = ctx.request
        if trigger and trigger not in request.headers and request.query.get(trigger) is None:
            return
        if echo:
            raise exit_json(status, echoed(ctx, message))
        if body is not None:
            raise exit_text(status, body, {"Content-Type": kind} if kind else {})
        if message:
            raise exit_json(status, {"message": message})
        raise exit_text(status)

    return Phases(access=access, reads_body=echo)


def echoed(ctx: KongContext, message: str | None) -> dict[str, Any]:
    """The request as Kong tells it."""
    request, route, service = ctx.request, ctx.route, ctx.service
    query: dict[str, Any] = {}
    for name in request.query.names():
        values = request.query.values(name)
        query[name] = values if len(values) > 1 else values[0]
    headers = {
        name: field[1:] if len(field) > 2 else field[1] for name, field in request.headers.fields.items()
    }
    return {
        **({"message": message} if message else {}),
        "kong": {
            "node_id": ctx.deployment.environment,
            "worker_pid": os.getpid(),
            "hostname": socket.gethostname(),
        },
        "request": {
            "scheme": ctx.client.scheme,
            "host": host_of(ctx.client.host),
            "port": ctx.client.local_port,
            "headers": headers,
            "query": query,
            "body": fields_of(request),
            "raw_body": request.content,
            "method": request.verb,
            "path": request.path,
            "uri_captures": {"named": dict(ctx.captures), "unnamed": []},
        },
        "matched_route": {"id": route.id, "name": route.name, "paths": route.paths} if route else None,
        "matched_service": {"id": service.id, "name": service.name, "host": service.host}
        if service
        else None,
    }


def check(config: Config) -> list[tuple[str, str]]:
    if config["message"] and (config["content_type"] or config["body"]):
        return [("message", "message cannot be used with content_type or body")]
    if config["content_type"] and not config["body"]:
        return [("content_type", "content_type requires a body")]
    if config["echo"] and (config["content_type"] or config["body"]):
        return [("echo", "echo cannot be used with content_type and body")]
    return []


PLUGIN = Plugin(
    "request-termination",
    2,
    {
        "status_code": integer("status of the answer", 503, between=(100, 599)),
        "message": string("message of a JSON answer"),
        "content_type": string("type of `body`"),
        "body": string("the body as it is sent"),
        "echo": boolean("answer with the request itself", False),
        "trigger": header_name("header or query parameter without which nothing is done"),
    },
    compile_request_termination,
    "Answers in place of the upstream.",
    check=check,
)

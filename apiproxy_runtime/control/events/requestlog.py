"""The request log: what the event `http-log-enterprise`/`log` tells of a transaction.

The keys are those of Kong's HTTP Log plug-in, so that what reads Kong's logs reads these. A Kong service is here the
target, a route the ProxyEndpoint, a consumer the developer app, the workspace the environment; `apigee` has what Kong
has no word for. Credentials are redacted. Source: Kong's documentation of the plug-in, "Log format".
"""

from __future__ import annotations

from typing import Any

from apiproxy_runtime.control.observe.outcome import (
    address_of,
    answer_of,
    body_bytes,
    seconds_of,
    status_of,
    target_seconds_of,
)
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message, Parameters
from apiproxy_runtime.message.secrecy import REDACTED, is_secret, redacted_query, redacted_uri, shortened

_message_id = variables.getter("messageid")

Shown = dict[str, Any]


def request_log(ctx: MessageContext, secrets: frozenset[str]) -> Shown:
    """The data of one event; `secrets` holds names of headers and parameters, in lower case."""
    client, deployment, target = ctx.client, ctx.deployment, ctx.target
    total, waited = seconds_of(ctx), target_seconds_of(ctx)
    return {
        "consumer": consumer_of(ctx),
        "ip": address_of(ctx),
        "service": service_of(ctx),
        "route": {
            "id": f"{deployment.proxy}/{ctx.endpoint_name}",
            "name": ctx.route_name,
            "paths": [ctx.base_path],
        },
        "request": _request(ctx, secrets),
        "response": _response(answer_of(ctx), status_of(ctx), secrets),
        "latencies": {
            "request": round(total * 1000),
            "kong": max(round((total - waited) * 1000), 0),
            "proxy": round(waited * 1000) if waited else -1,
        },
        "tries": []
        if target is None or not target.host
        else [{"ip": target.ip, "port": target.port, "balancer_start": round(target.sent_start * 1000)}],
        "upstream_uri": "" if target is None or not waited else redacted_uri(ctx.request.uri, secrets),
        "upstream_status": "" if ctx.response is None or not waited else str(ctx.response.status),
        "client_ip": address_of(ctx),
        "started_at": round(client.received_start * 1000),
        "workspace": deployment.environment,
        "apigee": _apigee(ctx),
    }


def consumer_of(ctx: MessageContext) -> Shown:
    """Who called: the developer app; empty when nobody asked."""
    found = ctx.variables
    name = found.get("apigee.developer.app.name")
    if name is None:
        return {}
    return {
        "id": found.get("apigee.developer.app.id"),
        "username": name,
        "custom_id": found.get("apigee.developer.email"),
    }


def service_of(ctx: MessageContext) -> Shown:
    """What was called: the target; empty without one."""
    target = ctx.target
    if target is None:
        return {}
    return {
        "name": target.server or target.name,
        "host": target.host,
        "port": target.port,
        "protocol": target.scheme,
    }


def fault_event(ctx: MessageContext, secrets: frozenset[str]) -> Shown:
    """The data of `faults`/`raised`."""
    fault, deployment = ctx.fault, ctx.deployment
    assert fault is not None
    return {
        "environment": deployment.environment,
        "proxy": deployment.proxy,
        "revision": deployment.revision,
        "endpoint": ctx.endpoint_name,
        "policy": fault.policy,
        "flow": fault.flow,
        "state": fault.state,
        "fault_name": fault.name,
        "error_code": fault.code,
        "fault_string": fault.text,
        "status": status_of(ctx),
        "request": {"method": ctx.request.verb, "uri": redacted_uri(ctx.client.request_uri, secrets)},
        "consumer": consumer_of(ctx),
        "ip": address_of(ctx),
        "message_id": _message_id(ctx),
    }


def _request(ctx: MessageContext, secrets: frozenset[str]) -> Shown:
    request, client = ctx.request, ctx.client
    uri = redacted_uri(client.request_uri, secrets)
    path, _, query = client.request_uri.partition("?")
    host = request.headers.get("Host") or f"{client.host}:{client.local_port}"
    return {
        "id": _message_id(ctx),
        "uri": path,
        "url": f"{client.scheme}://{host}{uri}",
        "querystring": _parameters(query, secrets),
        "method": request.verb,
        "headers": _headers(request.headers, secrets),
        "size": body_bytes(request),
    }


def _response(answer: Message | None, status: int, secrets: frozenset[str]) -> Shown:
    if answer is None:
        return {"status": status, "headers": {}, "size": 0}
    return {"status": status, "headers": _headers(answer.headers, secrets), "size": body_bytes(answer)}


def _headers(headers: Headers, secrets: frozenset[str]) -> dict[str, Any]:
    """Names in lower case; the values of one that came several times as a list."""
    shown: dict[str, Any] = {}
    for name, field in headers.fields.items():
        if is_secret(name, secrets):
            shown[name] = REDACTED
        else:
            shown[name] = field[1] if len(field) == 2 else field[1:]
    return shown


def _parameters(query: str, secrets: frozenset[str]) -> dict[str, Any]:
    if not query:
        return {}
    found = Parameters.parse(redacted_query(query, secrets))
    shown: dict[str, Any] = {}
    for name in found.names():
        values = found.values(name)
        shown[name] = values[0] if len(values) == 1 else values
    return shown


def _apigee(ctx: MessageContext) -> Shown:
    deployment, fault = ctx.deployment, ctx.fault
    key = ctx.variables.get("apigee.client_id")
    return {
        "organization": deployment.organization,
        "environment": deployment.environment,
        "proxy": deployment.proxy,
        "revision": deployment.revision,
        "proxy_endpoint": ctx.endpoint_name,
        "target_endpoint": None if ctx.target is None else ctx.target.name,
        "base_path": ctx.base_path,
        "path_suffix": ctx.path_suffix,
        "developer_app": ctx.variables.get("apigee.developer.app.name"),
        "api_product": ctx.variables.get("apigee.apiproduct.name"),
        "client_id": None if key is None else shortened(str(key)),
        "fault": None if fault is None else {"name": fault.name, "code": fault.code, "policy": fault.policy},
    }

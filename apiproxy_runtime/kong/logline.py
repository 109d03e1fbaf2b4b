"""What Kong's logging plugins tell of a request. Source: plugin reference, http-log, "Log format"."""

from __future__ import annotations

from typing import Any

from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Route, Service
from apiproxy_runtime.kong.proxy import host_of
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Parameters
from apiproxy_runtime.message.secrecy import REDACTED, is_secret, redacted_uri

_SECRET = frozenset(("authorization", "proxy-authorization"))

Record = dict[str, Any]


def log_record(ctx: KongContext) -> Record:
    """One request as a JSON object. Times are milliseconds."""
    request, response, client = ctx.request, ctx.response, ctx.client
    assert response is not None
    scheme, host = client.scheme, host_of(client.host)
    total = round((client.sent_end - client.received_start) * 1000) if client.sent_end else 0
    waited = round((ctx.answered_at - ctx.proxied_at) * 1000) if ctx.answered_at else -1
    own = round(((ctx.proxied_at or ctx.started) - ctx.started) * 1000)
    record: Record = {
        "request": {
            "id": ctx.request_id,
            "uri": client.request_uri,
            "url": f"{scheme}://{host}:{client.local_port}{client.request_uri}",
            "querystring": _table(request.query),
            "method": request.verb,
            "headers": _headers(request.headers),
            "size": len(request.encoded or request.body) if request.stream is None else 0,
        },
        "response": {
            "status": response.status,
            "headers": _headers(response.headers),
            "size": len(response.body) if response.stream is None else 0,
        },
        "latencies": {"request": total, "kong": own, "proxy": waited, "receive": 0},
        "tries": [{"ip": host, "port": port, "state": what} for host, port, what in ctx.tries],
        "client_ip": client.ip,
        "started_at": round(client.received_start * 1000),
        "source": {"upstream": "upstream", "cache": "exit"}.get(ctx.source, ctx.source),
        "workspace": "default",
        "workspace_name": "default",
    }
    if ctx.service is not None and ctx.tries:
        record["upstream_uri"] = ctx.upstream_path
        record["upstream_status"] = ", ".join(what for _, _, what in ctx.tries if what.isdecimal())
    if ctx.route is not None:
        record["route"] = _route(ctx.route)
    if ctx.service is not None:
        record["service"] = _service(ctx.service)
    if ctx.consumer is not None:
        consumer = ctx.consumer
        record["consumer"] = {
            "id": consumer.id,
            "username": consumer.username,
            "custom_id": consumer.custom_id,
        }
    if ctx.credential is not None:
        entity = {"id": ctx.credential.id, "consumer_id": ctx.credential.consumer.id}
        record["authenticated_entity"] = entity
    return record


def event_record(ctx: KongContext, secrets: frozenset[str]) -> Record:
    """What the event `http-log-enterprise`/`log` tells: the same, and nothing secret; `secrets` are names in lower case."""
    record: Record = {"consumer": {}, "service": {}, "route": {}, **log_record(ctx)}
    record["ip"] = record["client_ip"]
    request = record["request"]
    uri = redacted_uri(ctx.client.request_uri, secrets)
    request["url"] = request["url"].removesuffix(request["uri"]) + uri
    request["uri"] = uri
    request["querystring"] = _table(Parameters.parse(uri.partition("?")[2]))
    for side in (request, record["response"]):
        side["headers"] = {
            name: REDACTED if is_secret(name, secrets) else value for name, value in side["headers"].items()
        }
    return record


def _headers(headers: Headers) -> Record:
    return {
        name: "REDACTED" if name in _SECRET else field[1] if len(field) == 2 else field[1:]
        for name, field in headers.fields.items()
    }


def _table(query: Parameters) -> Record:
    return {name: values[0] if len(values := query.values(name)) == 1 else values for name in query.names()}


def _route(route: Route) -> Record:
    return {
        "id": route.id,
        "name": route.name,
        "paths": list(route.paths),
        "methods": list(route.methods),
        "hosts": list(route.hosts),
        "protocols": list(route.protocols),
        "strip_path": route.strip_path,
        "preserve_host": route.preserve_host,
    }


def _service(service: Service) -> Record:
    return {
        "id": service.id,
        "name": service.name,
        "protocol": service.protocol,
        "host": service.host,
        "port": service.port,
        "path": service.path,
    }

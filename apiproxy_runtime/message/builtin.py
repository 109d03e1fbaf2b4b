"""The built-in flow variables that are no part of a message: what they mean, and how they are read and written.

One row a variable, as on the flow variables reference page; `apiproxy explain` and the reference in `docs/` are
printed from this table. Variables that only a policy sets are listed with their policy, not here.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct

from apiproxy_runtime.message.builtintable import (
    ERROR,
    POST_CLIENT,
    PROXY_REQUEST,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    Table,
    http_time,
    moment_millis,
    moment_text,
    subject,
)
from apiproxy_runtime.message.context import Client, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.targetvariables import TARGET


class Family(Struct, frozen=True):
    """Built-ins whose names have a free part; `read` gets the pattern's groups and gives a getter."""

    pattern: re.Pattern[str]
    type: str
    meaning: str
    read: Callable[..., Callable[[MessageContext], Any]]


BUILT_IN = Table()
_variable = BUILT_IN.row
_R, _T, _TR, _E, _P = PROXY_REQUEST, TARGET_REQUEST, TARGET_RESPONSE, ERROR, POST_CLIENT


# ---- whole messages


def _put_message(attribute: str) -> Callable[[MessageContext, Any], bool]:
    def put(ctx: MessageContext, value: Any) -> bool:
        if value.__class__ is not Message:
            return False
        setattr(ctx, attribute, value)
        return True

    return put


_variable("request", "message", _R, "the request", lambda c: c.request, _put_message("request"))
_variable("response", "message", _TR, "the response", lambda c: c.response, _put_message("response"))
_variable("message", "message", _R, "the message of the moment", lambda c: c.message, _put_message("message"))
_variable("error", "message", _E, "the pending error response", lambda c: c.error, _put_message("error"))

# ---- error and fault


def _fault(pick: Callable[[Any], Any]) -> Callable[[MessageContext], Any]:
    def read(ctx: MessageContext) -> Any:
        fault = ctx.fault
        return None if fault is None else pick(fault)

    return read


def _or_custom(name: str, read: Callable[[MessageContext], Any]) -> Callable[[MessageContext], Any]:
    """Error bookkeeping may also be set by a policy that failed under continueOnError; that value shows then."""

    def get(ctx: MessageContext) -> Any:
        value = read(ctx)
        return ctx.variables.get(name) if value is None else value

    return get


def _custom_write(name: str) -> Callable[[MessageContext, Any], bool]:
    def put(ctx: MessageContext, value: Any) -> bool:
        ctx.variables[name] = value
        return True

    return put


_variable("error.message", "String", _E, "the faultstring", _fault(lambda f: f.text))
_variable("error.state", "String", _E, "segment in which the error happened", _fault(lambda f: f.state))
_variable("error.type", "String", _E, "type of the fault", _fault(lambda f: f.type))
_variable(
    "fault.name",
    "String",
    _E,
    "last part of the error code; `RaiseFault` for RaiseFault",
    _or_custom("fault.name", _fault(lambda f: f.name)),
)
_variable("fault.reason", "String", _E, "policy-specific text", _fault(lambda f: f.reason or f.text))
_variable(
    "fault.category",
    "String",
    _E,
    "`Step`, `Messaging`, `Transport` or `System`",
    _fault(lambda f: f.category),
)
_variable("fault.subcategory", "String", _E, "policy-specific", _fault(lambda f: f.subcategory))
_variable("fault.type", "String", _E, "type of the fault", _fault(lambda f: f.type))
_variable("is.error", "Boolean", _R, "whether the error flow is running", lambda c: c.fault is not None)
for _name, _meaning, _pick in (
    ("fault_code", "whole error code", lambda f: f.code),
    ("fault_policy_name", "policy that raised the fault", lambda f: f.policy),
    ("fault_flow_name", "flow in which it was raised", lambda f: f.flow),
    ("fault_flow_state", "segment in which it was raised", lambda f: f.state),
    ("is_apigee_fault", "fault of the platform, neither policy nor target", lambda f: f.policy is None),
    ("is_policy_error", "fault of a policy", lambda f: f.policy is not None),
    (
        "is_target_error",
        "fault of the target",
        lambda f: f.state in ("TARGET_REQ_FLOW", "TARGET_RESP_FLOW") and f.policy is None,
    ),
):
    _variable(f"apigee.edge.execution.{_name}", "String", _E, _meaning, _fault(_pick))

# ---- proxy, organization, environment
_variable("apiproxy.name", "String", _R, "name of the bundle", lambda c: c.deployment.proxy)
_variable("apiproxy.revision", "String", _R, "revision of the bundle", lambda c: c.deployment.revision)
_variable(
    "apiproxy.basepath", "String", _R, "base path given at deployment", lambda c: c.deployment.base_path
)
_variable(
    "application.basepath",
    "String",
    _R,
    "base path given at deployment (Edge)",
    lambda c: c.deployment.base_path,
)
_variable(
    "apiproxy.qualifiedname",
    "String",
    _R,
    "NAME__REVISION",
    lambda c: f"{c.deployment.proxy}__{c.deployment.revision}",
)
_variable("environment.name", "String", _R, "environment", lambda c: c.deployment.environment)
_variable("environment.orgname", "String", _R, "organization", lambda c: c.deployment.organization)
_variable(
    "environment.qualifiedname",
    "String",
    _R,
    "ORGANIZATION__ENVIRONMENT",
    lambda c: f"{c.deployment.organization}__{c.deployment.environment}",
)
_variable("organization.name", "String", _R, "organization", lambda c: c.deployment.organization)
_variable("proxy.name", "String", _R, "name of the ProxyEndpoint", lambda c: c.endpoint_name)
_variable("proxy.basepath", "String", _R, "configured base path, with its wildcards", lambda c: c.base_path)
_variable(
    "proxy.pathsuffix", "String", _R, "path after the base path, without query", lambda c: c.path_suffix
)
_variable("proxy.client.ip", "String", _R, "last address of X-Forwarded-For", lambda c: proxy_client_ip(c))
_variable("proxy.url", "String", _R, "whole inbound URL with query", lambda c: proxy_url(c))
_variable("proxy.flow.name", "String", _R, "ProxyEndpoint flow that ran last", lambda c: c.proxy_flow_name)
_variable("proxy.flow.description", "String", _R, "its description", lambda c: c.flow_description)
_variable("target.flow.name", "String", _T, "TargetEndpoint flow that ran last", lambda c: c.target_flow_name)
_variable("target.flow.description", "String", _T, "its description", lambda c: c.flow_description)
_variable(
    "current.flow.name", "String", _R, "`PreFlow`, `PostFlow` or the conditional flow", lambda c: c.flow_name
)
_variable("current.flow.description", "String", _R, "that flow's Description", lambda c: c.flow_description)
_variable("messageid", "String", _R, "id of the transaction", lambda c: message_id(c))
_variable("route.name", "String", _T, "RouteRule that matched", lambda c: c.route_name)
_variable("route.target", "String", _T, "TargetEndpoint used", lambda c: c.route_target)


def message_id(ctx: MessageContext) -> str:
    """The id of the transaction, made when first asked for."""
    if ctx.message_id is None:
        ctx.message_id = ctx.world.uuid()
    return ctx.message_id


def proxy_client_ip(ctx: MessageContext) -> str:
    """The last address of X-Forwarded-For, else whoever connected."""
    forwarded = ctx.client.forwarded_ip
    return ctx.client.ip if forwarded is None else forwarded


def proxy_url(ctx: MessageContext) -> str:
    """The inbound URL. The request is the only place that knows its query before a policy changed it."""
    host = ctx.request.headers.get("Host") or f"{ctx.client.local_ip}:{ctx.client.local_port}"
    path = ctx.client.request_uri or ctx.request.uri
    return f"{ctx.client.scheme}://{host}{path}"


# ---- client


def _client(pick: Callable[[Client], Any]) -> Callable[[MessageContext], Any]:
    return lambda ctx: pick(ctx.client)


_variable("client.host", "String", _R, "host that received the request", _client(lambda c: c.host))
_variable("client.ip", "String", _R, "address of whoever connected", _client(lambda c: c.ip))
_variable(
    "client.resolved.ip", "String", _R, "client address after resolving proxies", lambda c: proxy_client_ip(c)
)
_variable("client.port", "Integer", _R, "client's port", _client(lambda c: c.port))
_variable("client.scheme", "String", _R, "`http` or `https`", _client(lambda c: c.scheme))
_variable(
    "client.ssl.enabled",
    "String",
    _R,
    "`true` or `false`",
    _client(lambda c: "true" if c.scheme == "https" else "false"),
)
_variable(
    "client.received.content.length", "Integer", _R, "size of the request body", lambda c: len(c.request.body)
)
for _moment, _scope in (("received.start", _R), ("received.end", _R), ("sent.start", _P), ("sent.end", _P)):
    _attribute = _moment.replace(".", "_")
    _variable(
        f"client.{_moment}.time",
        "String",
        _scope,
        "when; empty before",
        _client(moment_text(_attribute)),
    )
    _variable(
        f"client.{_moment}.timestamp",
        "Long",
        _scope,
        "when, in epoch milliseconds; -1 before",
        _client(moment_millis(_attribute)),
    )
for _part in ("cn", "country", "email.address", "locality", "organization", "organization.unit", "state"):
    _variable(
        f"client.{_part}",
        "String",
        _R,
        "from the client's TLS certificate",
        _client(subject(_part)),
    )
_variable("virtualhost.name", "String", _R, "name of the virtual host (Edge)", lambda c: "default")
_variable(
    "virtualhost.ip", "String", _R, "address that took the request (Edge)", _client(lambda c: c.local_ip)
)
_variable(
    "virtualhost.port",
    "String",
    _R,
    "port that took the request (Edge)",
    _client(lambda c: str(c.local_port)),
)
_variable(
    "virtualhost.ssl.enabled",
    "String",
    _R,
    "`true` or `false` (Edge)",
    _client(lambda c: str(c.scheme == "https").lower()),
)
_variable(
    "virtualhost.aliases",
    "String",
    _R,
    "host names (Edge)",
    lambda c: f"{{{c.request.headers.get('Host') or ''}}}",
)
_variable(
    "virtualhost.aliases.values",
    "Collection",
    _R,
    "host names (Edge)",
    lambda c: [c.request.headers.get("Host") or ""],
)

# ---- system


@lru_cache(1)
def _processor_id() -> str:
    return socket.gethostname()


def _part_of_time(index: str) -> Callable[[MessageContext], int]:
    return lambda ctx: int(getattr(time.gmtime(ctx.world.now()), index))


_variable(
    "system.timestamp",
    "Long",
    _R,
    "epoch milliseconds at the moment of reading",
    lambda c: int(c.world.now() * 1000),
)
_variable("system.time", "String", _R, "the moment of reading", lambda c: http_time(c.world.now(), "GMT"))
for _part, _index in (
    ("year", "tm_year"),
    ("month", "tm_mon"),
    ("day", "tm_mday"),
    ("hour", "tm_hour"),
    ("minute", "tm_min"),
    ("second", "tm_sec"),
):
    _variable(
        f"system.time.{_part}", "Integer", _R, f"{_part} at the moment of reading, UTC", _part_of_time(_index)
    )
_variable(
    "system.time.dayofweek",
    "Integer",
    _R,
    "day of the week, Sunday is 1",
    lambda c: (time.gmtime(c.world.now()).tm_wday + 1) % 7 + 1,
)
_variable(
    "system.time.millisecond", "Integer", _R, "milliseconds", lambda c: int(c.world.now() * 1000) % 1000
)
_variable("system.time.zone", "String", _R, "zone", lambda c: "Coordinated Universal Time")
_variable("system.uuid", "String", _R, "id of the message processor", lambda c: _processor_id())
_variable("system.pod.name", "String", _R, "where the runtime runs", lambda c: _processor_id())
_variable("system.region.name", "String", _R, "where the runtime runs", lambda c: "local")
_variable("router.uuid", "String", _R, "id of the router (Edge)", lambda c: _processor_id())

BUILT_IN.update(TARGET)


# ---- families


def _property(set_name: str, key: str) -> Callable[[MessageContext], Any]:
    def read(ctx: MessageContext) -> Any:
        found = ctx.deployment.property_sets.get(set_name)
        return None if found is None else found.get(key)

    return read


def _interface(name: str) -> Callable[[MessageContext], Any]:
    return lambda ctx: ctx.client.local_ip


FAMILIES: tuple[Family, ...] = (
    Family(
        # policies that take secrets from `private.` variables alone can name a property set too
        re.compile(r"(?:private\.)?propertyset\.([^.]+)\.(.+)", re.DOTALL),
        "String",
        "value of a key in a property set",
        _property,
    ),
    Family(
        re.compile(r"system\.interface\.(.+)", re.DOTALL), "String", "address of an interface", _interface
    ),
)

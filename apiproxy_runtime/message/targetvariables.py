"""The built-in flow variables of the target and of its load balancer; see `builtin`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.message.builtintable import (
    PROXY_REQUEST,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    Table,
    moment_millis,
    moment_text,
    subject,
)
from apiproxy_runtime.message.context import TARGET_REQUEST as TARGET_REQUEST_FLOW
from apiproxy_runtime.message.context import MessageContext, TargetCall
from apiproxy_runtime.message.text import text_of

TARGET = Table()
_variable = TARGET.row
_R, _T, _TR = PROXY_REQUEST, TARGET_REQUEST, TARGET_RESPONSE


def _target(pick: Callable[[TargetCall], Any]) -> Callable[[MessageContext], Any]:
    def read(ctx: MessageContext) -> Any:
        target = ctx.target
        return None if target is None else pick(target)

    return read


def target_url(ctx: MessageContext) -> str | None:
    """What a policy set, else the configured URL with its template expanded."""
    target = ctx.target
    if target is None:
        return None
    return target.url if target.url is not None else target.configured_url(ctx)


def _set_target_url(ctx: MessageContext, value: Any) -> bool:
    if ctx.target is None or ctx.phase != TARGET_REQUEST_FLOW:
        return False
    ctx.target.url = text_of(value)
    return True


def _set_target(attribute: str, convert: Callable[[Any], Any]) -> Callable[[MessageContext, Any], bool]:
    def write(ctx: MessageContext, value: Any) -> bool:
        if ctx.target is None:
            return False
        setattr(ctx.target, attribute, convert(value))
        return True

    return write


def _flag(value: Any) -> bool:
    return text_of(value).strip().lower() != "false"


for _name in ("target.url", "target.evaluated.url"):
    _variable(_name, "String", _T, "URL of the target, without suffix and query", target_url, _set_target_url)
_variable(
    "target.copy.pathsuffix",
    "Boolean",
    _T,
    "whether the path suffix is appended to the target URL",
    _target(lambda t: t.copy_pathsuffix),
    _set_target("copy_pathsuffix", _flag),
)
_variable(
    "target.copy.queryparams",
    "Boolean",
    _T,
    "whether the query is forwarded",
    _target(lambda t: t.copy_queryparams),
    _set_target("copy_queryparams", _flag),
)
_variable(
    "target.header.host",
    "String",
    _T,
    "Host header to send",
    _target(lambda t: t.header_host),
    _set_target("header_host", text_of),
)
for _name in ("target.expectedcn", "variable.expectedcn"):
    _variable(
        _name,
        "String",
        _T,
        "expected certificate name",
        _target(lambda t: t.expected_cn),
        _set_target("expected_cn", text_of),
    )
_variable("target.name", "String", _T, "TargetEndpoint", _target(lambda t: t.name))
_variable("target.basepath", "String", _T, "path of the configured URL", _target(lambda t: t.base_path))
_variable("target.host", "String", _TR, "host that answered", _target(lambda t: t.host))
_variable("target.ip", "String", _TR, "address that answered", _target(lambda t: t.ip))
_variable("target.port", "Integer", _TR, "port", _target(lambda t: t.port))
_variable("target.scheme", "String", _T, "`http` or `https`", _target(lambda t: t.scheme))
_variable("target.ssl.enabled", "Boolean", _R, "TLS to the target", _target(lambda t: t.scheme == "https"))
_variable(
    "target.response.status.code",
    "Integer",
    _TR,
    "status of the target's answer",
    lambda c: None if c.target is None or c.response is None else c.response.status,
)
_variable(
    "target.received.content.length",
    "Integer",
    _TR,
    "size of the target's answer",
    lambda c: None if c.target is None or c.response is None else len(c.response.body),
)
for _part in ("cn", "country", "email.address", "locality", "organization", "organization.unit", "state"):
    _variable(
        f"target.{_part}",
        "String",
        _TR,
        "from the target's TLS certificate",
        _target(subject(_part)),
    )
for _moment in ("sent.start", "sent.end", "received.start", "received.end"):
    _attribute = _moment.replace(".", "_")
    _variable(
        f"target.{_moment}.time",
        "String",
        _T,
        "when",
        _target(moment_text(_attribute)),
    )
    _variable(
        f"target.{_moment}.timestamp",
        "Long",
        _T,
        "when, in epoch milliseconds",
        _target(moment_millis(_attribute)),
    )
_variable("loadbalancing.targetserver", "String", _TR, "target server used", _target(lambda t: t.server))
_variable(
    "loadbalancing.isfallback",
    "Boolean",
    _TR,
    "the fallback server was used",
    _target(lambda t: t.is_fallback),
)
_variable(
    "loadbalancing.failedservers",
    "Collection",
    _TR,
    "servers that failed in this call",
    _target(lambda t: list(t.failed_servers)),
)

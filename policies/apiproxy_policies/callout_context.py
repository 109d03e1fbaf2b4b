"""A transaction as ExternalCallout's servers see it: what is sent, and how the answer is applied.

Sent (comments of the public external_callout.proto): `request` in request flows, `response` in response flows,
`error` in the error flow, and everywhere the flow variables that the messages are named after. `target` and `route`
are there once a target was chosen. Headers and content go along as the policy's properties say; form parameters are
content, query parameters always go along. A streamed body is not sent, and what the answer says of it is ignored.

Applied: only what differs from what was sent, so that a server may return its input and change nothing (a header of
several lines keeps them). A key that the answer leaves out stays, a key with values replaces all of them, one without
values is removed. proto3 cannot tell an empty text from a missing one: empty content removes only content that was
sent. A `response` that a server returns from a request flow becomes the variable `response`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apiproxy_policies.callout_contract import MESSAGES, Contract
from apiproxy_runtime.policy.api import (
    BUILT_IN,
    Getter,
    Headers,
    Message,
    MessageContext,
    Parameters,
    variables,
)

#: fields whose flow variable is not `<section>.<field with dots>`
_NAMES = {
    "api_proxy": "apiproxy",
    "api_proxy.name": "apiproxy.name",
    "proxy.endpoint_name": "proxy.name",
    "proxy.base_path": "proxy.basepath",
    "proxy.path_suffix": "proxy.pathsuffix",
    "target.base_path": "target.basepath",
    "target.copy_path_suffix": "target.copy.pathsuffix",
    "target.copy_query_params": "target.copy.queryparams",
    "target.expected_cn": "target.expectedcn",
}
_INT32, _INT64 = range(-(2**31), 2**31), range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Switches:
    """The policy's four properties."""

    request_content: bool = False
    request_headers: bool = False
    response_content: bool = False
    response_headers: bool = False


Fill = Callable[[MessageContext], Any]
Apply = Callable[[MessageContext, Any, Any], None]


def compile_fill(contract: Contract, switches: Switches, prefixes: tuple[str, ...]) -> Fill:
    """What makes the MessageContext message of a transaction."""
    messages = contract.messages
    make = messages["MessageContext"]
    always = [
        _section(contract, section, kind)
        for section, kind in (
            ("api_proxy", "ApiProxy"),
            ("client", "Client"),
            ("current_flow", "CurrentFlow"),
            ("proxy", "Proxy"),
        )
    ]
    routed = [_section(contract, "route", "Route"), _section(contract, "target", "Target")]
    collect = _collector(messages["FlowVariable"], prefixes)
    message_id = variables.getter("messageid")
    strings = messages["Strings"]

    def fill(ctx: MessageContext) -> Any:
        parts = {name: section(ctx) for name, section in always}
        if ctx.target is not None:
            parts.update({name: section(ctx) for name, section in routed})
        if ctx.fault is not None:
            error = ctx.error
            parts["error"] = messages["Error"](
                message=_text(ctx.fault.text),
                response=None if error is None else _response(messages, strings, error, switches),
            )
        elif ctx.in_response:
            if ctx.response is not None:
                parts["response"] = _response(messages, strings, ctx.response, switches)
        else:
            parts["request"] = _request(messages, strings, ctx.request, switches)
        if collect is not None:
            parts["additional_flow_variables"] = collect(ctx)
        return make(
            message_id=_text(message_id(ctx)),
            organization_name=ctx.deployment.organization,
            environment_name=ctx.deployment.environment,
            **parts,
        )

    return fill


def _section(contract: Contract, section: str, kind: str) -> tuple[str, Fill]:
    """A message made of flow variables; unset ones are left out."""
    make = contract.messages[kind]
    root = _NAMES.get(section, section.replace("_", "."))
    fields = []
    for name, (_, type_) in MESSAGES[kind].items():
        variable = _NAMES.get(f"{section}.{name}", f"{root}.{name.replace('_', '.')}")
        fields.append((name, variables.getter(variable), _CONVERT[type_]))

    def fill(ctx: MessageContext) -> Any:
        values = {}
        for name, get, convert in fields:
            value = get(ctx)
            if value:
                values[name] = convert(value)
        return make(**values)

    return section, fill


def _text(value: Any) -> str:
    """Text that UTF-8 can carry."""
    text = variables.text_of(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _flag(value: Any) -> bool:
    return variables.text_of(value) == "true"


_CONVERT: dict[str, Callable[[Any], Any]] = {"string": _text, "int32": int, "bool": _flag}


# ---- messages


def _request(messages: dict[str, Any], strings: Any, message: Message, switches: Switches) -> Any:
    whole = switches.request_content and message.stream is None
    return messages["Request"](
        uri=_text(message.uri),
        verb=message.verb,
        http_version=message.version,
        headers=_headers(strings, message.headers) if switches.request_headers else None,
        query_params=_parameters(strings, message.query),
        form_params=_parameters(strings, message.form) if whole and message.is_form else None,
        content=_text(message.content) if whole else None,
    )


def _response(messages: dict[str, Any], strings: Any, message: Message, switches: Switches) -> Any:
    whole = switches.response_content and message.stream is None
    return messages["Response"](
        status_code=message.status,
        reason_phrase=_text(message.reason_phrase),
        headers=_headers(strings, message.headers) if switches.response_headers else None,
        content=_text(message.content) if whole else None,
    )


def _headers(strings: Any, headers: Headers) -> dict[str, Any]:
    """Values as `header.NAME.values` gives them; Set-Cookie keeps its commas, which are no separators (RFC 9110)."""
    return {
        _text(field[0]): strings(
            strings=[
                _text(value) for value in (field[1:] if key == "set-cookie" else headers.values(field[0]))
            ]
        )
        for key, field in headers.fields.items()
    }


def _parameters(strings: Any, parameters: Parameters) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, value in parameters.pairs:
        found.setdefault(_text(name), []).append(_text(value))
    return {name: strings(strings=values) for name, values in found.items()}


# ---- additional variables


def _collector(flow_variable: Any, prefixes: tuple[str, ...]) -> Fill | None:
    """What gathers the variables named by the prefixes and below them; only primitive values travel."""
    if not prefixes:
        return None
    below = tuple(f"{prefix}." for prefix in prefixes)
    built_in: list[tuple[str, Getter]] = [
        (name, variables.getter(name)) for name in BUILT_IN if name.startswith(below)
    ]
    built_in += [(prefix, variables.getter(prefix)) for prefix in prefixes]

    def collect(ctx: MessageContext) -> dict[str, Any]:
        found = {name: get(ctx) for name, get in built_in}
        found.update({name: value for name, value in ctx.variables.items() if name.startswith(below)})
        return {
            name: flow_variable(**{kind: value})
            for name, value in found.items()
            if (kind := _kind(value)) is not None
        }

    return collect


def _kind(value: Any) -> str | None:
    """The field of FlowVariable for a value; None for what is not primitive."""
    kind = value.__class__
    if kind is bool:
        return "bool"
    if kind is int:
        return "int32" if value in _INT32 else "int64" if value in _INT64 else None
    if kind is float:
        return "double"
    return "string" if isinstance(value, str) and _encodable(value) else None


def _encodable(text: str) -> bool:
    return text.isascii() or text.encode("utf-8", "replace").decode() == text


# ---- the answer


def compile_apply(switches: Switches) -> Apply:
    """What applies an answer, given what was sent."""

    def apply(ctx: MessageContext, sent: Any, answer: Any) -> None:
        if ctx.fault is not None:
            if answer.HasField("error") and ctx.error is not None and answer.error.HasField("response"):
                _apply_response(ctx.error, sent.error.response, answer.error.response, switches)
        elif ctx.in_response:
            if answer.HasField("response") and ctx.response is not None:
                _apply_response(ctx.response, sent.response, answer.response, switches)
        else:
            if answer.HasField("request") and answer.request != sent.request:
                _apply_request(ctx.request, sent.request, answer.request, switches)
            if answer.HasField("response"):
                if ctx.response is None:
                    ctx.response = Message.response(200)
                _apply_response(ctx.response, sent.response, answer.response, switches)
        if answer.HasField("target") and sent.HasField("target") and answer.target != sent.target:
            _apply_target(ctx, sent.target, answer.target)
        if answer.additional_flow_variables or sent.additional_flow_variables:
            _apply_variables(ctx, sent.additional_flow_variables, answer.additional_flow_variables)

    return apply


def _apply_request(message: Message, sent: Any, answer: Any, switches: Switches) -> None:
    _apply_headers(message.headers, sent.headers, answer.headers)
    changed = _changed(sent.query_params, answer.query_params)
    if changed:
        query = message.edit_query()
        for name, values in changed:
            query.set_values(name, values)
    _apply_content(message, sent, answer, switches.request_content)
    changed = _changed(sent.form_params, answer.form_params)
    if changed and message.stream is None:
        form = message.edit_form()
        for name, values in changed:
            form.set_values(name, values)


def _apply_response(message: Message, sent: Any, answer: Any, switches: Switches) -> None:
    if answer != sent:
        _apply_headers(message.headers, sent.headers, answer.headers)
        _apply_content(message, sent, answer, switches.response_content)


def _apply_headers(headers: Headers, sent: Any, answer: Any) -> None:
    for name, values in _changed(sent, answer):
        headers.set_values(name, values)


def _apply_content(message: Message, sent: Any, answer: Any, was_sent: bool) -> None:
    if message.stream is None and answer.content != sent.content and (answer.content or was_sent):
        message.content = answer.content


def _changed(sent: Any, answer: Any) -> list[tuple[str, list[str]]]:
    """The entries of a map that differ from what was sent."""
    return [
        (name, list(values.strings))
        for name, values in answer.items()
        if name not in sent or sent[name].strings != values.strings
    ]


def _apply_target(ctx: MessageContext, sent: Any, answer: Any) -> None:
    """The four fields a server may change; an empty text is no address and no name, so it changes nothing."""
    for field in ("copy_path_suffix", "copy_query_params"):
        if getattr(answer, field) != getattr(sent, field):
            variables.write(ctx, _NAMES[f"target.{field}"], getattr(answer, field))
    if answer.expected_cn and answer.expected_cn != sent.expected_cn:
        variables.write(ctx, "target.expectedcn", answer.expected_cn)
    if answer.url and answer.url != sent.url:
        variables.write(ctx, "target.url", answer.url)


def _apply_variables(ctx: MessageContext, sent: Any, answer: Any) -> None:
    """Set and remove flow variables: who sets or removes `a` loses what was `a.*`.

    Names are in order, so that children which the answer sets anew come after their parents.
    """
    for name in sorted(answer):
        value = answer[name]
        kind = value.WhichOneof("value")
        if kind is not None and name in sent and sent[name] == value:
            continue
        _remove_below(ctx, f"{name}.")
        if kind is None:
            variables.remove(ctx, name)
        else:
            variables.write(ctx, name, getattr(value, kind))


def _remove_below(ctx: MessageContext, start: str) -> None:
    for name in [name for name in ctx.variables if name.startswith(start)]:
        del ctx.variables[name]

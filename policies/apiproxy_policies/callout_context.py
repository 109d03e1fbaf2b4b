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
from typing import Any

from msgspec import Struct

from apiproxy_policies.callout_contract import MESSAGES, Contract
from apiproxy_runtime.policy.api import (
    BUILT_IN,
    Headers,
    Message,
    MessageContext,
    Parameters,
    variables,
)

#: fields whose flow variable is not `<section>.<field with dots>`
_NAMES = {
    "api_proxy.revision": "apiproxy.revision",
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


class Switches(Struct, frozen=True):
    """The policy's four properties."""

    request_content: bool = False
    request_headers: bool = False
    response_content: bool = False
    response_headers: bool = False


Fill = Callable[[MessageContext], Any]
#: Fills one part of a message; the second argument is the message.
FillPart = Callable[[MessageContext, Any], None]
Apply = Callable[[MessageContext, Any, Any], None]


def compile_fill(contract: Contract, switches: Switches, prefixes: tuple[str, ...]) -> Fill:
    """What makes the MessageContext message of a transaction.

    Fields are set in place: parts made apart are copied when they are put together, which takes five times as long.
    """
    make = contract.messages["MessageContext"]
    always = tuple(map(_section, ("api_proxy", "client", "current_flow", "proxy")))
    route, target = _section("route"), _section("target")
    collect = _collector(prefixes)
    message_id = variables.getter("messageid")

    def fill(ctx: MessageContext) -> Any:
        message = make()
        message.message_id = _text(message_id(ctx))
        message.organization_name = ctx.deployment.organization
        message.environment_name = ctx.deployment.environment
        for section in always:
            section(ctx, message)
        if ctx.target is not None:
            route(ctx, message)
            target(ctx, message)
        if ctx.fault is not None:
            message.error.message = _text(ctx.fault.text)
            if ctx.error is not None:
                _fill_response(message.error.response, ctx.error, switches)
        elif not ctx.in_response:
            _fill_request(message.request, ctx.request, switches)
        elif ctx.response is not None:
            _fill_response(message.response, ctx.response, switches)
        if collect is not None:
            collect(ctx, message)
        return message

    return fill


def _section(section: str) -> FillPart:
    """What fills a part made of flow variables; unset ones are left out."""
    kind = MESSAGES["MessageContext"][section][1]
    fields = []
    for name, (_, type_) in MESSAGES[kind].items():
        variable = _NAMES.get(f"{section}.{name}", f"{section}.{name}".replace("_", "."))
        fields.append((name, variables.getter(variable), _CONVERT[type_]))

    def fill(ctx: MessageContext, message: Any) -> None:
        part = getattr(message, section)
        part.SetInParent()
        for name, get, convert in fields:
            value = get(ctx)
            if value:
                setattr(part, name, convert(value))

    return fill


def _text(value: Any) -> str:
    """Text that UTF-8 can carry."""
    text = value if value.__class__ is str else variables.text_of(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _flag(value: Any) -> bool:
    return variables.text_of(value) == "true"


_CONVERT: dict[str, Callable[[Any], Any]] = {"string": _text, "int32": int, "bool": _flag}


# ---- messages


def _fill_request(part: Any, message: Message, switches: Switches) -> None:
    part.uri, part.verb, part.http_version = _text(message.uri), _text(message.verb), message.version
    if switches.request_headers:
        _fill_headers(part.headers, message.headers)
    _fill_parameters(part.query_params, message.query)
    if switches.request_content and message.stream is None:
        part.content = _text(message.content)
        if message.is_form:
            _fill_parameters(part.form_params, message.form)


def _fill_response(part: Any, message: Message, switches: Switches) -> None:
    part.status_code, part.reason_phrase = message.status, _text(message.reason_phrase)
    if switches.response_headers:
        _fill_headers(part.headers, message.headers)
    if switches.response_content and message.stream is None:
        part.content = _text(message.content)


def _fill_headers(part: Any, headers: Headers) -> None:
    """Values as `header.NAME.values` gives them; Set-Cookie keeps its commas, which are no separators (RFC 9110)."""
    for key, field in headers.fields.items():
        strings = part[_text(field[0])].strings
        if key == "set-cookie" or (len(field) == 2 and "," not in field[1]):
            strings.extend(map(_text, field[1:]))
        else:
            strings.extend(map(_text, headers.values(key)))


def _fill_parameters(part: Any, parameters: Parameters) -> None:
    for name, value in parameters.pairs:
        part[_text(name)].strings.append(_text(value))


# ---- additional variables


def _collector(prefixes: tuple[str, ...]) -> FillPart | None:
    """What gathers the variables named by the prefixes and below them; only primitive values travel."""
    if not prefixes:
        return None
    below = tuple(f"{prefix}." for prefix in prefixes)
    built_in = [(name, variables.getter(name)) for name in BUILT_IN if name.startswith(below)]
    built_in += [(prefix, variables.getter(prefix)) for prefix in prefixes]

    def collect(ctx: MessageContext, message: Any) -> None:
        part = message.additional_flow_variables
        for name, get in built_in:
            put(part, name, get(ctx))
        for name, value in ctx.variables.items():
            if name.startswith(below):
                put(part, name, value)

    def put(part: Any, name: str, value: Any) -> None:
        kind = _kind(value)
        if kind is not None:
            setattr(part[name], kind, value)

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

"""pre-function and post-function: Lua, of which the few idioms that gateways are patched with are understood.

`return kong.response.exit(status, …)` and `error`, `kong.response.set_header`, `kong.service.request.set_header`,
`kong.service.request.clear_header`, `kong.response.clear_header`, `kong.ctx.shared.NAME = …`, each with constants. A
chunk that holds anything else is left out, with a warning when the file is read: Lua is not run here.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

from apiproxy_runtime.kong.answer import error, exit_json, exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Handler, Phases, Plugin
from apiproxy_runtime.kong.schema import Config, Field, array, string
from apiproxy_runtime.kong.site import KongSite

PHASES = ("certificate", "rewrite", "access", "header_filter", "body_filter", "log")

_TEXT = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_EXIT = re.compile(
    rf"(?:return\s+)?kong\.response\.exit\(\s*(\d{{3}})\s*(?:,\s*(?:{_TEXT}|(\{{.*?\}})))?\s*\)"
)
_ERROR = re.compile(rf"(?:return\s+)?kong\.response\.error\(\s*(\d{{3}})\s*(?:,\s*{_TEXT})?\s*\)")
_SET = re.compile(
    rf"kong\.(response|service\.request)\.(set_header|add_header)\(\s*{_TEXT}\s*,\s*{_TEXT}\s*\)"
)
_CLEAR = re.compile(rf"kong\.(response|service\.request)\.clear_header\(\s*{_TEXT}\s*\)")
_SHARED = re.compile(rf"kong\.ctx\.shared\.([A-Za-z_]\w*)\s*=\s*(?:{_TEXT}|(\d+|true|false))")
_COMMENT = re.compile(r"--(?!\[\[)[^\n]*")
_PAIR = re.compile(rf"\s*([A-Za-z_]\w*)\s*=\s*(?:{_TEXT}|(-?\d+(?:\.\d+)?)|(true|false))\s*,?")

Act = Callable[[KongContext, str], None]


class NotUnderstood(Exception):
    """Lua beyond the idioms; the text is the first line of it."""


def understand(code: str) -> list[Act]:
    """What a chunk of Lua does. Raises NotUnderstood."""
    acts: list[Act] = []
    rest = _COMMENT.sub("", code).strip()
    while rest:
        for pattern, make in _IDIOMS:
            match = pattern.match(rest)
            if match is not None:
                acts.append(make(match))
                rest = rest[match.end() :].lstrip(" \t\r\n;")
                break
        else:
            raise NotUnderstood(rest.splitlines()[0][:80])
    return acts


def _text(quoted: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda found: escapes.get(found.group(1), found.group(1)), quoted[1:-1])


def _exit(match: re.Match[str]) -> Act:
    status, quoted, table = int(match.group(1)), match.group(2), match.group(3)
    body = _table(table) if table else None

    def act(ctx: KongContext, phase: str) -> None:
        if body is not None:
            raise exit_json(status, body)
        raise exit_text(status, _text(quoted) if quoted else b"")

    return act


def _table(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    rest = text[1:-1].strip()
    while rest:
        match = _PAIR.match(rest)
        if match is None:
            raise NotUnderstood(text[:80])
        name, quoted, number, flag = match.groups()
        fields[name] = _text(quoted) if quoted else flag == "true" if flag else json.loads(number)
        rest = rest[match.end() :].strip()
    return fields


def _error(match: re.Match[str]) -> Act:
    status, quoted = int(match.group(1)), match.group(2)

    def act(ctx: KongContext, phase: str) -> None:
        raise error(ctx, status, _text(quoted) if quoted else "")

    return act


def _set(match: re.Match[str]) -> Act:
    of_response, adds = match.group(1) == "response", match.group(2) == "add_header"
    name, value = _text(match.group(3)), _text(match.group(4))

    def act(ctx: KongContext, phase: str) -> None:
        if not of_response:
            (ctx.request.headers.add if adds else ctx.request.headers.set)(name, value)
        elif phase == "access" or ctx.response is None:
            ctx.set_response_header(name, value)
        else:
            (ctx.response.headers.add if adds else ctx.response.headers.set)(name, value)

    return act


def _clear(match: re.Match[str]) -> Act:
    of_response, name = match.group(1) == "response", _text(match.group(2))

    def act(ctx: KongContext, phase: str) -> None:
        message = ctx.response if of_response else ctx.request
        if message is not None:
            message.headers.remove(name)

    return act


def _shared(match: re.Match[str]) -> Act:
    name, quoted, plain = match.groups()
    value: Any = _text(quoted) if quoted else json.loads(plain)

    def act(ctx: KongContext, phase: str) -> None:
        ctx.variables[name] = value

    return act


_IDIOMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Act]], ...] = (
    (_EXIT, _exit),
    (_ERROR, _error),
    (_SET, _set),
    (_CLEAR, _clear),
    (_SHARED, _shared),
)


def compile_functions(config: Config, site: KongSite) -> Phases:
    # what comes before access has the same effect at its begin: nothing that the idioms do is seen in between
    early = _handler([*(config["rewrite"] or ()), *(config["access"] or ())], "access")
    return Phases(
        access=early,
        header_filter=_handler(config["header_filter"] or (), "header_filter"),
        body_filter=_handler(config["body_filter"] or (), "body_filter"),
        log=_handler(config["log"] or (), "log"),
    )


def _handler(chunks: list[str] | tuple[()], phase: str) -> Handler | None:
    acts: list[Act] = []
    for chunk in chunks:
        with contextlib.suppress(NotUnderstood):
            acts += understand(chunk)
    if not acts:
        return None

    def handler(ctx: KongContext) -> None:
        for act in acts:
            act(ctx, phase)

    return handler


def check(config: Config) -> list[tuple[str, str]]:
    if any(config[phase] for phase in PHASES):
        return []
    listed = ", ".join(f"'{phase}'" for phase in PHASES)
    return [("", f"at least one of these fields must be non-empty: {listed}")]


def not_run(config: Config) -> list[tuple[str, str]]:
    """The chunks that are left out."""
    told = []
    for phase in PHASES:
        for chunk in config[phase] or ():
            try:
                understand(chunk)
            except NotUnderstood as unknown:
                told.append((phase, f"this Lua is not run here: {unknown}"))
    return told


_FIELDS: dict[str, Field] = {phase: array(string(), f"Lua for {phase}") for phase in PHASES}

PLUGINS = (
    Plugin(
        "pre-function",
        1000000,
        _FIELDS,
        compile_functions,
        "Runs Lua before all others: a few idioms are understood.",
        check=check,
        warn=not_run,
    ),
    Plugin(
        "post-function",
        -1000,
        _FIELDS,
        compile_functions,
        "Runs Lua after all others: a few idioms are understood.",
        check=check,
        warn=not_run,
    ),
)

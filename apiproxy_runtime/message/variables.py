"""Flow variables: names become accessors, once, when a bundle is deployed.

`getter(name)`, `setter(name)` and `remover(name)` compile a name to a function of the context; `read`, `write` and
`remove` do the same for names that are known only at run time (scripts, `ref`s), remembering what was compiled.

Rules (flow variables reference, introduction to flow variables): an unset name reads as None, nothing is raised;
writing a read-only built-in, or one whose scope has not begun, does nothing; every other dotted name is free.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from apiproxy_runtime.message.builtin import BUILT_IN, FAMILIES
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fields import Field, field
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of

__all__ = [
    "Getter",
    "Remover",
    "Setter",
    "getter",
    "read",
    "read_only",
    "remove",
    "remover",
    "setter",
    "text_of",
    "write",
]

Getter = Callable[[MessageContext], Any]
Setter = Callable[[MessageContext, Any], bool]
Remover = Callable[[MessageContext], bool]

_ROOTS: dict[str, Callable[[MessageContext], Message | None]] = {
    "request": lambda ctx: ctx.request,
    "response": lambda ctx: ctx.response,
    "message": lambda ctx: ctx.message,
    "error": lambda ctx: ctx.error,
}


def read(ctx: MessageContext, name: str) -> Any:
    """The value of a flow variable; None when it is not set or not in scope."""
    return getter(name)(ctx)


def write(ctx: MessageContext, name: str, value: Any) -> bool:
    """Set a flow variable. False, and nothing happens, where it is read-only or not in scope yet."""
    return setter(name)(ctx, value)


def remove(ctx: MessageContext, name: str) -> bool:
    """Remove a flow variable or a part of a message. False where it cannot be removed."""
    return remover(name)(ctx)


@lru_cache(16384)
def getter(name: str) -> Getter:
    """A function that reads the variable `name` from a context."""
    built_in = BUILT_IN.get(name)
    if built_in is not None:
        return built_in.read
    root, _, suffix = name.partition(".")
    if root in _ROOTS:
        part = field(suffix)
        if part is not None:
            return _message_getter(root, part)
    for family in FAMILIES:
        match = family.pattern.fullmatch(name)
        if match is not None:
            return family.read(*match.groups())
    parts = _custom_parts(name)
    if not parts:
        return lambda ctx: ctx.variables.get(name)

    def custom(ctx: MessageContext) -> Any:
        variables = ctx.variables
        if name in variables:
            return variables[name]
        for owner, part in parts:
            message = variables.get(owner)
            if message.__class__ is Message:
                return part.read(message)
        return None

    return custom


@lru_cache(16384)
def setter(name: str) -> Setter:
    """A function that writes the variable `name`; it returns whether the write took place."""
    built_in = BUILT_IN.get(name)
    if built_in is not None:
        return built_in.write or _read_only
    root, _, suffix = name.partition(".")
    if root in _ROOTS:
        part = field(suffix)
        if part is not None:
            return _message_setter(root, part)
    for family in FAMILIES:
        if family.pattern.fullmatch(name) is not None:
            return _read_only
    parts = _custom_parts(name)
    if not parts:

        def plain(ctx: MessageContext, value: Any) -> bool:
            ctx.variables[name] = value
            return True

        return plain

    def custom(ctx: MessageContext, value: Any) -> bool:
        variables = ctx.variables
        for owner, part in parts:
            message = variables.get(owner)
            if message.__class__ is Message:
                if part.write is None:
                    return False
                part.write(message, value)
                return True
        variables[name] = value
        return True

    return custom


def read_only(name: str) -> bool:
    """Whether no policy may ever write the variable, whatever the moment."""
    return setter(name) is _read_only


@lru_cache(4096)
def remover(name: str) -> Remover:
    """A function that removes the variable `name`; it returns whether there was anything it may remove."""
    built_in = BUILT_IN.get(name)
    if built_in is not None:
        return built_in.remove or _not_removable
    root, _, suffix = name.partition(".")
    part = field(suffix) if root in _ROOTS else None
    parts = _custom_parts(name)

    def remove_it(ctx: MessageContext) -> bool:
        if part is not None:
            message = _ROOTS[root](ctx)
            if message is None or part.remove is None:
                return False
            part.remove(message)
            return True
        if name in ctx.variables:
            del ctx.variables[name]
            return True
        for owner, owned in parts:
            message = ctx.variables.get(owner)
            if message.__class__ is Message and owned.remove is not None:
                owned.remove(message)
                return True
        return False

    return remove_it


def _message_getter(root: str, part: Field) -> Getter:
    read_part = part.read
    if root == "request":
        read_request = part.of_request or read_part
        return lambda ctx: read_request(ctx.request)
    if root == "message":
        return lambda ctx: read_part(ctx.message)
    pick = _ROOTS[root]

    def get(ctx: MessageContext) -> Any:
        message = pick(ctx)
        return None if message is None else read_part(message)

    return get


def _message_setter(root: str, part: Field) -> Setter:
    write_part = part.write
    if write_part is None:
        return _read_only
    pick = _ROOTS[root]

    def put(ctx: MessageContext, value: Any) -> bool:
        message = pick(ctx)
        if message is None:
            return False
        write_part(message, value)
        return True

    return put


_FIELD_START = re.compile(
    r"\.(?=(?:content|headers?|queryparams?|querystring|formparams?|formstring|path|uri|url|verb|version|status"
    r"|reason|transport|transportid)(?:\.|$))"
)


def _custom_parts(name: str) -> tuple[tuple[str, Field], ...]:
    """The ways to read `a.b.content` as a part of a message that a policy stored as `a.b` (or as `a`)."""
    found = []
    for match in _FIELD_START.finditer(name):
        part = field(name[match.end() :])
        if part is not None and match.start():
            found.append((name[: match.start()], part))
    return tuple(found)


def _read_only(ctx: MessageContext, value: Any) -> bool:
    return False


def _not_removable(ctx: MessageContext) -> bool:
    return False

"""Lua expressions, as far as templates use them: values, `and`, `or`, `not`, comparisons, `..`, and a few functions.

Nothing of Lua is run that could loop, call out or change anything. Source: Lua 5.1 reference manual, "Expressions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from apiproxy_runtime.kong.context import KongContext

Getter = Callable[[KongContext], Any]

_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<sign>\.\.|==|~=|<=|>=|[-<>()\[\].,:\#]))"""
)
_ESCAPE = re.compile(r"\\(.)")


class LuaError(Exception):
    """An expression that is not understood; the text says where."""


def compile_lua(text: str, roots: Mapping[str, Getter]) -> Getter:
    """The value of an expression; `roots` are the globals that it may name. Raises LuaError.

    At run time what Lua would break on (a member of nil, comparing a text with a number) gives nil or false.
    """
    parser = _Parser(text, roots)
    getter = parser.either(0)
    if parser.kind:
        raise parser.wrong()
    return getter


class _Parser:
    """Recursive descent; each method compiles one level of precedence."""

    def __init__(self, text: str, roots: Mapping[str, Getter]) -> None:
        self.text = text
        self.roots = roots
        self.place = 0
        self.kind = self.token = ""
        self.step()

    def step(self) -> None:
        match = _TOKEN.match(self.text, self.place)
        if match is None or match.lastgroup is None:
            if self.text[self.place :].strip():
                raise LuaError(f"'{self.text.strip()}' is Lua that is not evaluated here")
            self.kind = self.token = ""
            return
        self.kind, self.token = match.lastgroup, match.group(match.lastgroup)
        self.place = match.end()

    def wrong(self) -> LuaError:
        return LuaError(f"'{self.text.strip()}' is Lua that is not evaluated here (at '{self.token}')")

    def takes(self, *tokens: str) -> str:
        if self.kind in ("sign", "name") and self.token in tokens:
            token = self.token
            self.step()
            return token
        return ""

    def expect(self, token: str) -> None:
        if not self.takes(token):
            raise self.wrong()

    def either(self, depth: int) -> Getter:
        if depth > _DEEPEST:
            raise LuaError("nested too deep")
        left = self.both(depth)
        while self.takes("or"):
            left = _or(left, self.both(depth))
        return left

    def both(self, depth: int) -> Getter:
        left = self.compared(depth)
        while self.takes("and"):
            left = _and(left, self.compared(depth))
        return left

    def compared(self, depth: int) -> Getter:
        left = self.joined(depth)
        while sign := self.takes("==", "~=", "<", ">", "<=", ">="):
            left = _compare(sign, left, self.joined(depth))
        return left

    def joined(self, depth: int) -> Getter:
        left = self.unary(depth)
        if self.takes(".."):
            return _join(left, self.joined(depth + 1))
        return left

    def unary(self, depth: int) -> Getter:
        if depth > _DEEPEST:
            raise LuaError("nested too deep")
        sign = self.takes("not", "-", "#")
        if not sign:
            return self.postfix(depth)
        inner = self.unary(depth + 1)
        if sign == "not":
            return lambda ctx: not is_true(inner(ctx))
        if sign == "#":
            return lambda ctx: len(value) if isinstance(value := inner(ctx), (str, list)) else None
        return lambda ctx: -value if isinstance(value := inner(ctx), (int, float)) else None

    def postfix(self, depth: int) -> Getter:
        getter = self.primary(depth)
        while True:
            if self.takes("."):
                name = self.name()
                getter = _index(getter, _constant(name))
            elif self.takes("["):
                key = self.either(depth + 1)
                self.expect("]")
                getter = _index(getter, key)
            elif self.takes(":"):
                name = self.name()
                self.expect("(")
                getter = self.called(name, [getter, *self.arguments(depth)])
            else:
                return getter

    def primary(self, depth: int) -> Getter:
        kind, token = self.kind, self.token
        self.step()
        if kind == "number":
            return _constant(float(token) if "." in token else int(token))
        if kind == "text":
            return _constant(_ESCAPE.sub(r"\1", token[1:-1]))
        if token == "(":
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if kind != "name":
            raise LuaError(f"'{self.text.strip()}' is Lua that is not evaluated here")
        if token in _WORDS:
            return _constant(_WORDS[token])
        if token == "string" and self.takes("."):
            name = self.name()
            self.expect("(")
            return self.called(name, self.arguments(depth))
        if self.takes("("):
            return self.called(token, self.arguments(depth))
        if token not in self.roots:
            known = ", ".join(self.roots)
            raise LuaError(
                f"'{token}' is not there in '{self.text.strip()}'; a value begins with one of {known}"
            )
        return self.roots[token]

    def called(self, name: str, arguments: list[Getter]) -> Getter:
        work = _FUNCTIONS.get(name)
        if work is None or not arguments:
            raise LuaError(f"'{self.text.strip()}' is Lua that is not evaluated here (the function {name})")

        def call(ctx: KongContext) -> Any:
            try:
                return work(*[argument(ctx) for argument in arguments])
            except (TypeError, AttributeError, ValueError):
                return None

        return call

    def arguments(self, depth: int) -> list[Getter]:
        found: list[Getter] = []
        while not self.takes(")"):
            if found:
                self.expect(",")
            found.append(self.either(depth + 1))
        return found

    def name(self) -> str:
        if self.kind != "name":
            raise self.wrong()
        token = self.token
        self.step()
        return token


_WORDS: dict[str, Any] = {"nil": None, "true": True, "false": False}


def is_true(value: Any) -> bool:
    """nil and false are false, everything else is true."""
    return value is not None and value is not False


def member(holder: Any, key: Any) -> Any:
    """One step into a value: arrays count from 1, and nil has no members."""
    if isinstance(holder, list):
        return holder[key - 1] if isinstance(key, int) and 0 < key <= len(holder) else None
    if isinstance(holder, Mapping):
        found = holder.get(key)
        return holder.get(str(key)) if found is None else found
    return None


def _constant(value: Any) -> Getter:
    return lambda ctx: value


def _or(left: Getter, right: Getter) -> Getter:
    return lambda ctx: value if is_true(value := left(ctx)) else right(ctx)


def _and(left: Getter, right: Getter) -> Getter:
    return lambda ctx: right(ctx) if is_true(value := left(ctx)) else value


def _index(getter: Getter, key: Getter) -> Getter:
    return lambda ctx: member(getter(ctx), key(ctx))


def _join(left: Getter, right: Getter) -> Getter:
    def joined(ctx: KongContext) -> Any:
        parts = left(ctx), right(ctx)
        usable = all(isinstance(part, (str, int, float)) and not isinstance(part, bool) for part in parts)
        return "".join(map(str, parts)) if usable else None

    return joined


def _compare(sign: str, left: Getter, right: Getter) -> Getter:
    def compare(ctx: KongContext) -> bool:
        one, other = left(ctx), right(ctx)
        if sign in ("==", "~="):
            return bool(one == other) is (sign == "==")
        try:
            smaller, greater = bool(one < other), bool(one > other)
        except TypeError:
            return False
        return (
            smaller if sign == "<" else greater if sign == ">" else not (greater if sign == "<=" else smaller)
        )

    return compare


def _sub(text: str, first: int, last: int = -1) -> str:
    """`string.sub`: both ends included, negative ones counted from the end."""
    size = len(text)
    begin = max(first if first >= 0 else size + first + 1, 1)
    end = min(last if last >= 0 else size + last + 1, size)
    return text[begin - 1 : end]


def _number(value: Any) -> Any:
    number = float(value)
    return int(number) if number.is_integer() else number


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sub": _sub,
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "len": lambda text: len(text),
    "reverse": lambda text: text[::-1],
    "rep": lambda text, count: text * count if len(text) * count < 65536 else None,
    "tostring": lambda value: (
        {None: "nil", True: "true", False: "false"}.get(value, str(value))
        if value is None or isinstance(value, bool)
        else str(value)
    ),
    "tonumber": _number,
}

"""Conditions of plugins: the part of CEL that they need, compiled to a predicate.

Source: Kong Gateway reference, plugin conditions (Enterprise, from 3.15): a text of at most 1,024 characters over
`http.*`, `net.*`, `route.*`, `service.*`, `consumer.*` and `kong.ctx.shared`; the Common Expression Language
specification for operators. A field that is missing is an error, which `has(…)` asks for beforehand and
`default(…, value)` catches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import regex

from apiproxy_runtime.kong.context import KongContext

LONGEST = 1024
_DEEPEST = 32

Getter = Callable[[KongContext], Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\].,?:+\-]))"""
)
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class ConditionError(Exception):
    """A condition that cannot be compiled, or that asks for what is not there; the text says why."""


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


def compile_condition(text: str) -> Callable[[KongContext], bool]:
    """The predicate of a condition. It raises ConditionError when it cannot be evaluated.

    Raises ConditionError.
    """
    if len(text) > LONGEST:
        raise ConditionError(f"has {len(text)} characters, more than {LONGEST}")
    parser = _Parser(_tokens(text))
    getter = parser.either(0)
    if parser.now.kind:
        raise ConditionError(f"'{parser.now.text}' is not expected at character {parser.now.place + 1}")

    def holds(ctx: KongContext) -> bool:
        value = getter(ctx)
        if not isinstance(value, bool):
            raise ConditionError(f"is {value!r}, neither true nor false")
        return value

    return holds


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"cannot be read from character {place + 1}: {text[place : place + 20]}")
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        place = match.end()
    return [*tokens, _Token("", "the end", len(text))]


class _Parser:
    """Recursive descent; each method compiles one level of precedence."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.place = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.place]

    def takes(self, *signs: str) -> str:
        token = self.now
        if (token.kind == "sign" and token.text in signs) or (token.kind == "name" and token.text in signs):
            self.place += 1
            return token.text
        return ""

    def expect(self, sign: str) -> None:
        if not self.takes(sign):
            raise ConditionError(f"expected {sign} at character {self.now.place + 1}, not {self.now.text}")

    def either(self, depth: int) -> Getter:
        if depth > _DEEPEST:
            raise ConditionError("is nested too deep")
        left = self.both(depth)
        while self.takes("||"):
            left = _or(left, self.both(depth))
        if self.takes("?"):
            yes = self.either(depth + 1)
            self.expect(":")
            return _choice(left, yes, self.either(depth + 1))
        return left

    def both(self, depth: int) -> Getter:
        left = self.relation(depth)
        while self.takes("&&"):
            left = _and(left, self.relation(depth))
        return left

    def relation(self, depth: int) -> Getter:
        left = self.unary(depth)
        sign = self.takes("==", "!=", "<=", ">=", "<", ">", "in")
        return _compare(sign, left, self.unary(depth)) if sign else left

    def unary(self, depth: int) -> Getter:
        if self.takes("!"):
            if depth > _DEEPEST:
                raise ConditionError("is nested too deep")
            return _not(self.unary(depth + 1))
        if self.takes("-"):
            inner = self.unary(depth + 1)
            return lambda ctx: -inner(ctx)
        return self.member(self.primary(depth), depth)

    def member(self, getter: Getter, depth: int) -> Getter:
        while True:
            if self.takes("."):
                name = self.name()
                getter = (
                    _method(name, getter, self.arguments(depth)) if self.takes("(") else _member(getter, name)
                )
            elif self.takes("["):
                index = self.either(depth + 1)
                self.expect("]")
                getter = _index(getter, index)
            else:
                return getter

    def primary(self, depth: int) -> Getter:
        token = self.now
        self.place += 1
        if token.kind == "number":
            number = float(token.text) if "." in token.text else int(token.text)
            return lambda ctx: number
        if token.kind == "text":
            text = _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group(1)), token.text[1:-1])
            return lambda ctx: text
        if token.text == "(":
            inner = self.either(depth + 1)
            self.expect(")")
            return inner
        if token.text == "[":
            self.place -= 1
            self.expect("[")
            items = self.arguments(depth, "]")
            return lambda ctx: [item(ctx) for item in items]
        if token.kind == "name":
            return self.named(token, depth)
        raise ConditionError(f"'{token.text}' is not expected at character {token.place + 1}")

    def named(self, token: _Token, depth: int) -> Getter:
        if token.text in ("true", "false"):
            value = token.text == "true"
            return lambda ctx: value
        if self.takes("("):
            return _function(token.text, self.arguments(depth))
        root = _ROOTS.get(token.text)
        if root is None:
            known = ", ".join(sorted(_ROOTS))
            raise ConditionError(f"'{token.text}' is unknown; there are {known}")
        return root

    def arguments(self, depth: int, close: str = ")") -> list[Getter]:
        found: list[Getter] = []
        while not self.takes(close):
            if found:
                self.expect(",")
            found.append(self.either(depth + 1))
        return found

    def name(self) -> str:
        token = self.now
        if token.kind != "name":
            raise ConditionError(f"expected a name at character {token.place + 1}, not {token.text}")
        self.place += 1
        return token.text


def _or(left: Getter, right: Getter) -> Getter:
    return lambda ctx: bool(left(ctx)) or bool(right(ctx))


def _and(left: Getter, right: Getter) -> Getter:
    return lambda ctx: bool(left(ctx)) and bool(right(ctx))


def _not(inner: Getter) -> Getter:
    return lambda ctx: not inner(ctx)


def _choice(test: Getter, yes: Getter, no: Getter) -> Getter:
    return lambda ctx: yes(ctx) if test(ctx) else no(ctx)


def _compare(sign: str, left: Getter, right: Getter) -> Getter:
    if sign == "==":
        return lambda ctx: bool(left(ctx) == right(ctx))
    if sign == "!=":
        return lambda ctx: bool(left(ctx) != right(ctx))

    def compare(ctx: KongContext) -> bool:
        one, other = left(ctx), right(ctx)
        try:
            if sign == "in":
                return bool(one in other)
            if sign in ("<", "<="):
                return bool(one < other or (sign == "<=" and one == other))
            return bool(one > other or (sign == ">=" and one == other))
        except TypeError:
            raise ConditionError(f"cannot compare {one!r} {sign} {other!r}") from None

    return compare


def _member(getter: Getter, name: str) -> Getter:
    return _index(getter, lambda ctx: name)


def _index(getter: Getter, key: Getter) -> Getter:
    def value(ctx: KongContext) -> Any:
        holder, wanted = getter(ctx), key(ctx)
        try:
            return holder[wanted]
        except (KeyError, IndexError, TypeError):
            raise ConditionError(f"there is no {wanted!r}") from None

    return value


def _function(name: str, arguments: list[Getter]) -> Getter:
    if name == "has" and len(arguments) == 1:

        def has(ctx: KongContext) -> bool:
            try:
                return arguments[0](ctx) is not None
            except ConditionError:
                return False

        return has
    if name == "default" and len(arguments) == 2:

        def default(ctx: KongContext) -> Any:
            try:
                return arguments[0](ctx)
            except ConditionError:
                return arguments[1](ctx)

        return default
    if name in _CONVERSIONS and len(arguments) == 1:
        convert = _CONVERSIONS[name]

        def converted(ctx: KongContext) -> Any:
            value = arguments[0](ctx)
            try:
                return convert(value)
            except (TypeError, ValueError):
                raise ConditionError(f"{name}({value!r}) is not possible") from None

        return converted
    raise ConditionError(f"there is no function {name} of {len(arguments)} arguments")


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"size": len, "int": int, "double": float, "string": str}


def _method(name: str, getter: Getter, arguments: list[Getter]) -> Getter:
    work = _METHODS.get(name)
    if name == "size" and not arguments:
        return _function("size", [getter])
    if work is None or len(arguments) > 1:
        raise ConditionError(f"there is no method {name} of {len(arguments)} arguments")

    def call(ctx: KongContext) -> Any:
        values = [argument(ctx) for argument in arguments]
        try:
            return work(getter(ctx), *values)
        except (TypeError, AttributeError, regex.error, TimeoutError) as error:
            raise ConditionError(f"{name} is not possible: {error}") from None

    return call


_METHODS: dict[str, Callable[..., Any]] = {
    "matches": lambda text, pattern: regex.search(pattern, text, timeout=1.0) is not None,
    "startsWith": lambda text, start: text.startswith(start),
    "endsWith": lambda text, end: text.endswith(end),
    "contains": lambda text, part: part in text,
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
}


class _Lazy(Mapping[str, Any]):
    """Members that are looked up when they are asked for."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self.find = find

    def __getitem__(self, name: str) -> Any:
        value = self.find(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def _http(ctx: KongContext) -> Mapping[str, Any]:
    request = ctx.request
    path = request.path
    members: dict[str, Callable[[], Any]] = {
        "method": lambda: request.verb,
        "host": lambda: ctx.client.host.partition(":")[0].lower(),
        "path": lambda: path,
        "path_segments": lambda: [part for part in path.split("/") if part],
        "headers": lambda: _Lazy(lambda name: request.headers.get(name.replace("_", "-"))),
        "headers_list": lambda: _Lazy(lambda name: request.headers.values(name.replace("_", "-")) or None),
        "queries": lambda: _Lazy(request.query.get),
        "queries_list": lambda: _Lazy(lambda name: request.query.values(name) or None),
    }
    return _Lazy(lambda name: members[name]() if name in members else None)


def _net(ctx: KongContext) -> Mapping[str, Any]:
    client = ctx.client
    return {
        "protocol": client.scheme,
        "src": {"ip": client.ip, "port": client.port},
        "dst": {"ip": client.local_ip, "port": client.local_port},
    }


def _entity(attribute: str, *names: str) -> Getter:
    def members(ctx: KongContext) -> Mapping[str, Any]:
        entity = getattr(ctx, attribute)
        return _Lazy(lambda name: getattr(entity, name, None) if name in names else None)

    return members


def _group(ctx: KongContext) -> Mapping[str, Any]:
    groups = ctx.consumer.groups if ctx.consumer is not None else ()
    return {"name": groups[0]} if groups else {}


def _matched(ctx: KongContext) -> Mapping[str, Any]:
    names = ctx.matched_plugins
    return _Lazy(lambda name: {"is_matched": name.replace("_", "-") in names})


_ROOTS: dict[str, Getter] = {
    "http": _http,
    "net": _net,
    "route": _entity("route", "id", "name", "tags"),
    "service": _entity("service", "id", "name", "host", "port", "protocol", "path", "tags"),
    "consumer": _entity("consumer", "id", "username", "custom_id", "tags"),
    "consumer_group": _group,
    "kong": lambda ctx: {"ctx": {"shared": ctx.variables}},
    "plugins": _matched,
}

"""Conditions as routing: the requests for which a condition holds, where Kong's router can tell them.

A condition becomes a list of matchers, any of which may fit. Source of the operators: "Conditions reference".
"""

from __future__ import annotations

import json
from itertools import product

from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.condition.nodes import (
    And,
    Comparison,
    Literal,
    Node,
    Not,
    Operand,
    Operator,
    Or,
    Variable,
)
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.kong.convert.matcher import ALL, Inexpressible, Matcher
from apiproxy_runtime.kong.convert.paths import ANY, SLASH, Pattern, expression, glob, is_expression, literal

_MOST = 12
_VERBS = ("request.verb", "message.verb", "request.method")
_HEADER = ("request.header.", "message.header.")


class NotRoutable(Exception):
    """A condition that Kong's router cannot ask; the text names the part."""


def read_condition(text: str) -> Node | None:
    """The tree; None for an empty condition and for one that cannot be parsed (which lint reports)."""
    try:
        return parse(text)
    except ConditionSyntaxError:
        return None


def matchers(node: Node, base_path: str, holds: bool = True) -> list[Matcher]:
    """The requests for which the condition holds (or does not). Raises NotRoutable."""
    match node:
        case And() | Or():
            parts = [matchers(operand, base_path, holds) for operand in node.operands]
            found = _all(parts) if isinstance(node, And) is holds else [one for part in parts for one in part]
        case Not():
            found = matchers(node.operand, base_path, not holds)
        case Literal():
            found = [Matcher()] if bool(node.value) is holds else []
        case Comparison():
            found = _comparison(node, base_path, holds)
        case Variable():
            raise NotRoutable(node.name)
    found = list(dict.fromkeys(found))
    if len(found) > _MOST:
        raise NotRoutable("too many alternatives")
    return found


def _all(parts: list[list[Matcher]]) -> list[Matcher]:
    found = []
    for choice in product(*parts):
        whole: Matcher | None = Matcher()
        for matcher in choice:
            try:
                whole = whole.both(matcher) if whole is not None else None
            except Inexpressible:
                raise NotRoutable("two path patterns at once") from None
        if whole is not None:
            found.append(whole)
    return found


def _comparison(node: Comparison, base_path: str, holds: bool) -> list[Matcher]:
    left, right, operator = node.left, node.right, node.operator
    if operator in (Operator.NOT_EQUALS, Operator.NOT_MATCHES):
        operator = Operator.EQUALS if operator is Operator.NOT_EQUALS else Operator.MATCHES
        holds = not holds
    if not isinstance(left, Variable) or not isinstance(right, Literal):
        raise NotRoutable(text_of(node))
    name = left.name
    if name in _VERBS and isinstance(right.value, str):
        return _verb(operator, right.value, holds, node)
    if (
        name.startswith(_HEADER)
        and name.count(".") == 2
        and name.rpartition(".")[2].lower() not in ("", "host")
    ):
        return _header(name.rpartition(".")[2], operator, right, holds, node)
    if name in ("proxy.pathsuffix", "request.path", "request.uri", "message.path") and isinstance(
        right.value, str
    ):
        if not holds:
            raise NotRoutable(f"not ({text_of(node)})")
        patterns = _patterns(operator, right.value, node)
        if name != "proxy.pathsuffix":
            patterns = [_below(pattern, base_path, node) for pattern in patterns]
        return [Matcher(path=pattern) for pattern in patterns]
    raise NotRoutable(text_of(node))


def _verb(operator: Operator, verb: str, holds: bool, node: Comparison) -> list[Matcher]:
    if operator is Operator.EQUALS:
        fits = {verb}
    elif operator is Operator.EQUALS_CASE_INSENSITIVE:
        fits = {verb.upper()}
    elif operator is Operator.JAVA_REGEX and all(part.isalpha() for part in verb.strip("()").split("|")):
        fits = set(verb.strip("()").split("|"))
    else:
        raise NotRoutable(text_of(node))
    methods = (ALL & fits) if holds else (ALL - fits)
    return [Matcher(methods)] if methods else []


def _header(name: str, operator: Operator, right: Literal, holds: bool, node: Comparison) -> list[Matcher]:
    if right.value is None and operator is Operator.EQUALS and not holds:
        return [Matcher(headers=((name.lower(), ()),))]
    equal = operator in (Operator.EQUALS, Operator.EQUALS_CASE_INSENSITIVE)
    if isinstance(right.value, str) and right.value and equal and holds and not right.value.startswith("~*"):
        return [Matcher(headers=((name.lower(), (right.value,)),))]
    raise NotRoutable(text_of(node))


def _patterns(operator: Operator, text: str, node: Comparison) -> list[Pattern]:
    match operator:
        case Operator.EQUALS:
            return [literal(text)]
        case Operator.STARTS_WITH:
            return [(*literal(text), ANY)]
        case Operator.MATCHES:
            return [glob(text, path=False)]
        case Operator.MATCHES_PATH:
            # the pattern "/" fits a call of the base path itself as well
            return [(SLASH,)] if text == "/" else [glob(text, path=True)]
        case Operator.JAVA_REGEX:
            known = expression(text)
            if known is not None:
                return [known]
    raise NotRoutable(text_of(node))


def _below(pattern: Pattern, base_path: str, node: Comparison) -> Pattern:
    """A pattern of the whole path as one of the path after the base path."""
    base = tuple("" if base_path == "/" else base_path)
    if is_expression(pattern) or pattern[: len(base)] != base or "*" in base_path:
        raise NotRoutable(text_of(node))
    return pattern[len(base) :]


def text_of(node: Node) -> str:
    """The condition in one spelling, so that two that mean the same by their words are equal."""
    match node:
        case And():
            return " and ".join(_grouped(operand) for operand in node.operands)
        case Or():
            return " or ".join(_grouped(operand) for operand in node.operands)
        case Not():
            return f"not ({text_of(node.operand)})"
        case Comparison():
            return f"{_operand(node.left)} {_SIGNS.get(node.operator, node.operator.value)} {_operand(node.right)}"
        case Variable() | Literal():
            return _operand(node)


_SIGNS = {
    Operator.EQUALS: "=",
    Operator.NOT_EQUALS: "!=",
    Operator.EQUALS_CASE_INSENSITIVE: ":=",
    Operator.GREATER_THAN: ">",
    Operator.GREATER_THAN_OR_EQUALS: ">=",
    Operator.LESSER_THAN: "<",
    Operator.LESSER_THAN_OR_EQUALS: "<=",
}


def _grouped(node: Node) -> str:
    return f"({text_of(node)})" if isinstance(node, And | Or) else text_of(node)


def _operand(operand: Operand) -> str:
    if isinstance(operand, Variable):
        return operand.name
    value = operand.value
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, (str, bool)) or value is None
        else str(value)
    )

"""Conditions in CEL, the language of `condition` in Kong Enterprise 3.15: a suggestion for what routes cannot tell.

Source: Kong's plugin conditions, whose fields are `http.method`, `http.path`, `http.headers.NAME`, `http.queries.NAME`
and `kong.ctx.shared`. They are evaluated before the plugin's access phase, so nothing of the response is there.
"""

from __future__ import annotations

import json

from apiproxy_runtime.expression.condition.nodes import (
    And,
    Comparison,
    Literal,
    Node,
    Not,
    Operator,
    Or,
    Variable,
)
from apiproxy_runtime.kong.convert.paths import glob, regex

_SIGNS = {
    Operator.EQUALS: "==",
    Operator.NOT_EQUALS: "!=",
    Operator.GREATER_THAN: ">",
    Operator.GREATER_THAN_OR_EQUALS: ">=",
    Operator.LESSER_THAN: "<",
    Operator.LESSER_THAN_OR_EQUALS: "<=",
}


def cel(node: Node, base_path: str) -> str | None:
    """The condition in CEL; None when it asks for something CEL's fields do not have."""
    match node:
        case And() | Or():
            parts = [cel(operand, base_path) for operand in node.operands]
            joined = " && " if isinstance(node, And) else " || "
            return joined.join(f"({part})" for part in parts) if all(parts) else None
        case Not():
            inner = cel(node.operand, base_path)
            return f"!({inner})" if inner else None
        case Literal():
            return "true" if node.value else "false"
        case Comparison():
            return _comparison(node, base_path)
        case Variable():
            return None


def _comparison(node: Comparison, base_path: str) -> str | None:
    if not isinstance(node.left, Variable) or not isinstance(node.right, Literal):
        return None
    suffix = node.left.name == "proxy.pathsuffix"
    field, there = _field(node.left.name)
    value = node.right.value
    if field is None:
        return None
    if value is None:
        present = there or "true"
        return {Operator.EQUALS: f"!({present})", Operator.NOT_EQUALS: present}.get(node.operator)
    guard = f"{there} && " if there else ""
    if node.operator in _SIGNS:
        written = base_path.rstrip("/") + value if suffix and isinstance(value, str) else value
        return f"{guard}{field} {_SIGNS[node.operator]} {json.dumps(written, ensure_ascii=False)}"
    pattern = _pattern(node.operator, str(value))
    if pattern is None:
        return None
    if suffix:
        pattern = regex(tuple(base_path.rstrip("/"))) + pattern
    test = f"{guard}{field}.matches({json.dumps(f'^{pattern}$', ensure_ascii=False)})"
    return f"!({test})" if node.operator is Operator.NOT_MATCHES else test


def _field(name: str) -> tuple[str | None, str]:
    """The field of CEL, and the test that it is there."""
    if name in ("request.verb", "message.verb", "request.method"):
        return "http.method", ""
    if name in ("proxy.pathsuffix", "request.path"):
        return "http.path", ""
    for prefix, fields in (("request.header.", "http.headers"), ("request.queryparam.", "http.queries")):
        if name.startswith(prefix) and name.count(".") == 2:
            key = name[len(prefix) :].replace("-", "_")
            key = key.lower() if fields == "http.headers" else key
            return f"{fields}.{key}", f"has({fields}.{key})"
    return None, ""


def _pattern(operator: Operator, text: str) -> str | None:
    match operator:
        case Operator.MATCHES | Operator.NOT_MATCHES:
            return regex(glob(text, path=False))
        case Operator.MATCHES_PATH:
            return "/?" if text == "/" else regex(glob(text, path=True))
        case Operator.STARTS_WITH:
            return regex(tuple(text)) + ".*"
        case Operator.JAVA_REGEX:
            return f"({text})"
        case Operator.EQUALS_CASE_INSENSITIVE:
            return f"(?i){regex(tuple(text))}"
    return None

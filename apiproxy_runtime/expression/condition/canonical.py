"""One form for all conditions that say the same in other words or another order."""

from __future__ import annotations

import re

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

#: Equal for equal conditions; only good for comparing and hashing.
Canonical = tuple[object, ...]

_HEADER = re.compile(r"(\w+\.header\.)([^.]+)(.*)", re.DOTALL)
_SYMMETRIC = (Operator.EQUALS, Operator.NOT_EQUALS, Operator.EQUALS_CASE_INSENSITIVE)


def canonical(node: Node) -> Canonical:
    """The canonical form of a condition.

    Neither spelling nor order count, nor repeated operands, double negation, De Morgan's laws, `!=` for a negated
    `=`, or the case of a header's name.
    """
    return _form(node, True)


def _form(node: Node, positive: bool) -> Canonical:
    match node:
        case Not():
            return _form(node.operand, not positive)
        case And() | Or():
            conjunction = isinstance(node, And) is positive
            tag = "and" if conjunction else "or"
            operands: set[Canonical] = set()
            for operand in node.operands:
                form = _form(operand, positive)
                operands.update(_parts(form) if form[0] == tag else (form,))
            ordered = sorted(operands, key=repr)
            return ordered[0] if len(ordered) == 1 else (tag, *ordered)
        case Comparison():
            form, negated = comparison_form(node)
        case Variable() | Literal():
            form, negated = ("is", operand_form(node)), False
    return form if positive is not negated else ("not", form)


def _parts(form: Canonical) -> list[Canonical]:
    return [part for part in form[1:] if isinstance(part, tuple)]


def comparison_form(node: Comparison) -> tuple[Canonical, bool]:
    """The form of a comparison or of its opposite, and whether it is the opposite."""
    operator, negated = node.operator, False
    left, right = operand_form(node.left), operand_form(node.right)
    if operator in _SYMMETRIC and (left[0] == "value" or (right[0] != "value" and right < left)):
        left, right = right, left
    if operator is Operator.NOT_EQUALS:
        operator, negated = Operator.EQUALS, True
    elif operator is Operator.NOT_MATCHES:
        operator, negated = Operator.MATCHES, True
    return (operator.value, left, right), negated


def operand_form(operand: Operand) -> tuple[str, str, str]:
    if isinstance(operand, Variable):
        return "variable", variable_form(operand.name), ""
    kind = "number" if isinstance(operand.value, int | float) and operand.kind != "boolean" else operand.kind
    return "value", kind, str(operand.value)


def variable_form(name: str) -> str:
    """A variable's name, header names in lower case."""
    match = _HEADER.fullmatch(name)
    return f"{match[1]}{match[2].lower()}{match[3]}" if match else name

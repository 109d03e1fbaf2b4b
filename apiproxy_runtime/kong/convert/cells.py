"""Cells: the requests of an endpoint, divided until each part runs the same policies. A cell becomes a route.

Cells are tried in order, as Apigee tries its flows and route rules. A condition that a route can ask divides a cell in
two; what was decided on the way is remembered, so that the same condition is not asked twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.model import Flow, RouteRule
from apiproxy_runtime.expression.condition.nodes import And, Comparison, Literal, Node, Not, Or, Variable
from apiproxy_runtime.kong.convert.condition import NotRoutable, matchers, text_of
from apiproxy_runtime.kong.convert.matcher import ALL, Inexpressible, Matcher
from apiproxy_runtime.kong.convert.paths import covers, overlap

#: An endpoint with more routes than this is no help to anybody; conditions beyond it become TODO comments.
MOST = 48


class Cell(Struct, frozen=True):
    """`flow` None is the requests that no conditional flow takes; `facts` are conditions whose truth is known.

    unasked  flows that would come first, if a condition held that no route can ask
    """

    matcher: Matcher
    flow: Flow | None = None
    rule: RouteRule | None = None
    label: tuple[str, ...] = ()
    facts: dict[str, bool] = field(default_factory=dict)
    unasked: tuple[Flow, ...] = ()

    def narrowed(self, matcher: Matcher) -> Cell | None:
        """The part of the cell that fits the matcher. Raises Inexpressible."""
        both = self.matcher.both(matcher)
        return replace(self, matcher=both) if both is not None else None


def decide(node: Node | None, cell: Cell, base_path: str) -> bool | None:
    """Whether a condition holds for every request of the cell, for none, or (None) only time will tell."""
    if node is None:
        return True
    known = cell.facts.get(text_of(node))
    if known is not None:
        return known
    match node:
        case And():
            return _all(decide(operand, cell, base_path) for operand in node.operands)
        case Or():
            none = _all(_not(decide(operand, cell, base_path)) for operand in node.operands)
            return _not(none)
        case Not():
            return _not(decide(node.operand, cell, base_path))
        case Literal():
            return bool(node.value)
        case Variable():
            return None
        case Comparison():
            return _compared(node, cell, base_path)


def _compared(node: Comparison, cell: Cell, base_path: str) -> bool | None:
    for holds in (True, False):
        try:
            found = matchers(node, base_path, holds)
        except NotRoutable:
            continue
        if not any(_meet(matcher, cell.matcher) for matcher in found):
            return not holds
        if any(_contains(matcher, cell.matcher) for matcher in found):
            return holds
    return None


def _meet(left: Matcher, right: Matcher) -> bool:
    try:
        return left.both(right) is not None
    except Inexpressible:
        return True


def _contains(wide: Matcher, narrow: Matcher) -> bool:
    if not narrow.methods <= wide.methods:
        return False
    if wide.path is not None and (narrow.path is None or not covers(wide.path, narrow.path)):
        return False
    headers = dict(narrow.headers)
    return all(
        name in headers and (not values or (headers[name] and set(headers[name]) <= set(values)))
        for name, values in wide.headers
    )


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _all(values: Iterable[bool | None]) -> bool | None:
    found: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            found = None
    return found


def divide(cell: Cell, node: Node, base_path: str, label: str) -> list[Cell]:
    """The cell as parts for which the condition is known, in the order in which they must be tried.

    Raises NotRoutable or Inexpressible when the router cannot tell them apart.
    """
    try:
        found, holds = matchers(node, base_path), True
    except NotRoutable:
        found, holds = matchers(node, base_path, False), False
    key = text_of(node)
    parts: list[Cell] = []
    rest: Matcher | None = cell.matcher
    for matcher in found:
        part = cell.narrowed(matcher)
        if part is not None:
            name = label if holds else f"not-{label}"
            parts.append(replace(part, facts={**cell.facts, key: holds}, label=(*cell.label, name)))
            if matcher.only_methods and rest is not None:
                rest = rest.without_methods(matcher.methods)
    if rest is not None:
        parts.append(replace(cell, matcher=rest, facts={**cell.facts, key: not holds}))
    return parts


def outranks(later: Cell, earlier: Cell) -> bool:
    """Whether Kong would try the later cell first: more kinds of criteria come before any priority."""
    kinds = [bool(cell.matcher.headers) for cell in (later, earlier)]
    more = kinds[0] > kinds[1] or len(later.matcher.headers) > len(earlier.matcher.headers)
    return more and _meet(later.matcher, earlier.matcher)


__all__ = ["ALL", "MOST", "Cell", "decide", "divide", "outranks", "overlap"]

"""What must be true of single variables for a condition to come out as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product

from msgspec import Struct

from apiproxy_runtime.expression.condition.compiler import compile_comparison
from apiproxy_runtime.expression.condition.nodes import (
    ORDERINGS,
    And,
    Comparison,
    Literal,
    Node,
    Not,
    Operator,
    Or,
    Variable,
)
from apiproxy_runtime.rehearsal.generate.sample import of_glob, of_path, of_regex

#: Ways to make one condition come out that are looked at.
WAYS = 48

Test = Callable[[str | None], bool]


class Atom(Struct, frozen=True):
    """A comparison of a variable that must come out as `wanted`. `node` None asks whether the variable itself is true."""

    variable: str
    node: Comparison | None
    wanted: bool

    def holds(self, value: str | None) -> bool:
        """Whether a value (None for unset) makes it come out so."""
        if self.node is None:
            return (value is not None and value.lower() == "true") == self.wanted
        compare = compile_comparison(self.node)
        try:
            return compare(*self._sides(value)) == self.wanted
        except (TypeError, ValueError):
            return False

    def _sides(self, value: str | None) -> tuple[object, object]:
        assert self.node is not None
        left, right = self.node.left, self.node.right
        if isinstance(left, Variable):
            return value, right.value if isinstance(right, Literal) else None
        return left.value, value

    def candidates(self) -> Iterator[str | None]:
        """Values worth a try, the plainest first; None is for unset."""
        if self.node is None:
            yield from ("true", "false", None)
            return
        node = self.node
        literal = node.right if isinstance(node.left, Variable) else node.left
        constant = literal.value if isinstance(literal, Literal) else None
        if constant is None:
            yield from (None, "1", "x")
            return
        text = str(constant).lower() if isinstance(constant, bool) else str(constant)
        if node.operator in (Operator.MATCHES, Operator.NOT_MATCHES):
            yield from of_glob(text)
        elif node.operator is Operator.MATCHES_PATH:
            yield from of_path(text)
        elif node.operator is Operator.JAVA_REGEX:
            yield from of_regex(text)
        elif node.operator is Operator.STARTS_WITH:
            yield from (f"{text}1", text)
        elif node.operator in ORDERINGS:
            yield from _around(text)
        else:
            yield text
        yield from (None, "other", "", "0", "x1", "true", "false", "/nowhere/to/be/found", "12345")


def _around(text: str) -> Iterator[str]:
    try:
        number = float(text)
    except ValueError:
        yield from (text, f"{text}a", "")
        return
    for near in (number, number + 1, number - 1):
        yield str(int(near)) if near.is_integer() else str(near)


class Unsolvable(Exception):
    """A condition that depends on something a request cannot decide; the text says on what."""


def ways(node: Node | None, wanted: bool) -> Iterator[tuple[Atom, ...]]:
    """Conjunctions of atoms that each make the condition come out as wanted; at most WAYS of them."""
    if node is None:
        if wanted:
            yield ()
        return
    yield from islice(_ways(node, wanted), WAYS)


def _ways(node: Node, wanted: bool) -> Iterator[tuple[Atom, ...]]:
    match node:
        case Not():
            yield from _ways(node.operand, not wanted)
        case And() | Or():
            if isinstance(node, And) == wanted:
                for parts in product(*(list(islice(_ways(part, wanted), WAYS)) for part in node.operands)):
                    yield tuple(atom for part in parts for atom in part)
            else:
                for part in node.operands:
                    yield from _ways(part, wanted)
        case Literal():
            if bool(node.value) == wanted:
                yield ()
        case Variable():
            yield (Atom(node.name, None, wanted),)
        case Comparison():
            left, right = node.left, node.right
            if isinstance(left, Variable) and isinstance(right, Variable):
                # two unknowns: make the left what the right holds is left to chance
                yield (Atom(left.name, None, wanted),)
            elif isinstance(left, Variable):
                yield (Atom(left.name, node, wanted),)
            elif isinstance(right, Variable):
                yield (Atom(right.name, node, wanted),)
            elif (
                compile_comparison(node)(left.value, right.value if isinstance(right, Literal) else None)
                == wanted
            ):
                yield ()

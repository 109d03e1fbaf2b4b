"""The syntax tree of a condition, and what can be read from it without running it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from msgspec import Struct


class Operator(Enum):
    """A comparison; the value is the name by which the conditions reference calls it."""

    EQUALS = "Equals"
    NOT_EQUALS = "NotEquals"
    EQUALS_CASE_INSENSITIVE = "EqualsCaseInsensitive"
    GREATER_THAN = "GreaterThan"
    GREATER_THAN_OR_EQUALS = "GreaterThanOrEquals"
    LESSER_THAN = "LesserThan"
    LESSER_THAN_OR_EQUALS = "LesserThanOrEquals"
    JAVA_REGEX = "JavaRegex"
    MATCHES = "Matches"
    NOT_MATCHES = "NotMatches"
    MATCHES_PATH = "MatchesPath"
    STARTS_WITH = "StartsWith"


#: Operators whose right side is a pattern and so must be a string literal.
PATTERN_OPERATORS = frozenset(
    {Operator.JAVA_REGEX, Operator.MATCHES, Operator.NOT_MATCHES, Operator.MATCHES_PATH}
)
ORDERINGS = frozenset(
    {
        Operator.GREATER_THAN,
        Operator.GREATER_THAN_OR_EQUALS,
        Operator.LESSER_THAN,
        Operator.LESSER_THAN_OR_EQUALS,
    }
)


class Variable(Struct, frozen=True):
    """A flow variable. `quoted` when the name was written in single quotes."""

    name: str
    offset: int
    end: int
    quoted: bool = False


class Literal(Struct, frozen=True):
    """A constant. `kind` is string, integer, long, float, double, boolean or null; `quote` is `"` or `'` for strings."""

    value: str | int | float | bool | None
    kind: str
    offset: int
    end: int
    quote: str = ""


Operand = Variable | Literal


class Comparison(Struct, frozen=True):
    """`left operator right`. `offset` is where the operator stands, `spelling` how it was written."""

    operator: Operator
    left: Operand
    right: Operand
    offset: int
    spelling: str


class Not(Struct, frozen=True):
    operand: Node
    offset: int


class And(Struct, frozen=True):
    """Two or more operands. `offset` is where the first operator stands, `grouped` whether parentheses surround it."""

    operands: tuple[Node, ...]
    offset: int
    grouped: bool = False


class Or(Struct, frozen=True):
    """As `And`."""

    operands: tuple[Node, ...]
    offset: int
    grouped: bool = False


Node = Variable | Literal | Comparison | Not | And | Or


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case And() | Or():
            return node.operands
        case Not():
            return (node.operand,)
        case Comparison():
            return (node.left, node.right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def variables_of(node: Node | None) -> tuple[str, ...]:
    """The flow variables a condition reads, each once, in order of appearance."""
    if node is None:
        return ()
    return tuple(dict.fromkeys(part.name for part in walk(node) if isinstance(part, Variable)))


_ALWAYS_TEXT = tuple(
    f"{message}.{part}."
    for message in ("request", "response", "message")
    for part in ("header", "queryparam", "formparam")
)


def is_documented_text(name: str) -> bool:
    """Whether the variables reference gives the variable the type String, whatever is in it."""
    return name.startswith(_ALWAYS_TEXT) and not name.endswith(".values.count")


def warnings_of(node: Node | None) -> list[tuple[int, str]]:
    """What works, but probably not as its author thinks: (offset, text), in order of appearance."""
    if node is None:
        return []
    found: list[tuple[int, str]] = []
    for part in walk(node):
        match part:
            case And():
                found += _mixed(part, Or)
            case Or():
                found += _mixed(part, And)
            case Comparison():
                found += _comparison_warnings(part)
            case _:
                pass
    return sorted(found)


def _mixed(node: And | Or, other: type[And] | type[Or]) -> Iterator[tuple[int, str]]:
    if any(isinstance(child, other) and not child.grouped for child in node.operands):
        yield (
            node.offset,
            "'and' and 'or' meet without parentheses: Apigee's own pages disagree on which binds tighter; "
            "write the parentheses you mean",
        )


def _comparison_warnings(node: Comparison) -> Iterator[tuple[int, str]]:
    left, right = node.left, node.right
    if isinstance(right, Literal) and right.quote == "'":
        yield right.offset, "text belongs in double quotes; single quotes are for variable names on the left"
    words = node.spelling.lower().split()
    if words == ["is", "not"]:
        yield node.offset, "'is not' is not a documented operator; write 'IsNot' or '!='"
    elif words == ["not"]:
        yield node.offset, "a bare 'not' between two operands is not documented; write '!='"
    if isinstance(right, Variable) and right.name.isupper() and "." not in right.name:
        yield (
            right.offset,
            f'{right.name} without quotes is a flow variable; write "{right.name}" for the text',
        )
    if (
        node.operator in ORDERINGS
        and isinstance(left, Variable)
        and isinstance(right, Literal)
        and right.kind != "null"
        and is_documented_text(left.name)
    ):
        yield (
            node.offset,
            f'{left.name} is text, so this compares character by character: "10" comes before "9"',
        )

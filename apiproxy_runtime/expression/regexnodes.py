"""The parts of a regular expression, as Python's `re` will see them.

Written by the translator from Java, read by the printer below and by the estimate of matching time.
"""

from __future__ import annotations

from msgspec import Struct


class Chars(Struct, frozen=True):
    """One character. `fold` when matched without regard to case, `wide` when it may be beyond U+00FF."""

    source: str
    wide: bool
    fold: bool


class Place(Struct, frozen=True):
    """An anchor or word boundary: matches no character. `start` when it holds only where the text begins."""

    source: str
    start: bool = False


class Reference(Struct, frozen=True):
    """What a group matched, again."""

    group: str
    fold: bool


class Sequence(Struct, frozen=True):
    items: tuple[Part, ...]


class Choice(Struct, frozen=True):
    branches: tuple[Part, ...]


class Repeat(Struct, frozen=True):
    """`high` None for no upper bound; `mode` is empty (greedy), `?` (lazy) or `+` (possessive)."""

    item: Part
    low: int
    high: int | None
    mode: str


class Group(Struct, frozen=True):
    """`opening` is `(`, `(?:`, `(?>` or `(?P<name>`."""

    item: Part
    opening: str


class Look(Struct, frozen=True):
    """`opening` is `(?=`, `(?!`, `(?<=` or `(?<!`."""

    item: Part
    opening: str


Part = Chars | Place | Reference | Sequence | Choice | Repeat | Group | Look


def size(part: Part) -> int:
    """How many characters the part asks for at least, every count written out."""
    match part:
        case Sequence():
            return sum(map(size, part.items))
        case Choice():
            return sum(map(size, part.branches))
        case Repeat():
            return size(part.item) * max(part.low, 1)
        case Group() | Look():
            return size(part.item)
        case _:
            return 1


def print_part(part: Part) -> str:
    """Python source of a part."""
    match part:
        case Chars():
            return f"(?i:{part.source})" if part.fold else part.source
        case Place():
            return part.source
        case Reference():
            return f"(?i:{part.group})" if part.fold else f"(?:{part.group})"
        case Sequence():
            return _print_sequence(part)
        case Choice():
            return "|".join(map(print_part, part.branches))
        case Repeat():
            return _print_repeat(part)
        case Group():
            return f"{part.opening}{print_part(part.item)})"
        case Look():
            return _print_look(part)


def _print_sequence(part: Sequence) -> str:
    """Neighbours that ignore case share one `(?i:…)`."""
    printed: list[str] = []
    run: list[str] = []
    for item in part.items:
        if isinstance(item, Chars) and item.fold:
            run.append(item.source)
            continue
        if run:
            printed.append(f"(?i:{''.join(run)})")
            run = []
        printed.append(print_part(item))
    if run:
        printed.append(f"(?i:{''.join(run)})")
    return "".join(printed)


def _print_repeat(part: Repeat) -> str:
    high = "" if part.high is None else part.high
    bounds = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((part.low, part.high))
    if bounds is None:
        bounds = f"{{{part.low}}}" if part.low == part.high else f"{{{part.low},{high}}}"
    item = print_part(part.item)
    if isinstance(part.item, Place | Look | Reference):
        item = f"(?:{item})"
    return f"{item}{bounds}{part.mode}"


def _print_look(part: Look) -> str:
    """Branches behind may differ in length, each alone: `re` wants one length in a look-behind."""
    inner = part.item
    if part.opening in ("(?<=", "(?<!") and isinstance(inner, Choice):
        each = [f"{part.opening}{print_part(branch)})" for branch in inner.branches]
        return f"(?:{'|'.join(each)})" if part.opening == "(?<=" else "".join(each)
    return f"{part.opening}{print_part(inner)})"

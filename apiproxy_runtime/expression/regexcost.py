"""How long a backtracking matcher can take over an expression, told from the expression alone.

The expression becomes the automaton of its character positions. A backtracking matcher tries at most every path
that spells a beginning of the text, so the number of such paths bounds its work:

- no two ways on at any position: one path, linear;
- no loop that one word can go round in two ways: polynomial, of at most as many degrees as loops follow one another;
- otherwise exponential.

Source: Weber and Seidl, "On the degree of ambiguity of finite automata" (1991). Everything the automaton cannot
express (counts, back references, look-around, possessive quantifiers) is replaced by something that has at least
as many paths, so the answer is never too low.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from msgspec import Struct

from apiproxy_runtime.expression.regexnodes import (
    Chars,
    Choice,
    Group,
    Look,
    Part,
    Place,
    Reference,
    Repeat,
    Sequence,
)

_EVERY = (1 << 257) - 1
_WIDE = 1 << 256
_MOST_POSITIONS = 250
_LARGEST_KNOT = 40


class Cost(Struct, frozen=True):
    """The work over a text of n characters is at most about `paths * n ** degree`.

    degree    None for exponential work

    anchored  a search tries the start of the text only, so it costs no more than a match
    """

    degree: int | None
    paths: int
    anchored: bool


def cost(part: Part) -> Cost:
    """The cost of matching at one place. A search that is not anchored costs one degree more."""
    anchored = _starts_at_start(part)
    automaton = _Automaton()
    try:
        whole = automaton.add(part)
    except (_TooLarge, _Unbounded):
        return Cost(None, 1, anchored)
    automaton.first = whole.first
    return Cost(*automaton.work(), anchored)


def _starts_at_start(part: Part) -> bool:
    match part:
        case Place():
            return part.start
        case Sequence():
            return bool(part.items) and _starts_at_start(part.items[0])
        case Choice():
            return all(map(_starts_at_start, part.branches))
        case Group():
            return _starts_at_start(part.item)
        case _:
            return False


class _TooLarge(Exception):
    """More positions than are looked at."""


class _Unbounded(Exception):
    """There is no bound to the ways through a loop."""


def _times(ways: Counter[int], factor: int) -> Counter[int]:
    return Counter({position: count * factor for position, count in ways.items()} if factor else {})


class _Piece(Struct):
    """The positions a part can begin and end with, each in how many ways, and the ways it can match nothing."""

    first: Counter[int]
    last: Counter[int]
    empty: int


class _Automaton:
    def __init__(self) -> None:
        #: per position: which of the characters U+0000 to U+00FF, and (bit 256) any beyond, it takes
        self.takes: list[int] = []
        #: per position: the positions that follow, and in how many ways
        self.follows: list[Counter[int]] = []
        self.first: Counter[int] = Counter()

    def position(self, takes: int) -> int:
        if len(self.takes) >= _MOST_POSITIONS:
            raise _TooLarge
        self.takes.append(takes)
        self.follows.append(Counter())
        return len(self.takes) - 1

    def connect(self, last: Counter[int], first: Counter[int]) -> None:
        for position, ways in last.items():
            self.follows[position] += _times(first, ways)

    def add(self, part: Part) -> _Piece:
        match part:
            case Chars():
                position = self.position(_taken(part.source, part.wide, part.fold))
                return _Piece(Counter([position]), Counter([position]), 0)
            case Place():
                return _Piece(Counter(), Counter(), 1)
            case Reference():
                only = Counter([self.position(_EVERY)])
                self.connect(only, only)
                return _Piece(only, only, 1)
            case Sequence():
                return self.sequence(part)
            case Choice():
                whole = _Piece(Counter(), Counter(), 0)
                for piece in map(self.add, part.branches):
                    whole.first += piece.first
                    whole.last += piece.last
                    whole.empty += piece.empty
                return whole
            case Repeat():
                return self.repeat(part)
            case Group():
                return self.add(part.item)
            case Look():
                # tried, then forgotten: a way that leads nowhere, beside the one that goes on
                return _Piece(self.add(part.item).first, Counter(), 1)

    def sequence(self, part: Sequence) -> _Piece:
        whole = _Piece(Counter(), Counter(), 1)
        for item in part.items:
            piece = self.add(item)
            self.connect(whole.last, piece.first)
            whole.first = whole.first + _times(piece.first, whole.empty)
            whole.last = piece.last + _times(whole.last, piece.empty)
            whole.empty *= piece.empty
        return whole

    def repeat(self, part: Repeat) -> _Piece:
        """A count of several is taken for a loop, which has all its paths and more."""
        piece = self.add(part.item)
        if part.high is None or part.high > 1:
            if piece.empty:
                # rounds that match nothing can stand anywhere between the others
                raise _Unbounded
            self.connect(piece.last, piece.first)
        return _Piece(piece.first, piece.last, piece.empty + (part.low == 0))

    # ---- judging

    def deterministic(self) -> bool:
        for targets in (self.first, *self.follows):
            seen = 0
            for target, ways in targets.items():
                if ways > 1 or seen & self.takes[target]:
                    return False
                seen |= self.takes[target]
        return True

    def work(self) -> tuple[int | None, int]:
        """The degree (None for exponential) and the number of ways between loops."""
        reach = self.reachable()
        if self.deterministic():
            looping = any(reached >> position & 1 for position, reached in enumerate(reach))
            return (1, 1) if looping else (0, len(reach) or 1)
        count = len(self.takes)
        knots: list[list[int]] = []
        knot_of = [-1] * count
        for position in range(count):
            if knot_of[position] < 0:
                members = [
                    other
                    for other in range(position, count)
                    if other == position or (reach[position] >> other & 1 and reach[other] >> position & 1)
                ]
                for member in members:
                    knot_of[member] = len(knots)
                knots.append(members)
        loops = [bool(reach[members[0]] >> members[0] & 1) for members in knots]
        for members, loop in zip(knots, loops, strict=True):
            if loop and self.tangled(set(members)):
                return None, 1
        degrees = [0] * len(knots)
        ways = [0] * len(knots)
        # what can be reached from a knot, itself included, is more than from any knot after it
        order = sorted(
            range(len(knots)), key=lambda knot: (reach[knots[knot][0]] | 1 << knots[knot][0]).bit_count()
        )
        for knot in order:
            onward = [
                (knot_of[target], count)
                for member in knots[knot]
                for target, count in self.follows[member].items()
                if knot_of[target] != knot
            ]
            degrees[knot] = max((degrees[target] for target, _ in onward), default=0) + loops[knot]
            ways[knot] = 1 + sum(ways[target] * count for target, count in onward)
        degree = max((degrees[knot_of[start]] for start in self.first), default=0)
        return degree, sum(ways[knot_of[start]] * count for start, count in self.first.items()) or 1

    def reachable(self) -> list[int]:
        """Per position, the set (as bits) of positions that can come later."""
        reach = [sum(1 << target for target in targets) for targets in self.follows]
        for through in range(len(reach)):
            bit, onward = 1 << through, reach[through]
            for position, reached in enumerate(reach):
                if reached & bit:
                    reach[position] = reached | onward
        return reach

    def tangled(self, members: set[int]) -> bool:
        """Whether one word can lead round this knot of loops in two ways."""
        if len(members) > _LARGEST_KNOT:
            return True
        if any(self.follows[member][target] > 1 for member in members for target in members):
            return True
        inside = {
            member: [target for target in self.follows[member] if target in members] for member in members
        }
        start = next(iter(members))
        onward = self.pairs((start, start), inside)
        backward: dict[int, list[int]] = {member: [] for member in members}
        for member, targets in inside.items():
            for target in targets:
                backward[target].append(member)
        # the way back is the way of the mirrored automaton: what must agree is the pair that is left
        returning = self.pairs((start, start), backward)
        return any(left != right for left, right in onward & returning)

    def pairs(self, start: tuple[int, int], steps: dict[int, list[int]]) -> set[tuple[int, int]]:
        """The pairs of positions that two paths spelling the same word can lead to."""
        found = {start}
        waiting = [start]
        while waiting:
            left, right = waiting.pop()
            for pair in ((a, b) for a in steps[left] for b in steps[right]):
                if pair not in found and self.takes[pair[0]] & self.takes[pair[1]]:
                    found.add(pair)
                    waiting.append(pair)
        return found


@lru_cache(maxsize=1024)
def _taken(source: str, wide: bool, fold: bool) -> int:
    tests = [re.compile(source, re.DOTALL).match]
    if fold:
        tests = [re.compile(source, re.DOTALL | re.IGNORECASE | more).match for more in (0, re.ASCII)]
    taken = sum(1 << code for code in range(256) if any(test(chr(code)) for test in tests))
    return taken | (_WIDE if wide else 0)

"""Whether a condition can hold, and whether it can fail, told without running it.

All values that a variable may have fall into a few classes that the condition can tell apart: the constants it is
compared with, their neighbours where order counts, null, and any other value, with or without a fit for each pattern.
A comparison is then a set of such classes, and a conjunction of comparisons an intersection. `or` is tried operand
by operand, with a bound on the trials; what is not settled by then counts as possible. So "cannot" is certain, and
"can" is not. Values are null, texts, numbers and booleans; that a variable may hold a message is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise, product

from msgspec import Struct

from apiproxy_runtime.expression.condition import values
from apiproxy_runtime.expression.condition.canonical import comparison_form, variable_form
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
    is_documented_text,
    walk,
)
from apiproxy_runtime.expression.glob import split
from apiproxy_runtime.message.text import text_of

#: Trials of one operand of an `or` until a condition counts as possible.
_TRIALS = 100
#: More comparisons than this are not judged, nor more patterns for one variable.
_COMPARISONS, _PATTERNS = 120, 5
_ON_PATTERN = frozenset(
    (
        Operator.JAVA_REGEX,
        Operator.MATCHES,
        Operator.NOT_MATCHES,
        Operator.MATCHES_PATH,
        Operator.STARTS_WITH,
    )
)

Value = str | int | float | bool | None


def can_hold(node: Node) -> bool:
    """False if no values of the variables make the condition true.

    An unset variable does not count as being in order with anything, though `>` and `<` hold for it by the letter:
    `n > 10 and n < 5` cannot be meant.
    """
    return _possible(node, True, null_in_order=False)


def can_fail(node: Node) -> bool:
    """False if all values of the variables, null among them, make the condition true."""
    return _possible(node, False, null_in_order=True)


def _possible(node: Node, wanted: bool, null_in_order: bool) -> bool:
    comparisons = [part for part in walk(node) if isinstance(part, Comparison)]
    if len(comparisons) > _COMPARISONS:
        return True
    atoms = _Atoms(node, comparisons, null_in_order)
    formula = atoms.formula(node, wanted)
    search = _Search(_TRIALS)
    try:
        return search.holds([formula], {})
    except _Undecided:
        return True


# ---- formulas: negations are gone, comparisons are sets of classes (bits) of a variable


class _In(Struct, frozen=True):
    """The variable is in one of the classes `allowed` out of `every`."""

    variable: object
    allowed: int
    every: int


class _All(Struct, frozen=True):
    parts: tuple[_Formula, ...]


class _Any(Struct, frozen=True):
    parts: tuple[_Formula, ...]


_Formula = _In | _All | _Any
_Domain = Mapping[object, int]


class _Undecided(Exception):
    """The trials are used up."""


class _Search:
    def __init__(self, trials: int) -> None:
        self.trials = trials

    def holds(self, formulas: list[_Formula], domain: _Domain) -> bool:
        """Whether all formulas can hold at once."""
        narrowed = dict(domain)
        choices: list[_Any] = []
        pending = list(formulas)
        while pending:
            while pending:
                part = pending.pop()
                if isinstance(part, _In):
                    allowed = narrowed.get(part.variable, part.every) & part.allowed
                    if not allowed:
                        return False
                    narrowed[part.variable] = allowed
                elif isinstance(part, _All):
                    pending.extend(part.parts)
                else:
                    choices.append(part)
            kept: list[_Any] = []
            for choice in choices:
                open_parts = tuple(part for part in choice.parts if _open(part, narrowed))
                if not open_parts:
                    return False
                if len(open_parts) == 1:
                    pending.append(open_parts[0])
                else:
                    kept.append(_Any(open_parts))
            choices = kept
        return all(self.chooses(group, narrowed) for group in _independent(choices))

    def chooses(self, choices: list[_Any], domain: _Domain) -> bool:
        """Whether each of them has an operand such that all these can hold at once."""
        first = min(choices, key=lambda choice: len(choice.parts))
        rest: list[_Formula] = [choice for choice in choices if choice is not first]
        for part in first.parts:
            if not self.trials:
                raise _Undecided
            self.trials -= 1
            if self.holds([part, *rest], domain):
                return True
        return False


def _open(formula: _Formula, domain: _Domain) -> bool:
    """A quick look whether a formula can hold; only False is certain."""
    if isinstance(formula, _In):
        return bool(domain.get(formula.variable, formula.every) & formula.allowed)
    if isinstance(formula, _All):
        return all(_open(part, domain) for part in formula.parts)
    return any(_open(part, domain) for part in formula.parts)


def _independent(choices: list[_Any]) -> Iterator[list[_Any]]:
    """The choices in groups that have no variable in common."""
    groups: list[tuple[set[object], list[_Any]]] = []
    for choice in choices:
        names, members = set(_variables(choice)), [choice]
        apart = []
        for group in groups:
            if group[0] & names:
                names |= group[0]
                members += group[1]
            else:
                apart.append(group)
        groups = [*apart, (names, members)]
    return (members for _, members in groups)


def _variables(formula: _Formula) -> Iterator[object]:
    if isinstance(formula, _In):
        yield formula.variable
    else:
        for part in formula.parts:
            yield from _variables(part)


# ---- from conditions to formulas


class _Atoms:
    """The comparisons of a condition as sets of classes."""

    def __init__(self, node: Node, comparisons: Iterable[Comparison], null_in_order: bool) -> None:
        self.null_in_order = null_in_order
        alone = {variable_form(part.name) for part in _alone(node)}
        by_variable: dict[str, list[Comparison]] = {}
        for comparison in comparisons:
            if isinstance(comparison.left, Variable) and isinstance(comparison.right, Literal):
                by_variable.setdefault(variable_form(comparison.left.name), []).append(comparison)
        self.classes = {
            name: classes
            for name, group in by_variable.items()
            if len(group) > 1 or name in alone
            if (classes := _classes(group, name in alone)) is not None
        }

    def formula(self, node: Node, wanted: bool) -> _Formula:
        match node:
            case Not():
                return self.formula(node.operand, not wanted)
            case And() | Or():
                parts = tuple(self.formula(operand, wanted) for operand in node.operands)
                return _All(parts) if isinstance(node, And) is wanted else _Any(parts)
            case Comparison():
                return self.comparison(node, wanted)
            case Variable():
                return self.variable(node, wanted)
            case Literal():
                return _constant(values.truth(node.value) is wanted)

    def variable(self, node: Variable, wanted: bool) -> _Formula:
        name = variable_form(node.name)
        classes = self.classes.get(name)
        if classes is None:
            return _free(("is", name), wanted)
        return classes.where(name, lambda value: values.truth(value) is wanted, lambda fits: not wanted)

    def comparison(self, node: Comparison, wanted: bool) -> _Formula:
        left, right = node.left, node.right
        if isinstance(left, Literal) and isinstance(right, Literal):
            return _constant(compile_comparison(node)(left.value, right.value) is wanted)
        name = variable_form(left.name) if isinstance(left, Variable) else ""
        classes = self.classes.get(name)
        if classes is None or not isinstance(right, Literal):
            form, negated = comparison_form(node)
            return _free(form, wanted is not negated)
        compare, constant = compile_comparison(node), right.value
        null_counts = self.null_in_order or node.operator not in ORDERINGS
        pattern = _pattern_key(node)

        def holds(value: Value) -> bool:
            return (null_counts or value is not None) and compare(value, constant)

        def holds_for_others(fits: frozenset[str]) -> bool:
            if pattern is not None:
                return (pattern in fits) is not (node.operator is Operator.NOT_MATCHES)
            return node.operator in (Operator.NOT_EQUALS, Operator.NOT_MATCHES)

        return classes.where(
            name, lambda value: holds(value) is wanted, lambda fits: holds_for_others(fits) is wanted
        )


def _alone(node: Node) -> Iterator[Variable]:
    """The variables that are asked for their own truth."""
    match node:
        case Variable():
            yield node
        case Not():
            yield from _alone(node.operand)
        case And() | Or():
            for operand in node.operands:
                yield from _alone(operand)
        case _:
            pass


def _constant(truth: bool) -> _Formula:
    return _All(()) if truth else _Any(())


def _free(key: object, wanted: bool) -> _Formula:
    """Something that can be true or false, whatever else is."""
    return _In(key, 1 if wanted else 2, 3)


class _Classes(Struct, frozen=True):
    """Values one by one, and all others by the patterns that they fit."""

    constants: tuple[Value, ...]
    others: tuple[frozenset[str], ...]

    def where(
        self, name: str, of_value: Callable[[Value], bool], of_others: Callable[[frozenset[str]], bool]
    ) -> _In:
        truths = [*map(of_value, self.constants), *map(of_others, self.others)]
        allowed = sum(1 << index for index, truth in enumerate(truths) if truth)
        return _In(name, allowed, (1 << len(truths)) - 1)


def _classes(comparisons: list[Comparison], alone: bool) -> _Classes | None:
    """The classes of one variable; None if they are not known or too many."""
    first = comparisons[0].left
    text_only = isinstance(first, Variable) and is_documented_text(first.name)
    patterns = {key: comparison for comparison in comparisons if (key := _pattern_key(comparison))}
    ordered = [comparison for comparison in comparisons if comparison.operator in ORDERINGS]
    folded = any(comparison.operator is Operator.EQUALS_CASE_INSENSITIVE for comparison in comparisons)
    if len(patterns) > _PATTERNS or (patterns and (ordered or folded)):
        return None
    found: dict[tuple[type, Value], None] = {(type(None), None): None}

    def add(*candidates: Value) -> None:
        for value in candidates:
            text = text_of(value) if value is not None else None
            found[str, text] = None
            if not text_only:
                found[type(value), value] = None

    if alone:
        add(True, False)
    for comparison in comparisons:
        value = comparison.right.value if isinstance(comparison.right, Literal) else None
        if value is None:
            continue
        add(value)
        if isinstance(value, str) and comparison.operator is Operator.EQUALS_CASE_INSENSITIVE:
            add(value.upper(), value.lower(), value.swapcase(), value.title())
        if comparison.operator in _ON_PATTERN and not _has_wildcard(comparison):
            add("".join(part for part in _glob(comparison) if isinstance(part, str)))
    if ordered:
        add(*_neighbours(comparisons, text_only))
    constants = tuple(value for kind, value in found if not (kind is str and value is None))
    # with orderings every value stands somewhere among the constants and their neighbours
    others = () if ordered else tuple(_fits(patterns))
    return _Classes(constants, others)


def _neighbours(comparisons: Iterable[Comparison], text_only: bool) -> Iterator[Value]:
    """Values below, between and above the constants that a variable is compared with."""
    constants = [
        comparison.right.value for comparison in comparisons if isinstance(comparison.right, Literal)
    ]
    as_numbers = [values.as_number(value) for value in constants]
    numbers = sorted({float(value) for value in as_numbers if isinstance(value, int | float)})
    if numbers and not text_only:
        yield numbers[0] - 1
        yield numbers[-1] + 1
        for low, high in pairwise(numbers):
            yield (low + high) / 2
    if text_only or any(isinstance(value, str) for value in constants):
        yield ""
        for text in sorted({text_of(value) for value in constants if value is not None}):
            yield text + "\0"


def _pattern_key(comparison: Comparison) -> str | None:
    """What stands for a pattern that a value other than the constants may fit; None if there is none that it may."""
    if comparison.operator not in _ON_PATTERN or not _has_wildcard(comparison):
        return None
    operator = comparison.operator
    name = Operator.MATCHES.value if operator is Operator.NOT_MATCHES else operator.value
    return f"{name} {comparison.right.value if isinstance(comparison.right, Literal) else ''}"


def _has_wildcard(comparison: Comparison) -> bool:
    if comparison.operator in (Operator.JAVA_REGEX, Operator.STARTS_WITH):
        return True
    parts = _glob(comparison)
    # a path pattern of one slash also fits the empty path
    return parts == ["/"] or any(not isinstance(part, str) for part in parts)


def _glob(comparison: Comparison) -> list[object]:
    pattern = comparison.right.value if isinstance(comparison.right, Literal) else ""
    path = comparison.operator is Operator.MATCHES_PATH
    return list(split(str(pattern), path=path, braces=path))


def _fits(patterns: Mapping[str, Comparison]) -> Iterator[frozenset[str]]:
    """Which patterns a value can fit at once, as far as their beginnings tell."""
    keys = tuple(patterns)
    for chosen in product((False, True), repeat=len(keys)):
        fits = frozenset(key for key, fit in zip(keys, chosen, strict=True) if fit)
        beginnings = [_beginning(patterns[key]) for key in fits]
        longest = max(beginnings, key=len, default="")
        missed = (patterns[key] for key in keys if key not in fits)
        if all(longest.startswith(beginning) for beginning in beginnings) and not any(
            comparison.operator is Operator.STARTS_WITH and longest.startswith(_beginning(comparison))
            for comparison in missed
        ):
            yield fits


def _beginning(comparison: Comparison) -> str:
    """How a value that fits begins."""
    if comparison.operator is Operator.JAVA_REGEX:
        return ""
    if comparison.operator is Operator.STARTS_WITH:
        return text_of(comparison.right.value) if isinstance(comparison.right, Literal) else ""
    first = next(iter(_glob(comparison)), "")
    return first if isinstance(first, str) and first != "/" else ""

"""From a condition's tree to one Python function.

The tree becomes the source of a single expression, so that a request runs bytecode and nothing walks a tree:
`request.verb = "GET" and request.header.x != null` becomes `g0(ctx) == 'GET' and g1(ctx) is not None`. Where a
value is not the text that the fast form expects, the functions of `values` decide. A variable that is certain to
have been read already is kept in a local.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.expression.condition import values
from apiproxy_runtime.expression.condition.nodes import (
    ORDERINGS,
    And,
    Comparison,
    Literal,
    Node,
    Not,
    Operand,
    Operator,
    Or,
    Variable,
    is_documented_text,
)
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.expression.glob import linear_fullmatch, matches, matches_path
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.text import text_of

Getter = Callable[[MessageContext], Any]
Condition = Callable[[MessageContext], bool]

_COMPARE: dict[Operator, Callable[[object, object], bool]] = {
    Operator.EQUALS: values.equals,
    Operator.NOT_EQUALS: values.not_equals,
    Operator.EQUALS_CASE_INSENSITIVE: values.equals_case_insensitive,
    Operator.GREATER_THAN: values.greater_than,
    Operator.GREATER_THAN_OR_EQUALS: values.greater_than_or_equals,
    Operator.LESSER_THAN: values.lesser_than,
    Operator.LESSER_THAN_OR_EQUALS: values.lesser_than_or_equals,
    Operator.STARTS_WITH: values.starts_with,
}
_SYMBOLS = {
    Operator.EQUALS: "==",
    Operator.NOT_EQUALS: "!=",
    Operator.GREATER_THAN: ">",
    Operator.GREATER_THAN_OR_EQUALS: ">=",
    Operator.LESSER_THAN: "<",
    Operator.LESSER_THAN_OR_EQUALS: "<=",
}
#: With which the text of a number can begin (`NaN` and `Infinity` included), or be (`true`, `false`).
_NUMBER_STARTS = tuple("-0123456789NI")
_BOOLEAN_TEXTS = frozenset({"true", "false"})


def compile_condition(
    text: str, getter: Callable[[str], Getter], *, java_precedence: bool = False
) -> Callable[[MessageContext], bool]:
    """A condition as a function of the context; an empty one is always true.

    `getter` compiles the read of one flow variable. Raises ConditionSyntaxError when the text cannot be read; the
    function itself raises RegexTimeout when a JavaRegex takes too long.
    """
    node = parse(text, java_precedence=java_precedence)
    if node is None:
        return _always
    return _Compiler(getter).function(node)


def _always(ctx: MessageContext) -> bool:
    return True


def compile_comparison(node: Comparison) -> Callable[[object, object], bool]:
    """What a comparison says of two values, for whoever judges a condition without running it."""
    compare = _COMPARE.get(node.operator)
    if compare is None:
        test = values.not_matches if node.operator is Operator.NOT_MATCHES else values.matches
        match = _matcher(node.operator, str(node.right.value) if isinstance(node.right, Literal) else "")
        return lambda left, right: test(match, left)
    right = node.right
    if (
        node.operator in ORDERINGS
        and isinstance(right, Literal)
        and right.kind in ("integer", "long", "float", "double")
        and not (isinstance(node.left, Variable) and is_documented_text(node.left.name))
    ):
        return lambda left, right: compare(values.as_number(left), right)
    return compare


class _Compiler:
    def __init__(self, getter: Callable[[str], Getter]) -> None:
        self.getter = getter
        #: what the generated function closes over: name in the source → object
        self.bound: dict[str, object] = {}
        self.reads: dict[str, str] = {}
        #: variables that have been read, on every way that leads to the place being generated
        self.known: frozenset[str] = frozenset()

    def function(self, node: Node) -> Condition:
        body = self.test(node)
        names = ", ".join(self.bound)
        source = f"def bind({names}):\n    def condition(ctx):\n        return {body}\n    return condition\n"
        scope: dict[str, Any] = {}
        exec(compile(source, "<condition>", "exec"), scope)
        condition: Condition = scope["bind"](*self.bound.values())
        return condition

    def bind(self, prefix: str, value: object) -> str:
        for name, known in self.bound.items():
            if known is value:
                return name
        name = f"{prefix}{len(self.bound)}"
        self.bound[name] = value
        return name

    # ---- reading

    def read(self, variable: Variable) -> tuple[str, str]:
        """Source that reads a variable, and source that repeats its value afterwards."""
        local = self.reads.get(variable.name)
        if local is None:
            local = self.reads[variable.name] = f"v{len(self.reads)}"
            self.bound[f"g_{local}"] = self.getter(variable.name)
        if variable.name in self.known:
            return local, local
        self.known |= {variable.name}
        return f"({local} := g_{local}(ctx))", local

    def operand(self, operand: Operand) -> str:
        if isinstance(operand, Variable):
            return self.read(operand)[0]
        return repr(operand.value)

    # ---- tests: each returns source whose value is a bool and which needs no parentheses inside `and`, `or`, `not`

    def test(self, node: Node) -> str:
        match node:
            case Not():
                return f"(not {self.test(node.operand)})"
            case And():
                return self.chain(" and ", node.operands)
            case Or():
                return self.chain(" or ", node.operands)
            case Comparison():
                return self.comparison(node)
            case Variable():
                return f"{self.bind('f', values.truth)}({self.read(node)[0]})"
            case Literal():
                return repr(values.truth(node.value))

    def chain(self, joint: str, operands: tuple[Node, ...]) -> str:
        parts = [self.test(operands[0])]
        certain = self.known
        parts += [self.test(operand) for operand in operands[1:]]
        self.known = certain
        return f"({joint.join(parts)})"

    def comparison(self, node: Comparison) -> str:
        left, right = node.left, node.right
        if isinstance(left, Literal) and isinstance(right, Literal):
            return self.constant(node, left, right)
        if isinstance(left, Literal) and node.operator in (
            Operator.EQUALS,
            Operator.NOT_EQUALS,
            Operator.EQUALS_CASE_INSENSITIVE,
        ):
            left, right = right, left
        if isinstance(right, Literal) and isinstance(left, Variable):
            return self.against_literal(node.operator, left, right)
        compare = self.bind("f", _COMPARE[node.operator])
        if isinstance(left, Variable) and isinstance(right, Variable) and node.operator in _SYMBOLS:
            return self.two_variables(_SYMBOLS[node.operator], left, right, compare)
        return f"{compare}({self.operand(left)}, {self.operand(right)})"

    def constant(self, node: Comparison, left: Literal, right: Literal) -> str:
        """Two literals: decided now."""
        compare = _COMPARE.get(node.operator)
        if compare is not None:
            return repr(compare(left.value, right.value))
        test = values.not_matches if node.operator is Operator.NOT_MATCHES else values.matches
        return repr(test(_matcher(node.operator, str(right.value)), left.value))

    def two_variables(self, symbol: str, left: Variable, right: Variable, compare: str) -> str:
        first, a = self.read(left)
        second, b = self.read(right)
        both_text = f"{first}.__class__ is {second}.__class__ is str"
        return f"({a} {symbol} {b} if {both_text} else {compare}({a}, {b}))"

    def against_literal(self, operator: Operator, variable: Variable, literal: Literal) -> str:
        value = literal.value
        if operator not in _COMPARE:
            return self.pattern(operator, variable, str(value))
        if value is None:
            return self.against_null(operator, variable)
        compare = self.bind("f", _COMPARE[operator])
        constant, text = repr(value), repr(text_of(value))
        first, again = self.read(variable)
        slow = f"{compare}({again}, {constant})"
        if operator is Operator.EQUALS:
            return self.equals(value, first, again, slow)
        if operator is Operator.NOT_EQUALS:
            return f"({first} != {text} and ({again}.__class__ is str or {slow}))"
        is_text = f"{first}.__class__ is str"
        if operator is Operator.EQUALS_CASE_INSENSITIVE:
            return f"({again}.lower() == {text_of(value).lower()!r} if {is_text} else {slow})"
        if operator is Operator.STARTS_WITH:
            return f"({again}.startswith({text}) if {is_text} else {slow})"
        if operator in ORDERINGS and isinstance(value, int | float) and not isinstance(value, bool):
            if not is_documented_text(variable.name):
                slow = f"{compare}({self.bind('n', values.as_number)}({again}), {constant})"
            return f"({again} {_SYMBOLS[operator]} {constant} if {first}.__class__ is int else {slow})"
        return f"({again} {_SYMBOLS[operator]} {text} if {is_text} else {slow})"

    def equals(self, value: str | int | float | bool, first: str, again: str, slow: str) -> str:
        constant = repr(value)
        if not isinstance(value, str):
            # Python's own equality of numbers and booleans is that of the adaptation table
            return f"({first} in ({constant}, {text_of(value)!r}))"
        if value in _BOOLEAN_TEXTS or value.startswith(_NUMBER_STARTS):
            return f"({first} == {constant} or ({again}.__class__ is not str and {slow}))"
        return f"({first} == {constant})"

    def against_null(self, operator: Operator, variable: Variable) -> str:
        first, _ = self.read(variable)
        if operator in (Operator.EQUALS, Operator.EQUALS_CASE_INSENSITIVE):
            return f"({first} is None)"
        if operator is Operator.NOT_EQUALS:
            return f"({first} is not None)"
        return f"{self.bind('f', _COMPARE[operator])}({first}, None)"

    def pattern(self, operator: Operator, variable: Variable, pattern: str) -> str:
        match = self.bind("m", _matcher(operator, pattern))
        first, again = self.read(variable)
        negated = operator is Operator.NOT_MATCHES
        # a bool, or a match or None: both become a bool
        found = f"{'not' if negated else 'not not'} {match}({again})"
        otherwise = self.bind("f", values.not_matches if negated else values.matches)
        return f"({found} if {first}.__class__ is str else {otherwise}({match}, {again}))"


def _matcher(operator: Operator, pattern: str) -> Callable[[str], object]:
    """A test of a text; what it returns is a bool, or a match or None."""
    if operator is Operator.JAVA_REGEX:
        # loaded only for conditions that have one
        from apiproxy_runtime.expression.boundedregex import compile_bounded

        return compile_bounded(pattern).fullmatch
    path = operator is Operator.MATCHES_PATH
    return linear_fullmatch(pattern, path=path) or (matches_path(pattern) if path else matches(pattern))

"""From a condition's text to its syntax tree.

Two of Apigee's pages disagree on precedence. "Flow configurations" (Conditional flows) says that `||` binds
tighter than `&&`, with an example; "Conditions reference" says that operators follow Java. The first is the
default here, the second is chosen with `java_precedence`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError, Token, tokenize
from apiproxy_runtime.expression.condition.nodes import (
    PATTERN_OPERATORS,
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
from apiproxy_runtime.expression.javaregex import JavaRegexError

_OPERATORS: dict[str, Operator] = {
    "=": Operator.EQUALS,
    "==": Operator.EQUALS,
    "equals": Operator.EQUALS,
    "is": Operator.EQUALS,
    "!=": Operator.NOT_EQUALS,
    "notequals": Operator.NOT_EQUALS,
    "isnot": Operator.NOT_EQUALS,
    ":=": Operator.EQUALS_CASE_INSENSITIVE,
    "equalscaseinsensitive": Operator.EQUALS_CASE_INSENSITIVE,
    ">": Operator.GREATER_THAN,
    "greaterthan": Operator.GREATER_THAN,
    ">=": Operator.GREATER_THAN_OR_EQUALS,
    "greaterthanorequals": Operator.GREATER_THAN_OR_EQUALS,
    "<": Operator.LESSER_THAN,
    "lesserthan": Operator.LESSER_THAN,
    "<=": Operator.LESSER_THAN_OR_EQUALS,
    "lesserthanorequals": Operator.LESSER_THAN_OR_EQUALS,
    "~~": Operator.JAVA_REGEX,
    "javaregex": Operator.JAVA_REGEX,
    "~": Operator.MATCHES,
    "matches": Operator.MATCHES,
    "like": Operator.MATCHES,
    "~/": Operator.MATCHES_PATH,
    "matchespath": Operator.MATCHES_PATH,
    "likepath": Operator.MATCHES_PATH,
    "=|": Operator.STARTS_WITH,
    "startswith": Operator.STARTS_WITH,
    "!~": Operator.NOT_MATCHES,
}
#: Before these, an infix `not` negates the match.
_NEGATABLE = PATTERN_OPERATORS - {Operator.NOT_MATCHES} | {Operator.STARTS_WITH}
_AND, _OR, _NOT = ("&&", "and"), ("||", "or"), ("!", "not")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_RESERVED = frozenset(word for word in (*_OPERATORS, "and", "or", "not") if word.isalpha())
_NUMBER_KINDS = {"l": "long", "f": "float", "d": "double"}
_LESS = {"lessthan": "LesserThan", "lessthanorequals": "LesserThanOrEquals"}
_DEEPEST = 64
_Rule = Callable[[], Node]


def parse(text: str, *, java_precedence: bool = False) -> Node | None:
    """The tree of a condition; None for an empty one, which is unconditional. Raises ConditionSyntaxError."""
    if not text.strip():
        return None
    return _Parser(text, java_precedence).condition()


class _Parser:
    def __init__(self, text: str, java_precedence: bool) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.java_precedence = java_precedence
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.tokens[self.index]
        self.index += 1
        return token

    def error(self, message: str, offset: int) -> ConditionSyntaxError:
        return ConditionSyntaxError(message, offset, self.text)

    def at(self, spellings: tuple[str, ...]) -> bool:
        token = self.token
        return token.kind in ("word", "symbol") and token.text.lower() in spellings

    def condition(self) -> Node:
        node = self.expression()
        token = self.token
        if token.kind != "end":
            raise self.error(self.unexpected(token), token.offset)
        return node

    def expression(self) -> Node:
        return self.or_chain(tight=False) if self.java_precedence else self.and_chain(tight=False)

    def and_chain(self, tight: bool) -> Node:
        return self.chain(_AND, And, self.term if tight else lambda: self.or_chain(tight=True))

    def or_chain(self, tight: bool) -> Node:
        return self.chain(_OR, Or, self.term if tight else lambda: self.and_chain(tight=True))

    def chain(self, spellings: tuple[str, ...], join: type[And] | type[Or], operand: _Rule) -> Node:
        operands = [operand()]
        offset = self.token.offset
        while self.at(spellings):
            self.advance()
            operands.append(operand())
        return operands[0] if len(operands) == 1 else join(tuple(operands), offset)

    def term(self) -> Node:
        """A negation (which takes a whole comparison), a comparison, a group, or an operand alone."""
        if self.at(_NOT):
            offset = self.advance().offset
            self.descend(offset)
            node: Node = Not(self.term(), offset)
            self.depth -= 1
            return node
        if self.token.kind == "symbol" and self.token.text == "(":
            node = self.group()
            if not isinstance(node, Variable | Literal):
                self.refuse_comparison(node)
                return node
            return self.comparison(node)
        return self.comparison(self.left_operand())

    def group(self) -> Node:
        opening = self.advance()
        self.descend(opening.offset)
        node = self.expression()
        self.depth -= 1
        token = self.token
        if token.kind != "symbol" or token.text != ")":
            if token.kind == "end":
                raise self.error("this '(' is never closed", opening.offset)
            raise self.error(self.unexpected(token), token.offset)
        self.advance()
        return replace(node, grouped=True) if isinstance(node, And | Or) else node

    def descend(self, offset: int) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(
                f"more than {_DEEPEST} levels of parentheses and 'not'; split the condition", offset
            )

    def refuse_comparison(self, node: Node) -> None:
        token = self.token
        if token.kind in ("word", "symbol") and token.text.lower() in _OPERATORS:
            raise self.error("a group in parentheses is true or false and cannot be compared", token.offset)

    def comparison(self, left: Operand) -> Node:
        token = self.token
        if token.kind not in ("word", "symbol"):
            return left
        word = token.text.lower()
        if word == "not":
            return self.infix_not(left)
        operator = _OPERATORS.get(word)
        if operator is None:
            return left
        self.advance()
        spelling = token.text
        if word == "is" and self.at(("not",)):
            operator, spelling = Operator.NOT_EQUALS, f"{spelling} {self.advance().text}"
        return self.complete(left, operator, token.offset, spelling)

    def infix_not(self, left: Operand) -> Node:
        """`x not ~~ "p"` negates the match; `x not null` means not equal to null."""
        negation = self.advance()
        token = self.token
        operator = _OPERATORS.get(token.text.lower()) if token.kind in ("word", "symbol") else None
        if operator is None:
            if token.kind == "word" and token.text.lower() in _RESERVED:
                raise self.error(self.unexpected(token), token.offset)
            return self.complete(left, Operator.NOT_EQUALS, negation.offset, negation.text)
        if operator not in _NEGATABLE:
            raise self.error(
                f"'not' cannot stand before '{token.text}'; negate the whole comparison: not (…)",
                negation.offset,
            )
        self.advance()
        return Not(self.complete(left, operator, token.offset, token.text), negation.offset)

    def complete(self, left: Operand, operator: Operator, offset: int, spelling: str) -> Comparison:
        right = self.right_operand(spelling)
        if operator in PATTERN_OPERATORS:
            self.check_pattern(operator, right, spelling)
        return Comparison(operator, left, right, offset, spelling)

    def check_pattern(self, operator: Operator, right: Operand, spelling: str) -> None:
        if not isinstance(right, Literal) or not isinstance(right.value, str):
            raise self.error(
                f"'{spelling}' needs a pattern in double quotes on its right, not a variable, a number or null",
                right.offset,
            )
        if operator is Operator.JAVA_REGEX:
            try:
                # loaded only for conditions that have one
                from apiproxy_runtime.expression.boundedregex import compile_bounded

                compile_bounded(right.value)
            except JavaRegexError as error:
                where = right.offset + 1 + error.offset
                raise self.error(f"invalid regular expression: {error.message}", where) from None

    def left_operand(self) -> Operand:
        return self.operand(left=True, after="")

    def right_operand(self, spelling: str) -> Operand:
        """An operand, with the parentheses that some put around it."""
        opened = []
        while self.token.kind == "symbol" and self.token.text == "(":
            opened.append(self.advance().offset)
        operand = self.operand(left=False, after=spelling)
        while opened:
            token = self.token
            if token.kind != "symbol" or token.text != ")":
                raise self.error(
                    f"'{spelling}' compares with one value; this '(' does not hold one", opened[-1]
                )
            self.advance()
            opened.pop()
        return operand

    def operand(self, left: bool, after: str) -> Operand:
        token = self.token
        if token.kind == "double":
            self.advance()
            return Literal(token.text, "string", token.offset, token.end, '"')
        if token.kind == "single":
            self.advance()
            if left:
                if not token.text:
                    raise self.error("there is no variable name between these quotes", token.offset)
                return Variable(token.text, token.offset, token.end, quoted=True)
            return Literal(token.text, "string", token.offset, token.end, "'")
        if token.kind == "number":
            self.advance()
            return self.number(token)
        if token.kind == "word" and token.text.lower() not in _RESERVED:
            self.advance()
            constant = token.text.lower()
            if constant in _CONSTANTS:
                kind = "null" if constant == "null" else "boolean"
                return Literal(_CONSTANTS[constant], kind, token.offset, token.end)
            return Variable(token.text, token.offset, token.end)
        if after:
            found = "the condition ends" if token.kind == "end" else f"'{token.text}' stands"
            raise self.error(
                f"'{after}' needs a value or a variable on its right, but {found} there", token.offset
            )
        raise self.error(self.unexpected(token), token.offset)

    def number(self, token: Token) -> Literal:
        kind = _NUMBER_KINDS.get(token.text[-1].lower(), "")
        digits = token.text[:-1] if kind else token.text
        if kind == "long" and "." in digits:
            raise self.error("a number with the suffix L has no fraction", token.offset)
        fractional = kind in ("float", "double") or "." in digits
        if len(digits) > 300 or (not fractional and not -(2**63) <= int(digits) < 2**63):
            raise self.error(
                "this number is too large; in double quotes it is compared as text", token.offset
            )
        if fractional:
            return Literal(float(digits), kind or "double", token.offset, token.end)
        return Literal(int(digits), kind or "integer", token.offset, token.end)

    def unexpected(self, token: Token) -> str:
        if token.kind == "end":
            return "the condition ends where a variable or a value is expected"
        shown = token.text
        if token.kind == "symbol" and shown == ")":
            return "unexpected ')': it closes nothing, or nothing stands before it"
        if token.kind == "number" and shown.startswith("-"):
            return "conditions cannot calculate: + - * / % do not exist; compute the value in a policy before"
        word = shown.lower()
        if token.kind == "word" and word in _LESS:
            return f"unknown operator '{shown}'; it is spelt {_LESS[word]}"
        if token.kind in ("word", "symbol") and word in (*_OPERATORS, *_AND, *_OR, *_NOT):
            return f"the operator '{shown}' needs a variable or a value before it"
        if token.kind == "word":
            return f"'{shown}' is not an operator; between two operands stands one like =, !=, ~, ~~, MatchesPath, and, or"
        return f"an operator is missing before {shown!r}"

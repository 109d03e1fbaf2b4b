"""The words of a condition."""

from __future__ import annotations

import re

from msgspec import Struct


class ConditionSyntaxError(ValueError):
    """A condition that cannot be read.

    message  what is wrong and how to mend it
    offset   where, as an index into the condition's text; `line` and `column` count from 1
    """

    def __init__(self, message: str, offset: int, text: str = "") -> None:
        before = text[:offset]
        self.message = message
        self.offset = offset
        self.line = before.count("\n") + 1
        self.column = offset - (before.rfind("\n") + 1) + 1
        super().__init__(f"{message} (line {self.line}, column {self.column} of the condition)")


class Token(Struct, frozen=True):
    """kind: `word`, `number`, `double` and `single` (quoted), `symbol`, `end`; text: as written, without quotes."""

    kind: str
    text: str
    offset: int
    end: int


#: Symbols, longest first. The `&…;` spellings are what is left of a condition that was XML-escaped twice.
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<double>"[^"]*")
    | (?P<single>'[^']*')
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?[fFdDlL]?(?![\w.]))
    | (?P<word>[^\W\d][\w.\-]*)
    | (?P<symbol>&gt;=?|&lt;=?|(?:&amp;){2}|!~(?![~/])|~~|~/|/~|=\||==|!=|:=|>=|<=|&&|\|\||!(?!~)|[=<>~()])
    """,
    re.VERBOSE,
)

#: `/~` stands for `~/`: the flow configuration reference prints it, and published bundles use it.
_ESCAPED = {"/~": "~/", "&gt;": ">", "&gt;=": ">=", "&lt;": "<", "&lt;=": "<=", "&amp;&amp;": "&&"}

#: What people write instead, and how to mend it; the first that fits is reported.
_HINTS: tuple[tuple[str, str], ...] = (
    ('"', "this text has no closing double quote; a double quote cannot stand inside a text"),
    ("'", "this name has no closing single quote"),
    ("!~~", "'!~~' is not an operator; write 'not (variable ~~ \"pattern\")'"),
    ("!~/", "'!~/' is not an operator; write 'not (variable ~/ \"pattern\")'"),
    ("{", "curly braces are not allowed in conditions; write the variable's name alone, and group with ( )"),
    ("}", "curly braces are not allowed in conditions; write the variable's name alone, and group with ( )"),
    (
        "&quot;",
        "this condition was XML-escaped twice; write '&quot;' only once escaped, or plain double quotes",
    ),
    ("“", 'typographic quotes are not quotes; write "…"'),
    ("”", 'typographic quotes are not quotes; write "…"'),
    ("‘", 'typographic quotes are not quotes; write "…"'),
    ("’", 'typographic quotes are not quotes; write "…"'),
    ("&", "a single '&' is not an operator; write '&&' or 'and'"),
    ("|", "a single '|' is not an operator; write '||' or 'or'"),
    (
        ":",
        "':' is not an operator; ':=' compares ignoring case; put a name that contains ':' in single quotes",
    ),
    ("+", "conditions cannot calculate: + - * / % do not exist; compute the value in a policy before"),
    ("-", "conditions cannot calculate: + - * / % do not exist; compute the value in a policy before"),
    ("*", "conditions cannot calculate: + - * / % do not exist; a pattern with * belongs in double quotes"),
    ("/", "conditions cannot calculate: + - * / % do not exist; a path belongs in double quotes"),
    ("%", "conditions cannot calculate: + - * / % do not exist; compute the value in a policy before"),
)


def tokenize(text: str) -> list[Token]:
    """The tokens of a condition, the last one of kind `end`. Raises ConditionSyntaxError."""
    tokens: list[Token] = []
    position, length = 0, len(text)
    while position < length:
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionSyntaxError(_explain(text, position), position, text)
        kind, raw = match.lastgroup or "", match.group()
        if kind in ("double", "single"):
            tokens.append(Token(kind, raw[1:-1], position, match.end()))
        elif kind == "symbol":
            tokens.append(Token(kind, _ESCAPED.get(raw, raw), position, match.end()))
        elif kind != "space":
            tokens.append(Token(kind, raw, position, match.end()))
        position = match.end()
    tokens.append(Token("end", "", length, length))
    return tokens


def _explain(text: str, position: int) -> str:
    for start, hint in _HINTS:
        if text.startswith(start, position):
            return hint
    character = text[position]
    if character.isdigit():
        return "a number is digits, with an optional fraction and one of the suffixes f, d, L; a name begins with a letter"
    return (
        f"unexpected {character!r}; put a name that contains it in single quotes, and text in double quotes"
    )

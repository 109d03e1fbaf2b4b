"""JavaScript's tokens, as far as rewriting Rhino's dialect and looking for words need them."""

from __future__ import annotations

import re
from typing import Literal, cast

from msgspec import Struct

Kind = Literal["blank", "comment", "word", "number", "string", "template", "regex", "mark", "xml"]


class Token(Struct, frozen=True):
    kind: Kind
    text: str


_PLAIN = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<comment>//[^\n\r\u2028\u2029]*|/\*.*?(?:\*/|\Z)|<!--[^\n\r]*)
    | (?P<string>"(?:[^"\\\n\r]|\\(?:\r\n|.))*(?:"|(?=[\n\r])|\Z)|'(?:[^'\\\n\r]|\\(?:\r\n|.))*(?:'|(?=[\n\r])|\Z))
    | (?P<number>0[xXbBoO][0-9a-fA-F_]+n?|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?n?)
    | (?P<word>(?:[\w$#]|\\u[0-9a-fA-F]{4}|\\u\{[0-9a-fA-F]+\})+)
    | (?P<mark>=>|\.\.\.|\.\.|::|\?\.(?!\d)|>>>=|<<=|>>=|>>>|\*\*=|===|!==|&&=|\|\|=|\?\?=|==|!=|<=|>=|&&|\|\||\?\?
        |\+\+|--|\+=|-=|\*=|%=|&=|\|=|\^=|<<|>>|\*\*|[{}()\[\];,<>+\-*%&|^!~?:=.@])
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\[\n\r]|\\[^\n\r]|\[(?:[^\]\\\n\r]|\\[^\n\r])*\])+/[\w$]*")
#: Words after which a slash begins a regular expression, not a division.
_BEFORE_OPERAND = frozenset(
    [
        "return",
        "typeof",
        "instanceof",
        "in",
        "of",
        "new",
        "delete",
        "void",
        "throw",
        "case",
        "do",
        "else",
        "yield",
        "await",
        "default",
        "extends",
        "each",
    ]
)


def tokenize(text: str, *, xml: bool = False) -> list[Token]:
    """The tokens of a script; put together they are the script again. Broken code gives tokens all the same.

    With `xml` an XML literal is one token.
    """
    tokens: list[Token] = []
    position, length = 0, len(text)
    last: Token | None = None
    while position < length:
        if text[position] == "`":
            end = _template_end(text, position)
            token = Token("template", text[position:end])
        elif text[position] == "/" and text[position + 1 : position + 2] not in ("/", "*"):
            match = _REGEX.match(text, position) if _operand_follows(last, tokens) else None
            token = Token("regex", match[0]) if match is not None else Token("mark", "/")
        elif (
            xml
            and text[position] == "<"
            and _operand_follows(last, tokens)
            and (literal_end := _xml_end(text, position)) is not None
        ):
            token = Token("xml", text[position:literal_end])
        else:
            match = _PLAIN.match(text, position)
            if match is None or match.lastgroup is None or not match[0]:
                token = Token("mark", text[position])
            else:
                token = Token(cast("Kind", match.lastgroup), match[0])
        tokens.append(token)
        position += len(token.text)
        if token.kind not in ("blank", "comment"):
            last = token
    return tokens


def _operand_follows(last: Token | None, tokens: list[Token]) -> bool:
    """Whether an operand, and so a regular expression, may stand after the token."""
    if last is None:
        return True
    if last.kind == "word":
        return last.text in _BEFORE_OPERAND
    if last.kind != "mark":
        return False
    if last.text == ")":
        return _closes_condition(tokens)
    return last.text not in ("]", "}", "++", "--")


def _closes_condition(tokens: list[Token]) -> bool:
    """Whether the last `)` ends the head of `if`, `while`, `for` or `with`."""
    depth = 0
    index = len(tokens) - 1
    while index >= 0:
        text = tokens[index].text
        if text == ")":
            depth += 1
        elif text == "(":
            depth -= 1
            if depth == 0:
                break
        index -= 1
    before = index - 1
    while before >= 0 and tokens[before].kind in ("blank", "comment"):
        before -= 1
    return before >= 0 and tokens[before].text in ("if", "while", "for", "with")


def _template_end(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
        elif character == "`":
            return position + 1
        elif text.startswith("${", position):
            position = substitution_end(text, position + 2)
        else:
            position += 1
    return len(text)


def substitution_end(text: str, position: int) -> int:
    """Behind the brace that closes the one before `position`."""
    depth = 0
    while position < len(text):
        character = text[position]
        if character == "`":
            position = _template_end(text, position)
            continue
        if character in "\"'":
            match = _PLAIN.match(text, position)
            position += len(match[0]) if match is not None and match[0] else 1
            continue
        position += 1
        if character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                return position
            depth -= 1
    return position


_XML_OPENING = re.compile(r"<(?:>|[A-Za-z_{]|!--|!\[CDATA\[|\?)")
_XML_SECTIONS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))


def _xml_end(text: str, start: int) -> int | None:
    """Behind the XML literal that begins here; None when none does."""
    if _XML_OPENING.match(text, start) is None:
        return None
    depth, position = 0, start
    while position < len(text):
        section = next((pair for pair in _XML_SECTIONS if text.startswith(pair[0], position)), None)
        if section is not None:
            end = text.find(section[1], position)
            if end < 0:
                return None
            position = end + len(section[1])
        elif text[position] == "{":
            position = substitution_end(text, position + 1)
            continue
        elif text[position] == "<":
            closing = text.startswith("</", position)
            tag_end = _tag_end(text, position)
            if tag_end is None:
                return None
            if closing:
                depth -= 1
            elif text[tag_end - 2] != "/":
                depth += 1
            position = tag_end
        else:
            position += 1
            continue
        if depth == 0:
            return position
    return None


def _tag_end(text: str, position: int) -> int | None:
    position += 1
    while position < len(text):
        character = text[position]
        if character == ">":
            return position + 1
        if character == "<":
            return None
        if character in "\"'":
            closing = text.find(character, position + 1)
            if closing < 0:
                return None
            position = closing + 1
        elif character == "{":
            position = substitution_end(text, position + 1)
        else:
            position += 1
    return None


def bare(tokens: list[Token]) -> str:
    """The code without what strings and comments say; lines stay where they are."""
    return "".join(
        token.text if token.kind not in ("comment", "string", "template", "regex") else _blanked(token)
        for token in tokens
    )


def _blanked(token: Token) -> str:
    lines = "\n" * token.text.count("\n")
    if token.kind == "comment":
        return " " + lines
    if token.kind == "template":
        # substitutions are code
        return "'" + " ".join(re.findall(r"\$\{([^}]*)\}", token.text)) + "'" + lines
    return "''" + lines

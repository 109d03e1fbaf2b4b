"""Rhino's dialect in today's JavaScript: `for each`, `catch (e if …)` and E4X become what the engine understands.

Only a script that the engine refuses is rewritten. Lines stay where they are, so that errors name the right ones.
"""

from __future__ import annotations

from apiproxy_runtime.scripting.javascript.e4xsyntax import rewrite_e4x
from apiproxy_runtime.scripting.javascript.tokens import Token, tokenize

_IGNORED = ("blank", "comment")


def rewrite(text: str) -> str:
    """The script in plain JavaScript; the same text when it uses nothing of the dialect."""
    tokens = tokenize(rewrite_e4x(text))
    texts = [token.text for token in tokens]
    _for_each(tokens, texts)
    _conditional_catch(tokens, texts)
    return "".join(texts)


def relax(text: str) -> str:
    """The script without strict mode, character for character as long.

    Rhino accepts the directive, but functions still get the global object as `this`, and names that nobody declared
    can be assigned to (measured with Rhino 1.7.14); libraries rely on both.
    """
    if "use strict" not in text:
        return text
    tokens = tokenize(text)
    texts = [token.text for token in tokens]
    before = ""
    for index, token in enumerate(tokens):
        if token.kind in _IGNORED:
            continue
        if token.text[1:-1] == "use strict" and token.kind == "string" and before in ("", "{", "}", ";"):
            texts[index] = token.text.replace("use strict", "use Strict")
        before = token.text
    return "".join(texts)


def _next(tokens: list[Token], index: int) -> int:
    """The next token that is neither blank nor comment; the number of tokens at the end."""
    index += 1
    while index < len(tokens) and tokens[index].kind in _IGNORED:
        index += 1
    return index


def _closing(tokens: list[Token], index: int) -> int:
    """The bracket that closes the one at `index`; -1 when there is none."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    opening, closing = tokens[index].text, pairs[tokens[index].text]
    depth = 0
    for position in range(index, len(tokens)):
        token = tokens[position]
        if token.kind != "mark":
            continue
        if token.text == opening:
            depth += 1
        elif token.text == closing:
            depth -= 1
            if depth == 0:
                return position
    return -1


def _text(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _for_each(tokens: list[Token], texts: list[str]) -> None:
    """`for each (var x in o)` → `for (var x of $e4x.each(o))`."""
    for index, token in enumerate(tokens):
        if token.text != "for" or token.kind != "word":
            continue
        each = _next(tokens, index)
        opening = _next(tokens, each)
        if _text(tokens, each) != "each" or _text(tokens, opening) != "(":
            continue
        end = _closing(tokens, opening)
        inside = _in_word(tokens, opening, end)
        if end < 0 or inside < 0:
            continue
        texts[each] = ""
        texts[inside] = "of $e4x.each("
        texts[end] = "))"


def _in_word(tokens: list[Token], opening: int, end: int) -> int:
    depth = 0
    for position in range(opening + 1, end):
        token = tokens[position]
        if token.kind == "mark" and token.text in "([{":
            depth += 1
        elif token.kind == "mark" and token.text in ")]}":
            depth -= 1
        elif token.kind == "word" and token.text == "in" and depth == 0:
            return position
    return -1


def _conditional_catch(tokens: list[Token], texts: list[str]) -> None:
    """`catch (e if A) {…} catch (f) {…}` → `catch (e) { if (A) {…} else { let f = e; … } }`."""
    index = 0
    while index < len(tokens):
        clause = _clause(tokens, index)
        if clause is None or clause.condition < 0:
            index += 1
            continue
        index = _rewrite_chain(tokens, texts, clause)


class _Clause:
    """One catch clause: the tokens at which its parts stand; `condition` is that of the `if`, -1 without one."""

    def __init__(self, start: int, opening: int, condition: int, closing: int, body: int, end: int) -> None:
        self.start = start
        self.opening = opening
        self.condition = condition
        self.closing = closing
        self.body = body
        self.end = end


def _clause(tokens: list[Token], index: int) -> _Clause | None:
    if index >= len(tokens) or tokens[index].kind != "word" or tokens[index].text != "catch":
        return None
    opening = _next(tokens, index)
    if _text(tokens, opening) != "(":
        return None
    closing = _closing(tokens, opening)
    body = _next(tokens, closing)
    if closing < 0 or _text(tokens, body) != "{":
        return None
    end = _closing(tokens, body)
    if end < 0:
        return None
    condition = _next(tokens, _next(tokens, opening))
    found = condition if condition < closing and _text(tokens, condition) == "if" else -1
    return _Clause(index, opening, found, closing, body, end)


def _rewrite_chain(tokens: list[Token], texts: list[str], first: _Clause) -> int:
    """Rewrite a chain of clauses; the token after it."""
    caught = _text(tokens, _next(tokens, first.opening))
    texts[first.condition] = ") { if ("
    clause, depth = first, 1
    while True:
        following = _clause(tokens, _next(tokens, clause.end))
        if clause.condition < 0:
            # a clause without condition is the last
            texts[clause.end] = "}" * (depth + 1)
            return clause.end + 1
        if following is None:
            texts[clause.end] = "} else throw " + caught + ";" + " }" * depth
            return clause.end + 1
        name = _text(tokens, _next(tokens, following.opening))
        for position in range(following.start, following.body):
            if position != following.condition and not (
                following.condition >= 0 and following.condition < position < following.closing
            ):
                texts[position] = "\n" * texts[position].count("\n")
        rename = f"let {name} = {caught}; " if name != caught else ""
        if following.condition >= 0:
            texts[following.start] = f"else {{ {rename}"
            texts[following.condition] = "if ("
            texts[following.closing] = ")"
            depth += 1
        else:
            texts[following.start] = "else "
            texts[following.body] = "{ " + rename
            texts[following.end] = "}"
        clause = following
        if clause.condition < 0:
            texts[clause.end] = "}" + " }" * depth
            return clause.end + 1

"""E4X operators and literals as calls that the prelude's `$e4x` answers. Lines stay where they are.

rss.ns::item.@id          rss[$e4x.q(ns, "item")]["@id"]
rss..item.(@id == 1)      rss[$e4x.deep("item")].$where(function ($n) { with ($n) return ($n["@id"] == 1); })
<a b={c}>{d}</a>          $e4x.xml("<a b=" + $e4x.attribute(c) + ">" + $e4x.content(d) + "</a>")
"""

from __future__ import annotations

import json
import re

from apiproxy_runtime.scripting.javascript.tokens import Token, substitution_end, tokenize

_IGNORED = ("blank", "comment")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}


def rewrite_e4x(text: str) -> str:
    """The script without E4X syntax; the same text when it has none."""
    return _Rewriter(tokenize(text, xml=True)).all()


class _Rewriter:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def all(self) -> str:
        return self.until(len(self.tokens), False)

    def until(self, end: int, filtering: bool) -> str:
        """The code up to a token; `filtering` within `.( … )`, where `@name` belongs to the node at hand."""
        out = []
        while self.at < end:
            token = self.tokens[self.at]
            if token.kind == "xml":
                out.append(_literal(token.text))
                self.at += 1
            elif (
                token.kind == "word"
                and token.text == "default"
                and self._spells("default", "xml", "namespace")
            ):
                out.append(self._default_namespace(end, filtering))
            elif token.kind == "mark" and token.text in (".", ".."):
                out.append(self._member(filtering))
            elif token.kind == "mark" and token.text == "@" and filtering:
                out.append("$n" + self._attribute(filtering))
            else:
                out.append(token.text)
                self.at += 1
        return "".join(out)

    # ---- looking ahead

    def _peek(self, offset: int = 0) -> Token:
        position = self.at + offset
        return self.tokens[position] if position < len(self.tokens) else Token("blank", "")

    def _spells(self, *words: str) -> bool:
        position = self.at
        for word in words:
            while position < len(self.tokens) and self.tokens[position].kind in _IGNORED:
                position += 1
            if position >= len(self.tokens) or self.tokens[position].text != word:
                return False
            position += 1
        return True

    def _closing(self) -> int:
        opening = self.tokens[self.at].text
        depth = 0
        for position in range(self.at, len(self.tokens)):
            text = self.tokens[position].text
            if self.tokens[position].kind == "mark":
                depth += (text == opening) - (text == _BRACKETS[opening])
                if depth == 0:
                    return position
        return len(self.tokens) - 1

    def _bracketed(self, filtering: bool) -> str:
        """What stands between the brackets at hand; goes behind them."""
        end = self._closing()
        self.at += 1
        inside = self.until(end, filtering)
        self.at = end + 1
        return inside

    # ---- parts

    def _default_namespace(self, end: int, filtering: bool) -> str:
        while self._peek().text != "=" and self.at < end:
            self.at += 1
        self.at += 1
        stop = self.at
        while stop < end and self.tokens[stop].text not in (";", "\n") and "\n" not in self.tokens[stop].text:
            stop += 1
        return f"$e4x.space({self.until(stop, filtering).strip()})"

    def _member(self, filtering: bool) -> str:
        """A `.` or `..` and what follows it."""
        dots = self.tokens[self.at].text
        following = self._peek(1)
        if dots == "." and following.text == "(":
            self.at += 1
            return f".$where(function ($n) {{ with ($n) return ({self._bracketed(True)}); }})"
        if following.text == "@":
            self.at += 1
            key = self._attribute(filtering)
            return key if dots == "." else f"[$e4x.deep({key[1:-1]})]"
        named = following.kind == "word" or following.text == "*"
        if named and (dots == ".." or following.text == "*" or self._peek(2).text == "::"):
            self.at += 1
            key = self._name(filtering)
            return f"[{key}]" if dots == "." else f"[$e4x.deep({key})]"
        self.at += 1
        return dots

    def _attribute(self, filtering: bool) -> str:
        """`@name`, `@*`, `@ns::name` or `@[…]` as a key in brackets."""
        self.at += 1
        if self._peek().text == "[":
            return f"[$e4x.at({self._bracketed(filtering)})]"
        if self._peek(1).text == "::":
            return f"[$e4x.at({self._name(filtering)})]"
        key = json.dumps("@" + self._peek().text)
        self.at += 1
        return f"[{key}]"

    def _name(self, filtering: bool) -> str:
        """`name`, `*` or `ns::name` as an expression."""
        first = self._peek().text
        self.at += 1
        if self._peek().text != "::":
            return json.dumps(first)
        self.at += 1
        space = '"*"' if first == "*" else first
        if self._peek().text == "[":
            return f"$e4x.q({space}, {self._bracketed(filtering)})"
        key = json.dumps(self._peek().text)
        self.at += 1
        return f"$e4x.q({space}, {key})"


_PIECE = re.compile(r"\{|[^{]+", re.DOTALL)


def _literal(text: str) -> str:
    """An XML literal: its text in pieces, with the values that stand in braces between them."""
    is_list = text.startswith("<>")
    if is_list:
        text = text[2:-3]
    out, position, in_tag = [], 0, False
    while position < len(text):
        if text.startswith(("<!--", "<![CDATA[", "<?"), position) and not in_tag:
            closing = {"<!-": "-->", "<![": "]]>", "<?": "?>"}[
                text[position : position + 3] if text[position + 1] == "!" else "<?"
            ]
            end = text.find(closing, position)
            end = len(text) if end < 0 else end + len(closing)
            out.append(_quoted(text[position:end]))
            position = end
        elif text[position] == "{":
            end = substitution_end(text, position + 1)
            inside = rewrite_e4x(text[position + 1 : end - 1])
            wrap = (
                "$e4x.attribute" if in_tag and out and out[-1].rstrip('"').endswith("=") else "$e4x.content"
            )
            out.append(f"{wrap}({inside})")
            position = end
        elif in_tag and text[position] in "\"'":
            end = text.find(text[position], position + 1)
            end = len(text) if end < 0 else end + 1
            out.append(_quoted(text[position:end]))
            position = end
        else:
            start = position
            while position < len(text) and text[position] != "{" and not (in_tag and text[position] in "\"'"):
                if text[position] == "<":
                    if position > start and text.startswith(("<!--", "<![CDATA[", "<?"), position):
                        break
                    in_tag = True
                elif text[position] == ">":
                    in_tag = False
                position += 1
            out.append(_quoted(text[start:position]))
    joined = " + ".join(out) if out else '""'
    return f"$e4x.{'list' if is_list else 'xml'}({joined})"


def _quoted(text: str) -> str:
    """A string literal; its line ends are also put behind it, so that lines keep their numbers."""
    return json.dumps(text) + "\n" * text.count("\n")

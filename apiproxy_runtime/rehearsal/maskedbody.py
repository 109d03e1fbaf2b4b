"""Secrets in bodies: found by the structure of JSON, XML, forms and multipart, and replaced where they stand.

Nothing is written anew: every byte that is no secret stays as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus, unquote, unquote_plus

Replace = Callable[[str], str]
#: Whether the member or element at a path (`$.a.b`, indices left out) carries a secret; the last name is given too.
IsSecret = Callable[[str, str], bool]
Told = Callable[[str], None]

#: A text that is never closed goes on to the end: what was cut off may be a secret, too.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_LONGEST_PATH = 500
_INTEGER = re.compile(r"-?[1-9]\d*\Z")
#: JSON written out as a text of JSON, as logs and events carry it.
_NESTED = re.compile(r'"\s*[{\[].*\\"', re.DOTALL)
_JSON_TEXT = re.compile(r"\s*[\[{]")
_ELEMENT = re.compile(
    r"<((?:[\w.-]+:)?([\w.-]+))((?:\s[^<>]*+)?+)>(\s*+(?:<!\[CDATA\[)?+)([^<>\]]++)((?:\]\]>\s*+)?+)(?=</\1\s*+>)"
)
_ATTRIBUTE = re.compile(r"""(?<=[\s"'])((?:[\w.-]+:)?([\w.-]+))(\s*=\s*)("[^"<]*"|'[^'<]*')""")


def mask_json(text: str, is_secret: IsSecret, replace: Replace, told: Told) -> str:
    """Replace the scalars under secret members; texts that are no JSON come back with what was recognised replaced."""
    parts, end = [], 0
    for path, secret, start, stop in _json_scalars(text, is_secret):
        literal = text[start:stop]
        if not secret and not _NESTED.match(literal):
            continue
        if literal[0] == '"':
            try:
                value = json.loads(literal)
            except ValueError:
                # cut off, or no JSON: taken as it stands
                if secret and len(literal) > 1:
                    parts += [text[end : start + 1], replace(literal[1:].removesuffix('"'))]
                    end = stop - literal.endswith('"')
                    told(f"json {path}")
                continue
            made = replace(value) if secret else mask_json(value, is_secret, replace, told)
            new = literal if made == value else json.dumps(made, ensure_ascii=literal.isascii())
        elif _INTEGER.match(literal):
            new = replace(literal)
        else:
            continue
        if new != literal:
            parts += [text[end:start], new]
            end = stop
            told(f"json {path}")
    return "".join(parts) + text[end:]


def _json_scalars(text: str, is_secret: IsSecret) -> Iterator[tuple[str, bool, int, int]]:
    """(path, secret, start, stop) of each scalar that is no member's name."""
    # for each open object or array: its path, whether it lies under a secret member, whether it is an object
    stack: list[tuple[str, bool, bool]] = []
    path, secret, name_next = "$", False, False
    for match in _JSON_TOKEN.finditer(text):
        token = match.group()
        if token == "{" or token == "[":
            stack.append((path, secret, token == "{"))
            name_next = token == "{"
        elif token in ("}", "]"):
            if stack:
                stack.pop()
            name_next = False
        elif token == ",":
            name_next = bool(stack) and stack[-1][2]
            path, secret = (stack[-1][0], stack[-1][1]) if stack else ("$", False)
        elif token == ":":
            name_next = False
        elif name_next:
            try:
                name = json.loads(token) if token[0] == '"' else token
            except ValueError:
                name = token
            outer, below, _ = stack[-1]
            # nobody asks for a path that long; without a bound, deep nesting would cost the square of its depth
            path = f"{outer}.{name}" if len(outer) < _LONGEST_PATH else outer
            secret = below or is_secret(path, name)
        else:
            yield path, secret, match.start(), match.end()


def mask_xml(text: str, is_secret: IsSecret, replace: Replace, told: Told) -> str:
    """Replace the text of elements without children and the attributes whose local names are secret."""

    def element(match: re.Match[str]) -> str:
        name, local, attributes, before, value, after = match.groups()
        if not is_secret(f"//{local}", local):
            return match.group()
        told(f"xml {local}")
        text = value.rstrip()
        return f"<{name}{attributes}>{before}{replace(text)}{value[len(text) :]}{after}"

    def attribute(match: re.Match[str]) -> str:
        name, local, equals, value = match.groups()
        if name.startswith("xmlns") or not is_secret(f"//@{local}", local) or len(value) < 3:
            return match.group()
        told(f"xml @{local}")
        return f"{name}{equals}{value[0]}{replace(value[1:-1])}{value[0]}"

    return _ATTRIBUTE.sub(attribute, _ELEMENT.sub(element, text))


def mask_form(text: str, is_secret: Callable[[str], bool], replace: Replace, told: Told) -> str:
    """Replace values of `a=1&b=2`; blanks stay `+` or `%20` as they were."""
    parts = re.split("([&;])", text) if ";" in text and "&" not in text else re.split("(&)", text)
    for place, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if not equals or not value or not is_secret(unquote_plus(name)):
            continue
        plus = "+" in value
        plain = unquote_plus(value) if plus else unquote(value)
        made = replace(plain)
        if made == plain:
            continue
        encode = quote_plus if plus else quote
        # an unencoded value stays unencoded, if it can
        kept = "".join(sorted(set(value) - set("%+&;#"))) if "%" not in value else "~"
        parts[place] = f"{name}={encode(made, safe=kept)}"
        told(name)
    return "".join(parts)


def mask_multipart(
    body: str, boundary: str, is_secret: Callable[[str], bool], replace: Replace, told: Told
) -> str:
    """Replace the content of parts with a secret name. `body` is latin-1, so that it can be had back."""
    parts = body.split(f"--{boundary}")
    for place, part in enumerate(parts):
        head, gap, content = part.partition("\r\n\r\n")
        name = re.search(r'name="?([^";\r\n]+)', head)
        if gap and name is not None and "filename=" not in head and is_secret(name[1]):
            value = content.removesuffix("\r\n")
            parts[place] = f"{head}{gap}{replace(value)}{content[len(value) :]}"
            told(f"form {name[1]}")
    return f"--{boundary}".join(parts)


def looks_like_json(text: str) -> bool:
    return _JSON_TEXT.match(text) is not None

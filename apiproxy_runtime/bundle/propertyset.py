"""Property sets: `resources/properties/NAME.properties` in the format of Java's Properties.

Source: docs.oracle.com, java.util.Properties.load; docs.cloud.google.com/apigee, "Using property sets".
"""

from __future__ import annotations

import re

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_BLANK = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_UNICODE = re.compile(r"[0-9A-Fa-f]{4}")


def parse_properties(data: bytes) -> dict[str, str]:
    """Names and values, the last of a repeated name. UTF-8, or ISO-8859-1 where it is not valid UTF-8.

    A name ends at the first unescaped `=`, `:` or blank; a backslash at the end of a line continues it; lines that
    begin with # or ! are comments. Nothing is an error: a broken \\uXXXX stands for itself.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    values: dict[str, str] = {}
    for line in _logical_lines(text):
        name, value = _split(line)
        values[name] = value
    return values


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    pending = ""
    continued = False
    for natural in _LINE_BREAK.split(text):
        line = natural.lstrip(_BLANK)
        if not continued and (not line or line[0] in "#!"):
            continue
        backslashes = len(line) - len(line.rstrip("\\"))
        continued = backslashes % 2 == 1
        pending += line[:-1] if continued else line
        if not continued:
            lines.append(pending)
            pending = ""
    if pending:
        lines.append(pending)
    return lines


def _split(line: str) -> tuple[str, str]:
    end = 0
    while end < len(line) and line[end] not in f"=:{_BLANK}":
        end += 2 if line[end] == "\\" else 1
    end = min(end, len(line))
    rest = line[end:].lstrip(_BLANK)
    if rest[:1] in ("=", ":"):
        rest = rest[1:].lstrip(_BLANK)
    return _unescape(line[:end]), _unescape(rest)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    parts: list[str] = []
    at = 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter != "\\" or at == len(text):
            parts.append(letter)
            continue
        letter = text[at]
        at += 1
        code = _UNICODE.match(text, at) if letter == "u" else None
        if code:
            parts.append(chr(int(code.group(), 16)))
            at += 4
        else:
            parts.append(_ESCAPES.get(letter, letter))
    return _joined(parts)


def _joined(parts: list[str]) -> str:
    """Two escapes may be one character outside the basic plane; a lone half becomes U+FFFD."""
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

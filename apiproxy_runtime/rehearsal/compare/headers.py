"""Header fields: names without case, values as multisets, and the fields whose text means more than its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.message import Message as MimeMessage

from apiproxy_runtime.message.headers import SINGLE_VALUED, split_outside_quotes
from apiproxy_runtime.rehearsal.difference import Mismatch
from apiproxy_runtime.rehearsal.exchange import HeaderPairs

#: Fields that only frame a message; bodies are compared themselves.
FRAMING = frozenset(
    (
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
#: Fields that list names, where order and case mean nothing (RFC 9110).
_NAME_LISTS = frozenset(
    (
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-expose-headers",
        "allow",
        "cache-control",
        "vary",
    )
)


def compare_headers(before: HeaderPairs, after: HeaderPairs) -> Iterator[Mismatch]:
    """Differences of two lists of fields; paths are `header.NAME` with the name in lower case."""
    if before == after:
        return
    old, new = _grouped(before), _grouped(after)
    for name, values in old.items():
        if name in FRAMING:
            continue
        others = new.get(name)
        path = f"header.{name}"
        if others is None:
            yield Mismatch(path, "header-missing", ", ".join(values), "")
        elif values != others:
            kind = _kind(name, values, others)
            if kind:
                yield Mismatch(path, kind, ", ".join(values), ", ".join(others))
    for name, values in new.items():
        if name not in old and name not in FRAMING:
            yield Mismatch(f"header.{name}", "header-extra", "", ", ".join(values))


def _grouped(pairs: HeaderPairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


def _kind(name: str, before: list[str], after: list[str]) -> str:
    """How two values of one field differ; empty when they mean the same."""
    meaning = _MEANINGS.get(name)
    if meaning is not None:
        return "" if meaning(before) == meaning(after) else "header-value"
    old, new = _values(name, before), _values(name, after)
    if old == new:
        return ""
    if name in _NAME_LISTS:
        return "" if _names(old) == _names(new) else "header-value"
    return "header-order" if sorted(old) == sorted(new) else "header-value"


def _values(name: str, lines: list[str]) -> list[str]:
    if name in SINGLE_VALUED or name in ("set-cookie", "cookie"):
        return [line.strip() for line in lines]
    return [part.strip() for line in lines for part in split_outside_quotes(line)]


def _names(values: list[str]) -> list[str]:
    return sorted(value.lower() for value in values)


def _media_type(lines: list[str]) -> object:
    parsed = MimeMessage()
    parsed["content-type"] = lines[0]
    parameters = parsed.get_params(failobj=[])[1:]
    return (
        parsed.get_content_type(),
        sorted((name.lower(), value.lower()) for name, value in parameters),
        lines[1:],
    )


def _cookies(lines: list[str]) -> object:
    """Each cookie with its attributes in any order."""
    return sorted(
        (first.strip(), sorted(part.strip().lower() for part in rest))
        for line in lines
        for first, *rest in [line.split(";")]
    )


_MEANINGS: dict[str, Callable[[list[str]], object]] = {
    "content-type": _media_type,
    "set-cookie": _cookies,
    "cookie": lambda lines: sorted(part.strip() for line in lines for part in line.split(";")),
}

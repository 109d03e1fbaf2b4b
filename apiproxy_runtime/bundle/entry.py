"""One entry of an environment or test data file: typed access to its fields, tolerant of spelling.

`"true"` is as good as `true` and `"443"` as 443, since exports and hand-written files differ. What does not fit is
an error at the field's own line, and the default is used.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import JsonNode

_INTEGER = re.compile(r"-?\d{1,18}")
_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


def kind_of(node: JsonNode) -> str:
    """What a value is, in words."""
    return "null" if node.value is None else _KINDS.get(type(node.value), "a number")


class Entry:
    """A JSON object together with what to call it, such as `the target server "orders"`."""

    __slots__ = ("_is_object", "_members", "column", "file", "findings", "line", "noun")

    def __init__(self, node: JsonNode, noun: str, findings: Findings) -> None:
        self._members = node.value if isinstance(node.value, dict) else {}
        self._is_object = isinstance(node.value, dict)
        if not self._is_object:
            findings.error(node, "InvalidValue", f"{noun} must be an object, not {kind_of(node)}")
        self.file = node.file
        self.line = node.line
        self.column = node.column
        self.noun = noun
        self.findings = findings

    def member(self, *keys: str) -> JsonNode | None:
        """The first of the fields that is there and not null."""
        for key in keys:
            node = self._members.get(key)
            if node is not None and node.value is not None:
                return node
        return None

    def items(self) -> Iterator[tuple[str, JsonNode]]:
        yield from self._members.items()

    def name(self, *keys: str) -> str:
        """A field without which the entry means nothing; missing or empty is an error."""
        text = self.text(*keys).strip()
        if not self._is_object:
            return ""
        if not text:
            self.findings.error(self, "MissingName", f"{self.noun} has no {keys[0]!r}", "Add it.")
        else:
            self.noun = f"{self.noun} {text!r}"
        return text

    def text(self, *keys: str, default: str = "") -> str:
        node = self.member(*keys)
        if node is None:
            return default
        text = scalar_text(node)
        if text is None:
            self._wrong(keys[0], "a text", node)
            return default
        return text

    def boolean(self, *keys: str, default: bool) -> bool:
        node = self.member(*keys)
        if node is None:
            return default
        text = (scalar_text(node) or "").strip().lower()
        if text in ("true", "false"):
            return text == "true"
        self._wrong(keys[0], "true or false", node)
        return default

    def integer(
        self, *keys: str, default: int, minimum: int | None = None, maximum: int | None = None
    ) -> int:
        node = self.member(*keys)
        if node is None:
            return default
        text = (scalar_text(node) or "").strip()
        value = int(text) if _INTEGER.fullmatch(text) and not isinstance(node.value, bool) else None
        low = value is not None and minimum is not None and value < minimum
        high = value is not None and maximum is not None and value > maximum
        if value is None or low or high:
            bounds = f" from {minimum} to {maximum}" if maximum is not None else ""
            self._wrong(keys[0], f"a whole number{bounds}", node)
            return default
        return value

    def texts(self, *keys: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one, with blanks or commas between several."""
        node = self.member(*keys)
        if node is None:
            return ()
        if isinstance(node.value, str):
            return tuple(part for part in re.split(r"[,\s]+", node.value) if part)
        texts = []
        for item in self._elements(keys[0], node):
            text = scalar_text(item)
            if text is None:
                self._wrong(keys[0], "a list of texts", item)
            else:
                texts.append(text)
        return tuple(texts)

    def nodes(self, *keys: str) -> list[JsonNode]:
        """A list of anything; empty if missing."""
        node = self.member(*keys)
        return [] if node is None else self._elements(keys[0], node)

    def entries(self, noun: str, *keys: str) -> list[Entry]:
        """A list of objects."""
        return [Entry(node, noun, self.findings) for node in self.nodes(*keys)]

    def entry(self, noun: str, *keys: str) -> Entry | None:
        """An object; None if it is missing or empty."""
        node = self.member(*keys)
        return Entry(node, noun, self.findings) if node is not None and node.value != {} else None

    def attributes(self) -> dict[str, str]:
        """`attributes` as the API writes them (a list of name and value), or as an object."""
        node = self.member("attributes")
        if node is not None and isinstance(node.value, dict):
            wrapped = node.value.get("attribute")
            if wrapped is not None and isinstance(wrapped.value, list):
                node = wrapped
        return name_values(node, f"an attribute of {self.noun}", self.findings)

    def check_fields(self, known: Collection[str]) -> None:
        """Warn about a field that looks like a known one misspelt; others are exports' extras and fine."""
        for key, node in self._members.items():
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
                if close and close[0] not in self._members:
                    message = f"{self.noun} has a field {key!r}, which is ignored"
                    self.findings.warning(node, "UnknownField", message, f"Did you mean {close[0]!r}?")

    def _elements(self, key: str, node: JsonNode) -> list[JsonNode]:
        if isinstance(node.value, list):
            return node.value
        self._wrong(key, "a list", node)
        return []

    def _wrong(self, key: str, wanted: str, node: JsonNode) -> None:
        text = scalar_text(node)
        found = f'"{text}"' if text is not None else kind_of(node)
        self.findings.error(node, "InvalidValue", f"{key!r} of {self.noun} must be {wanted}, not {found}")


def scalar_text(node: JsonNode) -> str | None:
    """Text of a text, number or boolean; None for anything else."""
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, (str, int)):
        return str(node.value)
    if isinstance(node.value, float):
        return (
            str(int(node.value)) if node.value.is_integer() and abs(node.value) < 1e15 else repr(node.value)
        )
    return None


def name_values(node: JsonNode | None, noun: str, findings: Findings) -> dict[str, str]:
    """A dictionary from an object, or from a list of `{"name", "value"}`."""
    values: dict[str, str] = {}
    if node is None:
        return values
    if isinstance(node.value, dict):
        pairs = list(node.value.items())
    elif isinstance(node.value, list):
        pairs = []
        for item in node.value:
            entry = Entry(item, noun, findings)
            name = entry.name("name", "key") if isinstance(item.value, dict) else ""
            value = entry.member("value")
            if name:
                pairs.append(
                    (name, value if value is not None else JsonNode("", item.file, item.line, item.column))
                )
    else:
        findings.error(node, "InvalidValue", f"{noun} must be in an object or a list, not {kind_of(node)}")
        return values
    for name, value in pairs:
        text = "" if value.value is None else scalar_text(value)
        if text is None:
            message = f"the value of {name!r}, {noun}, must be a text, not {kind_of(value)}"
            findings.error(value, "InvalidValue", message, "Write it as one text in quotes.")
        else:
            values[name] = text
    return values


def entries_of(node: JsonNode, noun: str, findings: Findings) -> list[Entry]:
    """The entries of a file: a list, or an object whose only list holds them, as list answers of the API have it."""
    if isinstance(node.value, dict):
        lists = [member for member in node.value.values() if isinstance(member.value, list)]
        if len(node.value) == 1 and lists:
            node = lists[0]
    if isinstance(node.value, list):
        return [Entry(item, noun, findings) for item in node.value]
    findings.error(node, "InvalidValue", f"the file must hold a list, not {kind_of(node)}")
    return []

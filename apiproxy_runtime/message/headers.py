"""Header fields of one message: case-insensitive, several values a name, spelling kept.

A field is stored under its lower-case name as a list: the spelling first, then the values as they stood on
the wire, one a line. Nothing is split at commas here; that is what the flow variables do on reading
(`request.header.NAME` is the text before the first comma).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Fields whose value is never split at commas, because commas are part of it (dates, browser names, credentials).
#: Apigee's own list of single-valued headers, which also may not be repeated.
#: Source: docs.apigee.com how-to "Configuring message processors to allow duplicate headers"; members inferred.
SINGLE_VALUED = frozenset(
    (
        "authorization",
        "content-length",
        "content-location",
        "content-type",
        "date",
        "expires",
        "host",
        "if-modified-since",
        "if-unmodified-since",
        "last-modified",
        "location",
        "referer",
        "retry-after",
        "user-agent",
    )
)


class _LowerNames(dict[str, str]):
    """Remembers the lower-case form of header names; bounded, since clients choose the names."""

    def __missing__(self, name: str) -> str:
        lower = name.lower()
        if len(self) < 4096:
            self[name] = lower
        return lower


lower_name = _LowerNames().__getitem__


class Headers:
    """The header fields of a message.

    `fields` maps the lower-case name to `[spelling, value, value, …]`. The gateway reads and fills it directly.
    """

    __slots__ = ("fields",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.fields: dict[str, list[str]] = {}
        for name, value in pairs:
            self.add(name, value)

    def get(self, name: str) -> str | None:
        """The whole text of a field, repeated lines joined by `, `; None when absent."""
        field = self.fields.get(lower_name(name))
        if field is None:
            return None
        return field[1] if len(field) == 2 else ", ".join(field[1:])

    def values(self, name: str) -> list[str]:
        """The values of a field: lines split at commas, blanks trimmed (single-valued fields are not split)."""
        field = self.fields.get(lower_name(name))
        if field is None:
            return []
        if lower_name(name) in SINGLE_VALUED:
            return field[1:]
        return [part.strip() for line in field[1:] for part in split_outside_quotes(line)]

    def set(self, name: str, value: str) -> None:
        """Replace all values of a field by one."""
        self.fields[lower_name(name)] = [name, value]

    def add(self, name: str, value: str) -> None:
        """Add a value as one more line of the field."""
        key = lower_name(name)
        field = self.fields.get(key)
        if field is None:
            self.fields[key] = [name, value]
        else:
            field.append(value)

    def set_values(self, name: str, values: list[str]) -> None:
        """Replace the values of a field, one line each; an empty list removes it."""
        if values:
            self.fields[lower_name(name)] = [name, *values]
        else:
            self.remove(name)

    def set_value_at(self, name: str, index: int, value: str) -> None:
        """Set the index-th value (from 1); positions not there yet are appended, as `header.NAME.N` does."""
        values = self.values(name)
        if index <= len(values):
            values[index - 1] = value
        else:
            values.append(value)
        self.set(name, ", ".join(values))

    def remove(self, name: str) -> None:
        self.fields.pop(lower_name(name), None)

    def clear(self) -> None:
        self.fields.clear()

    def names(self) -> list[str]:
        """The names as spelled, in order of first appearance."""
        return [field[0] for field in self.fields.values()]

    def copy(self) -> Headers:
        new = Headers()
        new.fields = {key: field.copy() for key, field in self.fields.items()}
        return new

    def __contains__(self, name: str) -> bool:
        return lower_name(name) in self.fields

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(name, value) for each line."""
        for field in self.fields.values():
            for value in field[1:]:
                yield field[0], value

    def __len__(self) -> int:
        return len(self.fields)

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"


def split_outside_quotes(text: str) -> list[str]:
    """Split at commas that stand outside double quotes (RFC 9110 §5.6.1 list syntax)."""
    if '"' not in text:
        return text.split(",")
    parts, start, quoted = [], 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts

"""How values and frames cross between the host and the Java sidecar; the other end is `Channel.java` and `Wire.java`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Protocol

from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of

_INT, _LONG, _DOUBLE = Struct(">i"), Struct(">q"), Struct(">d")
_HEAD = Struct(">BI")
_NULL = b"\xff\xff\xff\xff"


class JavaObject:
    """An object that a callout put into a flow variable. It stays in the sidecar; here it is what it prints as.

    home    the sidecar that has it
    number  its number there
    """

    __slots__ = ("__weakref__", "home", "number", "text")

    def __init__(self, home: object, number: int, text: str) -> None:
        self.home = home
        self.number = number
        self.text = text

    def __str__(self) -> str:
        return self.text


class Home(Protocol):
    """What knows the objects of a sidecar and the messages of a run."""

    def object(self, number: int, text: str) -> JavaObject: ...

    def message(self, name: str) -> Message | None: ...


def head(letter: str, number: int) -> bytes:
    """The beginning of a frame."""
    return _HEAD.pack(ord(letter), number)


def integer(value: int) -> bytes:
    return _INT.pack(value)


def text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode("utf-8", "replace")
    return _INT.pack(len(data)) + data


def texts(values: Mapping[str, str]) -> bytes:
    pairs = [text(name) + text(value) for name, value in values.items()]
    return _INT.pack(len(pairs)) + b"".join(pairs)


def value(item: Any, name: str, home: object) -> bytes:
    """A flow variable's value. `name` is the variable's, by which Java knows a message; `home` has the objects."""
    kind = item.__class__
    if kind is str:
        return b"S" + text(item)
    if item is None:
        return b"N"
    if kind is bool:
        return b"T" if item else b"F"
    if kind is int:
        if -0x80000000 <= item <= 0x7FFFFFFF:
            return b"I" + _INT.pack(item)
        return b"J" + _LONG.pack(item) if -(2**63) <= item < 2**63 else b"S" + text(str(item))
    if kind is float:
        return b"D" + _DOUBLE.pack(item)
    if kind is bytes:
        return b"".join((b"B", _INT.pack(len(item)), item))
    if kind is Message:
        return b"M" + text(name)
    if kind is list or kind is tuple:
        return b"L" + _INT.pack(len(item)) + b"".join([value(part, name, home) for part in item])
    if kind is JavaObject and item.home is home:
        return b"O" + _INT.pack(item.number)
    return b"S" + text(text_of(item))


class Reader:
    """Reads a frame from the sidecar. What it cannot read raises IndexError, ValueError or struct.error."""

    __slots__ = ("data", "place")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def letter(self) -> str:
        self.place += 1
        return chr(self.data[self.place - 1])

    def integer(self) -> int:
        (number,) = _INT.unpack_from(self.data, self.place)
        self.place += 4
        return int(number)

    def bytes(self) -> bytes:
        length = self.integer()
        start = self.place
        self.place = start + length
        if length < 0 or self.place > len(self.data):
            raise ValueError("a text is longer than its frame")
        return self.data[start : self.place]

    def text(self) -> str | None:
        if self.data[self.place : self.place + 4] == _NULL:
            self.place += 4
            return None
        return self.bytes().decode("utf-8", "replace")

    def name(self) -> str:
        return self.text() or ""

    def texts(self) -> dict[str, str]:
        return {self.name(): self.name() for _ in range(self.integer())}

    def value(self, home: Home) -> Any:
        return _READERS[self.letter()](self, home)

    def _unpack(self, packed: Struct) -> Any:
        (number,) = packed.unpack_from(self.data, self.place)
        self.place += packed.size
        return number


_READERS: dict[str, Callable[[Reader, Home], Any]] = {
    "N": lambda reader, home: None,
    "T": lambda reader, home: True,
    "F": lambda reader, home: False,
    "S": lambda reader, home: reader.text(),
    "B": lambda reader, home: reader.bytes(),
    "I": lambda reader, home: reader.integer(),
    "J": lambda reader, home: reader._unpack(_LONG),
    "D": lambda reader, home: reader._unpack(_DOUBLE),
    "L": lambda reader, home: [reader.value(home) for _ in range(reader.integer())],
    "M": lambda reader, home: home.message(reader.name()),
    "O": lambda reader, home: home.object(reader.integer(), reader.name()),
}

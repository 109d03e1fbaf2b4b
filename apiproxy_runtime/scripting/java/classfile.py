"""What can be told of a callout's class from its jar, without a JVM. Source: JVM specification, chapter 4."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping

from msgspec import Struct

PUBLIC, INTERFACE, ABSTRACT = 0x0001, 0x0200, 0x0400
EXECUTION = "com/apigee/flow/execution/spi/Execution"
OBJECT = "java/lang/Object"
#: Longest class file that is looked at.
_LONGEST = 16 * 1024 * 1024
#: Bytes behind the tag of each kind of constant; text (1) has its own length.
_SIZES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}


class NotAClass(Exception):
    """Bytes that are no class file, or a jar that is none; the text says which."""


class ClassFile(Struct, frozen=True):
    """A class; names have slashes.

    version       of the class file: 52 is Java 8, 55 Java 11
    constructors  descriptors of the public ones: `()V`, `(Ljava/util/Map;)V`
    """

    name: str
    version: int
    flags: int
    parent: str | None
    interfaces: tuple[str, ...]
    constructors: tuple[str, ...]

    @property
    def java_version(self) -> int:
        """The Java that the class needs."""
        return self.version - 44


def read_class(data: bytes) -> ClassFile:
    """Read a class file. Raises NotAClass."""
    try:
        return _Parser(data).parse()
    except (struct.error, IndexError, KeyError, TypeError) as error:
        raise NotAClass(f"the class file is damaged ({error})") from None


class _Parser:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0
        self.pool: dict[int, str | int] = {}

    def short(self) -> int:
        (number,) = struct.unpack_from(">H", self.data, self.place)
        self.place += 2
        return int(number)

    def class_name(self) -> str | None:
        index = self.short()
        if not index:
            return None
        return self.text(int(self.pool[index]))

    def text(self, index: int) -> str:
        found = self.pool[index]
        if not isinstance(found, str):
            raise KeyError(index)
        return found

    def parse(self) -> ClassFile:
        if self.data[:4] != b"\xca\xfe\xba\xbe":
            raise NotAClass("it is no class file")
        self.place = 6
        version = self.short()
        self._constants()
        flags, name, parent = self.short(), self.class_name(), self.class_name()
        interfaces = tuple(filter(None, [self.class_name() for _ in range(self.short())]))
        for _ in self._members():
            continue
        constructors = tuple(
            descriptor
            for access, member, descriptor in self._members()
            if member == "<init>" and access & PUBLIC
        )
        return ClassFile(name or "", version, flags, parent, interfaces, constructors)

    def _constants(self) -> None:
        count, index = self.short(), 1
        while index < count:
            tag = self.data[self.place]
            self.place += 1
            if tag == 1:
                length = self.short()
                self.pool[index] = self.data[self.place : self.place + length].decode("utf-8", "replace")
                self.place += length
            else:
                if tag == 7:
                    (self.pool[index],) = struct.unpack_from(">H", self.data, self.place)
                self.place += _SIZES[tag]
            index += 2 if tag in (5, 6) else 1

    def _members(self) -> Iterator[tuple[int, str, str]]:
        """The fields, or then the methods: (flags, name, descriptor)."""
        for _ in range(self.short()):
            flags, name, descriptor = self.short(), self.text(self.short()), self.text(self.short())
            for _ in range(self.short()):
                self.place += 2
                (length,) = struct.unpack_from(">I", self.data, self.place)
                self.place += 4 + length
            yield flags, name, descriptor


class Jars:
    """The classes of a bundle's jars, looked up as their class loader does: in order, the first counts."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        """`contents` is by the name of the jar. Raises NotAClass for one that is no zip."""
        self._jars: dict[str, tuple[zipfile.ZipFile, frozenset[str]]] = {}
        for name, data in contents.items():
            try:
                jar = zipfile.ZipFile(io.BytesIO(data))
            except (zipfile.BadZipFile, ValueError, OSError) as error:
                raise NotAClass(f"{name} is no jar ({error})") from None
            self._jars[name] = (jar, frozenset(jar.namelist()))

    def jar_of(self, name: str) -> str | None:
        """The jar that has a class."""
        return next((jar for jar, (_, names) in self._jars.items() if f"{name}.class" in names), None)

    def find(self, name: str) -> ClassFile | None:
        """A class; None when no jar has it. Raises NotAClass."""
        jar_name = self.jar_of(name)
        if jar_name is None:
            return None
        jar = self._jars[jar_name][0]
        try:
            if jar.getinfo(f"{name}.class").file_size > _LONGEST:
                raise NotAClass(f"{name} is too long for a class")
            return read_class(jar.read(f"{name}.class"))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
            raise NotAClass(f"{jar_name} is damaged ({error})") from None

    def ancestry(self, start: ClassFile) -> tuple[list[ClassFile], list[str]]:
        """The classes and interfaces a class is made of, itself included, and the names of those that no jar has."""
        found, elsewhere, seen, waiting = [], [], {start.name}, [start]
        while waiting:
            current = waiting.pop()
            found.append(current)
            for name in (current.parent, *current.interfaces):
                if name is None or name in seen:
                    continue
                seen.add(name)
                known = self.find(name)
                if known is None:
                    elsewhere.append(name)
                else:
                    waiting.append(known)
        return found, elsewhere


def of_platform(name: str) -> bool:
    """Whether a class is the JVM's own or of Apigee's API, so that no jar of the bundle need have it."""
    return name.startswith(("java/", "javax/", "jdk/", "sun/", "org/w3c/dom/", "org/xml/sax/", "com/apigee/"))

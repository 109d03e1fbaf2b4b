"""A callout policy ready to run: its class, its jars, and what it has asked for before."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.variables import Getter
from apiproxy_runtime.scripting.java import wire
from apiproxy_runtime.scripting.java.classfile import Jars
from apiproxy_runtime.scripting.java.host import JavaHost

#: How many variables a callout is sent beforehand because it has asked for them before.
_MOST_LEARNED = 64

_numbers = count(1)


class BundleJars:
    """The jars of one deployed bundle. Its callouts share them, and one class loader."""

    def __init__(self, host: JavaHost, bundle: Bundle, contents: Mapping[str, bytes]) -> None:
        """`contents` is by the names of the jars, in the order in which classes are looked for."""
        self.number = next(_numbers)
        self.names = tuple(contents)
        # keeps the bundle's identity, by which its other policies find these jars
        self._bundle = bundle
        self._host = host
        self._contents = dict(contents)
        self._paths: dict[str, Path] = {}
        self._classes: Jars | None = None
        weakref.finalize(self, host.forget, "J", self.number).atexit = False

    def classes(self) -> Jars:
        """What is in the jars. Raises NotAClass for a jar that is none."""
        if self._classes is None:
            read = {name: path.read_bytes() for name, path in self._paths.items()}
            self._classes = Jars(read or self._contents)
        return self._classes

    def paths(self) -> list[Path]:
        """The jars as files, written when a callout first runs. Raises OSError."""
        if self._contents:
            self._paths = {name: self._host.keep(content) for name, content in self._contents.items()}
            self._contents, self._classes = {}, None
        return list(self._paths.values())


def jars_of(host: JavaHost, bundle: Bundle, read: Callable[[], Mapping[str, bytes]]) -> BundleJars:
    """The jars of a bundle, read when its first callout asks."""
    found = host.bundles.get(id(bundle))
    if not isinstance(found, BundleJars):
        found = BundleJars(host, bundle, read())
        host.bundles[id(bundle)] = found
    return found


class JavaProgram:
    """A class with the properties its one instance gets.

    definition  what follows the jars' number in the frame that defines it
    """

    def __init__(
        self, host: JavaHost, jars: BundleJars, class_name: str, properties: Mapping[str, str], limit_ms: int
    ) -> None:
        self.number = next(_numbers)
        self.jars = jars
        self.definition = wire.text(class_name) + wire.texts(properties)
        self.seconds = limit_ms / 1000
        self._host = host
        self._learned: list[tuple[str, bytes, Getter]] = []
        weakref.finalize(self, host.forget, "P", self.number).atexit = False

    async def run(self, ctx: MessageContext) -> None:
        """Run the callout. Raises what `JavaHost.run` raises."""
        await self._host.run(self, ctx)

    def known(self, ctx: MessageContext, home: object) -> bytes:
        """The variables that earlier runs asked for, as they are now and as they are sent."""
        learned = self._learned
        return wire.integer(len(learned)) + b"".join(
            [encoded + wire.value(get(ctx), name, home) for name, encoded, get in learned]
        )

    def learn(self, name: str) -> None:
        """Remember that the callout asks for a variable."""
        if len(self._learned) < _MOST_LEARNED and all(name != known for known, _, _ in self._learned):
            self._learned.append((name, wire.text(name), variables.getter(name)))

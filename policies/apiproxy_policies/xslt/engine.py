"""What the two engines have in common: a job is one transformation of one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from apiproxy_runtime.policy.api import Message


class TransformFailed(ValueError):
    """The transformation failed; the message is the reason that the fault tells."""


class Job(Protocol):
    """One transformation: `run` blocks and may be called on any thread, `stop` ends it from another one."""

    def run(self) -> bytes:
        """The result, in the encoding that the stylesheet declares. Raises TransformFailed."""
        ...

    def stop(self) -> None: ...


class Engine(Struct, frozen=True):
    """A compiled stylesheet.

    job       makes a job from a source document and parameters
    encoding  of the result
    inline    up to how many bytes of source a job may run on the event loop's own thread
    """

    job: Callable[[Message, Mapping[str, str]], Job]
    encoding: str
    inline: int

"""What both sides agree on about bodies."""

from __future__ import annotations

#: Up to this size in bytes, head and body leave as one piece; beyond it, copying costs more than a second piece.
JOINED = 32 * 1024

#: From this many missing bytes on, the rest of a body of known length goes past the parser.
BYPASS = 8 * 1024

#: Unread bytes of a streamed answer before the target is made to wait.
HIGH_WATER = 256 * 1024

_FRAMING = 64 * 1024


def mostly_framing(framing: int, content: int) -> bool:
    """Whether a chunked body has more bytes of framing than any honest sender needs.

    The parser puts no bound on chunk extensions and trailer fields.
    """
    return framing > _FRAMING + 8 * content


class Trailers(dict[str, list[str]]):
    """Takes trailer fields and keeps none: they must not pass for header fields (RFC 9110 §6.5.1)."""

    def __setitem__(self, name: str, value: list[str]) -> None:
        pass


TRAILERS = Trailers()

"""What a server accepts, and how long it waits."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Sizes in bytes, times in seconds.

    The defaults of the sizes are those of the Apigee documentation page "Limits": 10 KB for the request URL,
    60 KB for the headers.
    """

    #: The request target together with its method and version.
    request_line: int = 10 * 1024
    #: All header lines together, names, values and separators.
    header_bytes: int = 60 * 1024
    #: Number of header lines.
    header_count: int = 256
    #: From the first byte of a request to the end of its head.
    head_seconds: float = 30.0
    #: Between two requests on one connection.
    idle_seconds: float = 65.0
    #: Between two pieces of a request body, and for a stalled write.
    io_seconds: float = 55.0
    #: How long a client that has closed its sending side still gets an answer; after that it counts as gone.
    half_close_seconds: float = 0.5
    #: How long a refused upload is still read, so that the client sees the answer and not a reset.
    linger_seconds: float = 2.0
    #: Requests parsed ahead on one connection while the first one runs.
    pipelined: int = 16
    #: Bytes of a body held unread before the sender is made to wait.
    high_water: int = 256 * 1024

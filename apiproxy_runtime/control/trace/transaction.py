"""What is known of one transaction once it was recorded: frozen, masked, and independent of the gateway's own objects."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

#: Characters of a body, and of one variable's value, that are kept.
CONTENT_LIMIT = 64 * 1024
VALUE_LIMIT = 4 * 1024

#: What stands in place of a secret, as in Apigee's debug sessions.
MASKED = "*****"

Outcome = Literal["ran", "skipped", "disabled", "faulted"]


class Snapshot(Struct, frozen=True):
    """A message at one point of its way.

    uri       path and query of a request
    content   at most `CONTENT_LIMIT` characters; a body that is no text as base64
    size      bytes of the body
    form      `text`, `base64`, or `stream` for a body that passed unread
    """

    is_request: bool
    verb: str
    uri: str
    status: int
    reason: str
    version: str
    headers: tuple[tuple[str, str], ...]
    content: str
    size: int
    form: Literal["text", "base64", "stream"]
    truncated: bool


class Access(NamedTuple):
    """A flow variable that was read, written or removed; `before` None where it was not set.

    done  False for a write that was refused: the variable is read-only, or its scope has not begun
    """

    action: Literal["get", "set", "remove"]
    name: str
    value: str | None
    before: str | None = None
    done: bool = True


class Raised(Struct, frozen=True):
    """A fault. Where it is a point of a transaction, the error flow begins there."""

    at: float
    name: str
    code: str
    text: str
    status: int
    policy: str
    phase: str
    depth: int = 0


class FlowEntered(Struct, frozen=True):
    """A flow begins. Times of all points are seconds since the transaction began."""

    at: float
    phase: str
    name: str
    proxy: str
    depth: int


class ChoiceMade(Struct, frozen=True):
    """The condition of a flow, route rule or fault rule was asked; `kind` is the element's name."""

    at: float
    took: float
    phase: str
    kind: str
    name: str
    condition: str
    holds: bool
    accesses: tuple[Access, ...]
    depth: int


class StepTaken(Struct, frozen=True):
    """A step, whether it ran or not.

    kind       element of the policy
    condition  as it is written; empty when there is none
    depth      above 0 in shared flows and chained proxies
    before     the message of the moment as the step found it; `after` as the step left it
    """

    at: float
    took: float
    phase: str
    policy: str
    kind: str
    file: str
    line: int
    condition: str
    outcome: Outcome
    continue_on_error: bool
    fault: Raised | None
    accesses: tuple[Access, ...]
    printed: tuple[str, ...]
    before: Snapshot | None
    after: Snapshot | None
    depth: int


class RouteTaken(Struct, frozen=True):
    """The route rule that was chosen; `target` is empty for the null route."""

    at: float
    name: str
    target: str
    depth: int


class CallMade(Struct, frozen=True):
    """An outgoing call; `response` None when no answer came (yet)."""

    at: float
    took: float
    phase: str
    purpose: str
    url: str
    request: Snapshot
    response: Snapshot | None
    depth: int


Point = FlowEntered | ChoiceMade | StepTaken | RouteTaken | Raised | CallMade


class Transaction(Struct, frozen=True):
    """One request and all that was done for it.

    started    seconds since the epoch; `took` seconds until the answer was sent, or so far
    status     0 while there is no answer
    completed  False while it runs
    request    as it came; `response` as it was sent
    fault      the pending error at the end, None without one
    size       bytes that are kept for it, roughly
    """

    id: str
    organization: str
    environment: str
    proxy: str
    revision: str
    endpoint: str
    base_path: str
    path_suffix: str
    client: str
    method: str
    uri: str
    started: float
    took: float
    status: int
    reason: str
    completed: bool
    request: Snapshot
    response: Snapshot | None
    route: str
    target: str
    fault: Raised | None
    points: tuple[Point, ...]
    masked: tuple[str, ...]
    size: int

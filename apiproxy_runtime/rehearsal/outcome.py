"""What one side made of one case: the three faces that are compared, and the trace that explains differences."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct, field

from apiproxy_runtime.rehearsal.exchange import Response, UpstreamCall


class Effect(NamedTuple):
    """A side effect.

    kind  `log`, `cache`, `kvm`, `quota`, `spike`, `oauth`, … (the first part of the store's space), `fault`, `analytics`
    name  what was touched: the log server, the cache's key, the counter, the fault's code
    what  what was done to it: the line, the value, `+1 of 100`, the fault's text
    step  the step that did it, with its file and line; empty outside of steps
    """

    kind: str
    name: str
    what: str
    step: str = ""


class Touch(NamedTuple):
    """A step that changed something: `request.header.x-id`, `response.body`, `error.status`, `target`, `fault`."""

    what: str
    step: str
    place: str
    before_call: int


class Trace(Struct):
    """How a side came to its outcome.

    steps       names of the policies or plugins that ran, in order
    touches     what each of them changed
    route       the route rule, or Kong's service, that led to a target, with its place; empty when none did
    """

    steps: list[str] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    route: str = ""


class Outcome(Struct):
    """`response` is None when there was no answer (a live side that could not be reached): then `failure` says why.

    calls_known  whether `calls` are all that were made, and not just those that somebody saw
    """

    response: Response | None
    calls: tuple[UpstreamCall, ...] = ()
    effects: tuple[Effect, ...] = ()
    trace: Trace | None = None
    failure: str = ""
    misses: tuple[str, ...] = ()
    calls_known: bool = False

"""A side that runs in this process: requests are handed to its gateway, its upstreams are stubs, its world is ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from apiproxy_runtime.gateway.egress import Outgoing
from apiproxy_runtime.gateway.http import refusal as refusals
from apiproxy_runtime.gateway.http.errors import BadBody, BodyTooBig, WireError
from apiproxy_runtime.gateway.http.exchange import Exchange as WireExchange
from apiproxy_runtime.gateway.http.refusal import Refusal, Render
from apiproxy_runtime.rehearsal.arrival import Arrival, wire_of
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.observer import SideWatch, named
from apiproxy_runtime.rehearsal.outcome import Effect, Outcome
from apiproxy_runtime.rehearsal.side import Kind
from apiproxy_runtime.rehearsal.stubs import Policy, Stubs
from apiproxy_runtime.rehearsal.virtual import TellingStore, VirtualWorld
from apiproxy_runtime.state.records import Records

logger = logging.getLogger("apiproxy")

#: Real seconds for one case, background work included.
CASE_SECONDS = 60.0


class Gateway(Protocol):
    """What handles exchanges: of bundles, or of a kong.yml."""

    background: set[asyncio.Task[Any]]

    async def handle(self, exchange: WireExchange) -> None: ...


class TellingRecords(Records):
    """Notes what policies report to the platform."""

    def __init__(self, step: Callable[[], str]) -> None:
        super().__init__()
        self._step = step
        self.effects: list[Effect] = []

    def add(self, stream: str, record: dict[str, object]) -> None:
        told = ", ".join(
            f"{name}={value}" for name, value in record.items() if not name.endswith("timestamp")
        )
        self.effects.append(
            Effect("analytics" if stream == "analytics" else "log", stream, told, self._step())
        )


class Replay:
    """Replays cases into a gateway. Whoever makes the gateway gives it `world`, `store`, `records` and the stubs."""

    def __init__(self, seed: int, kind: Kind = "bundle", *, explains: bool = True) -> None:
        self.world = VirtualWorld(seed)
        self.store = TellingStore(self.world, self.step)
        self.records = TellingRecords(self.step)
        self.stubs: Stubs | None = None
        self.watch = SideWatch(self._calls_made, kind, explains=explains)

    def stubbing(self, policy: Policy) -> Callable[[Outgoing], Stubs]:
        """What a runtime's egress is wrapped in: the stubs of this side."""

        def wrap(inner: Outgoing) -> Stubs:
            self.stubs = Stubs(inner, policy, self.step, self.watch.called)
            return self.stubs

        return wrap

    def step(self) -> str:
        """The step that runs at the moment."""
        step = self.watch.maker()
        return "" if step is None else named(step)

    def _calls_made(self) -> int:
        return len(self.stubs.calls) if self.stubs is not None else 0

    async def answer(
        self, gateway: Gateway, render: Render, number: int, now: float, case: Exchange
    ) -> Outcome:
        """Run one case to its end, post-client flows and background work included."""
        stubs = self.stubs
        assert stubs is not None
        self.world.begin(number, now)
        stubs.begin(case.calls)
        self.watch.begin()
        self.store.effects, self.records.effects = [], []
        arrival = Arrival(wire_of(asyncio.get_running_loop(), case.session), case.request, self.world.time)
        failure = ""
        try:
            async with asyncio.timeout(CASE_SECONDS):
                await self._handle(gateway, render, arrival)
                while gateway.background:
                    await asyncio.wait(gateway.background)
        except TimeoutError:
            failure = f"no answer within {CASE_SECONDS:g} s"
        watch = self.watch
        effects = (*watch.faults, *self.store.effects, *stubs.effects, *self.records.effects)
        return Outcome(
            arrival.answer, tuple(stubs.calls), effects, watch.trace, failure, tuple(stubs.misses), True
        )

    async def _handle(self, gateway: Gateway, render: Render, arrival: Arrival) -> None:
        """As a connection does it: what the handler lets through becomes the wire's own answer."""
        try:
            await gateway.handle(arrival)
        except BadBody as error:
            _refuse(arrival, render, refusals.bad_request(str(error)))
        except BodyTooBig as error:
            _refuse(arrival, render, refusals.body_too_big(error.limit))
        except WireError:
            _refuse(arrival, render, refusals.HANDLER_FAILED)
        except Exception:
            logger.exception("a case could not be handled")
            _refuse(arrival, render, refusals.HANDLER_FAILED)


def _refuse(arrival: Arrival, render: Render, refusal: Refusal) -> None:
    if arrival.answer is None:
        status, reason, headers, body = render(refusal)
        arrival.respond(status, reason, headers, body)

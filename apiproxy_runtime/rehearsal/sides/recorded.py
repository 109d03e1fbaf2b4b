"""The recorded answers as a side: what the old gateway said when the traffic was recorded."""

from __future__ import annotations

from collections.abc import Mapping

from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.outcome import Outcome
from apiproxy_runtime.rehearsal.side import Kind, Reached


class RecordedSide:
    """Answers each case with what was recorded for it. Only a recording of all calls tells anything of upstreams."""

    kind: Kind = "recorded"
    title = "recorded"
    effects_seen = False

    def __init__(self) -> None:
        self.calls_seen = False

    async def open(self) -> None:
        """Nothing to get ready."""

    async def answer(self, number: int, now: float, case: Exchange) -> Outcome:
        self.calls_seen = case.calls_recorded
        failure = "" if case.response is not None else "no answer was recorded for this case"
        return Outcome(case.response, case.calls, failure=failure, calls_known=case.calls_recorded)

    def reached(self) -> Reached | None:
        return None

    def about(self) -> Mapping[str, str]:
        return {"kind": "the recorded answers"}

    async def close(self) -> None:
        """Nothing is open."""

"""Watches in a worker, for the process that has the control port."""

from __future__ import annotations

from apiproxy_runtime.control.replica import LocalReplica
from apiproxy_runtime.control.trace.news import News, Seen, Wanted
from apiproxy_runtime.control.trace.recorder import Recorder
from apiproxy_runtime.control.trace.session import Session
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.control.trace.transaction import Transaction


class Correspondent:
    """Records what is wanted, and keeps it until it was told."""

    def __init__(self, replica: LocalReplica) -> None:
        self.trace = Trace(lambda: list(replica.runtimes.values()))
        replica.made.append(lambda runtime: self.trace.arrange())

    def report(self, wanted: Wanted) -> News:
        """Watch what is wanted from now on, and tell what was seen since the last report."""
        trace = self.trace
        self._watch(wanted)
        news: dict[str, Recorder | Transaction] = {}
        owners: dict[str, list[str]] = {}
        shown: set[str] = set()
        for session in trace.sessions.values():
            for key, entry in session.handed_over(wanted.whole).items():
                news[key] = entry
                owners.setdefault(key, []).append(session.id)
        kept, skipped = trace.live.handed_over(wanted.whole)
        for key, entry in kept.items():
            news[key] = entry
            shown.add(key)
        return News(
            tuple(
                Seen(
                    entry.transaction() if isinstance(entry, Recorder) else entry,
                    tuple(owners.get(key, ())),
                    key in shown,
                )
                for key, entry in news.items()
            ),
            skipped,
        )

    def _watch(self, wanted: Wanted) -> None:
        trace = self.trace
        places = {place.session: place for place in wanted.sessions}
        for key in [key for key in trace.sessions if key not in places]:
            del trace.sessions[key]
        for key, place in places.items():
            session = trace.sessions.get(key)
            if session is None:
                session = trace.sessions[key] = Session(key, place.environment, place.proxy)
            session.count = place.room
        trace.live.asked = wanted.live
        trace.arrange()

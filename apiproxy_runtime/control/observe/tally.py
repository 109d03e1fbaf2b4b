"""Counting: what a process keeps for its metrics. Plain numbers in dictionaries, since every request passes here.

Names in the keys come from bundles, methods and statuses from requests; so that no caller can fill the memory or the
database of whoever reads the metrics, each table has at most `MOST` keys, and what comes later counts as `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from http import HTTPMethod
from typing import NamedTuple

from msgspec import Struct, field

from apiproxy_runtime.gateway.ledger import Entry
from apiproxy_runtime.message.context import Deployment
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.policy.events import Data, EventKind

MOST = 2000
OTHER = "other"

#: Upper ends of the buckets of durations, in seconds; one more bucket takes what is longer.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_METHODS = frozenset(method.value for method in HTTPMethod)

_BUCKETS = len(BOUNDS) + 1

Counter = dict[tuple[str, ...], int]
#: Counts of the buckets, then the sum of all durations.
Histogram = dict[tuple[str, ...], list[float]]
#: Two histograms behind each other: of whole requests, and of the calls of their targets.
Cells = dict[tuple[str, str, str, int, str], list[float]]


class Deploys(NamedTuple):
    """What `/metrics` tells of deployments: how many of each outcome, and what is deployed now, by environment."""

    outcomes: Mapping[tuple[str, ...], int]
    deployed: Mapping[tuple[str, ...], int]


class Tally(Struct):
    """The numbers of one process, or of several added up. Keys:

    cells      environment, proxy, method, status, TargetEndpoint (empty without one)
    faults     environment, proxy, policy, fault name
    limits     source of the event, environment, proxy, policy
    unmatched  environment
    hooks      id, outcome
    waiting    id
    """

    cells: Cells = field(default_factory=dict)
    faults: Counter = field(default_factory=dict)
    limits: Counter = field(default_factory=dict)
    unmatched: Counter = field(default_factory=dict)
    hooks: Counter = field(default_factory=dict)
    waiting: Counter = field(default_factory=dict)
    in_flight: int = 0

    def transactions(self, entries: Iterable[Entry]) -> None:
        """Count transactions that have ended."""
        cells = self.cells
        for deployment, verb, status, received, sent, target, asked, answered in entries:
            called = target if answered else ""
            key = (deployment.environment, deployment.proxy, verb, status, called)
            cell = cells.get(key)
            if cell is None:
                cell = self._cell(*key)
            seconds = sent - received
            cell[bisect_left(BOUNDS, seconds)] += 1
            cell[_BUCKETS] += seconds
            if called:
                seconds = answered - asked
                cell[_BUCKETS + 1 + bisect_left(BOUNDS, seconds)] += 1
                cell[-1] += seconds

    def fault(self, deployment: Deployment, fault: Fault) -> None:
        """Count a fault that a transaction ended with."""
        add(self.faults, (deployment.environment, deployment.proxy, fault.policy or "", fault.name), 1)

    def _cell(self, environment: str, proxy: str, method: str, status: int, target: str) -> list[float]:
        key = (environment, proxy, method if method in _METHODS else OTHER, status, target)
        if key not in self.cells and len(self.cells) >= MOST:
            key = (OTHER, OTHER, OTHER, 0, OTHER)
        return self.cells.setdefault(key, [0.0] * (2 * _BUCKETS + 2))

    def exceeded(self, kind: EventKind, data: Data) -> None:
        """Count a refused message: a listener to `quota` and `spike-arrest`."""
        key = (kind.source, str(data.get("environment")), str(data.get("proxy")), str(data.get("policy")))
        add(self.limits, key, 1)

    def requests(self) -> Counter:
        """Environment, proxy, method, status → how many."""
        found: Counter = {}
        for (environment, proxy, method, status, _), cell in self.cells.items():
            key = (environment, proxy, method, str(status) if status else OTHER)
            found[key] = found.get(key, 0) + int(sum(cell[:_BUCKETS]))
        return found

    def durations(self) -> Histogram:
        """Environment, proxy → durations of requests."""
        found: Histogram = {}
        for key, cell in self.cells.items():
            _gather(found, key[:2], cell[: _BUCKETS + 1])
        return found

    def targets(self) -> Histogram:
        """Environment, proxy, TargetEndpoint → durations of the calls."""
        found: Histogram = {}
        for key, cell in self.cells.items():
            if key[4]:
                _gather(found, (*key[:2], key[4]), cell[_BUCKETS + 1 :])
        return found


def _gather(histogram: Histogram, key: tuple[str, ...], numbers: list[float]) -> None:
    before = histogram.get(key)
    histogram[key] = numbers if before is None else [a + b for a, b in zip(before, numbers, strict=True)]


def add(counter: Counter, key: tuple[str, ...], amount: int) -> None:
    if key not in counter and len(counter) >= MOST:
        key = (OTHER,) * len(key)
    counter[key] = counter.get(key, 0) + amount


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of the tallies of several processes."""
    whole = Tally()
    for tally in tallies:
        for name in ("faults", "limits", "unmatched", "hooks", "waiting"):
            counter: Counter = getattr(whole, name)
            for key, amount in getattr(tally, name).items():
                counter[key] = counter.get(key, 0) + amount
        for place, cell in tally.cells.items():
            before = whole.cells.get(place)
            whole.cells[place] = (
                list(cell) if before is None else [a + b for a, b in zip(before, cell, strict=True)]
            )
        whole.in_flight += tally.in_flight
    return whole

"""Counting: what a process keeps for its metrics. Plain numbers in dictionaries, since every request passes here.

Names in the keys come from bundles, methods and statuses from requests; so that no caller can fill the memory or the
database of whoever reads the metrics, each table has at most `MOST` keys, and what comes later counts as `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPMethod

from apiproxy_runtime.control.observe.outcome import CLIENT_GONE
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.events import Data, EventKind

MOST = 2000
OTHER = "other"

#: Upper ends of the buckets of durations, in seconds; one more bucket takes what is longer.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_METHODS = frozenset(method.value for method in HTTPMethod)

Counter = dict[tuple[str, ...], int]
#: Counts of the buckets, then the sum of all durations.
Histogram = dict[tuple[str, ...], list[float]]


@dataclass(slots=True)
class Tally:
    """The numbers of one process, or of several added up. Keys:

    requests   environment, proxy, method, status
    durations  environment, proxy
    targets    environment, proxy, TargetEndpoint
    faults     environment, proxy, policy, fault name
    limits     source of the event, environment, proxy, policy
    unmatched  environment
    hooks      id, outcome
    waiting    id
    """

    requests: Counter = field(default_factory=dict)
    durations: Histogram = field(default_factory=dict)
    targets: Histogram = field(default_factory=dict)
    faults: Counter = field(default_factory=dict)
    limits: Counter = field(default_factory=dict)
    unmatched: Counter = field(default_factory=dict)
    hooks: Counter = field(default_factory=dict)
    waiting: Counter = field(default_factory=dict)
    in_flight: int = 0

    def concluded(self, ctx: MessageContext) -> None:
        """Count a transaction that has ended."""
        client, fault, deployment, target = ctx.client, ctx.fault, ctx.deployment, ctx.target
        sent = client.sent_end
        if sent:
            answer = ctx.error if fault is not None else ctx.response
            status = answer.status if answer is not None else CLIENT_GONE
            seconds = sent - client.received_start
        else:
            status, seconds = CLIENT_GONE, ctx.world.now() - client.received_start
        environment, proxy, method = deployment.environment, deployment.proxy, ctx.request.verb
        requests = self.requests
        key = (environment, proxy, method, str(status))
        if key in requests:
            requests[key] += 1
        else:
            add(requests, (environment, proxy, method if method in _METHODS else OTHER, str(status)), 1)
        observe(self.durations, (environment, proxy), seconds)
        if target is not None and target.received_end:
            observe(self.targets, (environment, proxy, target.name), target.received_end - target.sent_start)
        if fault is not None:
            add(self.faults, (environment, proxy, fault.policy or "", fault.name), 1)

    def exceeded(self, kind: EventKind, data: Data) -> None:
        """Count a refused message: a listener to `quota` and `spike-arrest`."""
        key = (kind.source, str(data.get("environment")), str(data.get("proxy")), str(data.get("policy")))
        add(self.limits, key, 1)


def observe(histogram: Histogram, key: tuple[str, ...], seconds: float) -> None:
    """Put a duration into its bucket."""
    buckets = histogram.get(key)
    if buckets is None:
        if len(histogram) >= MOST:
            key = (OTHER,) * len(key)
        buckets = histogram.setdefault(key, [0.0] * (len(BOUNDS) + 2))
    buckets[bisect_left(BOUNDS, seconds)] += 1
    buckets[-1] += seconds


def add(counter: Counter, key: tuple[str, ...], amount: int) -> None:
    if key not in counter and len(counter) >= MOST:
        key = (OTHER,) * len(key)
    counter[key] = counter.get(key, 0) + amount


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of the tallies of several processes."""
    whole = Tally()
    for tally in tallies:
        for name in ("requests", "faults", "limits", "unmatched", "hooks", "waiting"):
            counter: Counter = getattr(whole, name)
            for key, amount in getattr(tally, name).items():
                counter[key] = counter.get(key, 0) + amount
        for name in ("durations", "targets"):
            histogram: Histogram = getattr(whole, name)
            for key, buckets in getattr(tally, name).items():
                before = histogram.get(key)
                histogram[key] = (
                    list(buckets) if before is None else [a + b for a, b in zip(before, buckets, strict=True)]
                )
        whole.in_flight += tally.in_flight
    return whole

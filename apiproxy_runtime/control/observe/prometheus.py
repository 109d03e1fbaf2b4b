"""`/metrics`: the tally in the text format of Prometheus, by its client library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from apiproxy_runtime import __version__
from apiproxy_runtime.control.observe.tally import BOUNDS, Counter, Deploys, Histogram, Tally

_COUNTERS: tuple[tuple[str, str, tuple[str, ...], Callable[[Tally], Counter]], ...] = (
    (
        "apiproxy_requests",
        "Requests by proxy, method and status; 499: the client left before",
        ("environment", "proxy", "method", "status"),
        Tally.requests,
    ),
    (
        "apiproxy_faults",
        "Requests that ended in the error flow, by the policy that raised the fault",
        ("environment", "proxy", "policy", "fault"),
        lambda tally: tally.faults,
    ),
    (
        "apiproxy_limits_exceeded",
        "Messages refused by Quota (source quota) and SpikeArrest (source spike-arrest) policies",
        ("source", "environment", "proxy", "policy"),
        lambda tally: tally.limits,
    ),
    (
        "apiproxy_requests_unmatched",
        "Requests that fitted no base path",
        ("environment",),
        lambda tally: tally.unmatched,
    ),
    (
        "apiproxy_event_hook_events",
        "Events of a hook that were delivered, retried, dropped, or suppressed as repetitions",
        ("hook", "outcome"),
        lambda tally: tally.hooks,
    ),
)
_HISTOGRAMS: tuple[tuple[str, str, tuple[str, ...], Callable[[Tally], Histogram]], ...] = (
    (
        "apiproxy_request_duration_seconds",
        "From the first byte of a request to the last of its answer",
        ("environment", "proxy"),
        Tally.durations,
    ),
    (
        "apiproxy_target_duration_seconds",
        "From the sending of the request to a target to its answer",
        ("environment", "proxy", "target"),
        Tally.targets,
    ),
)


class _Tallied(Collector):
    def __init__(self, tally: Tally, deploys: Deploys) -> None:
        self._tally = tally
        self._deploys = deploys

    def collect(self) -> Iterable[Metric]:
        tally, deploys = self._tally, self._deploys
        yield _gauge("apiproxy_build", "The version of the runtime", ("version",), {(__version__,): 1})
        for metric, text, names, counted in _COUNTERS:
            yield _counter(metric, text, names, counted(tally))
        for metric, text, pair, measured in _HISTOGRAMS:
            yield _histogram(metric, text, pair, measured(tally))
        text = "Requests that have begun and not ended"
        yield _gauge("apiproxy_requests_in_flight", text, (), {(): tally.in_flight})
        text = "Events of a hook that wait for their delivery"
        yield _gauge("apiproxy_event_hook_waiting", text, ("hook",), tally.waiting)
        text = "Deployments: deployed, updated, undeployed, refused"
        yield _counter("apiproxy_deploys", text, ("environment", "outcome"), deploys.outcomes)
        text = "What is deployed now"
        yield _gauge("apiproxy_deployed", text, ("environment", "kind"), deploys.deployed)


def _counter(
    name: str, text: str, labels: tuple[str, ...], counter: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key in sorted(counter):
        family.add_metric(key, counter[key])
    return family


def _gauge(
    name: str, text: str, labels: tuple[str, ...], values: Counter | Mapping[tuple[str, ...], int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key in sorted(values):
        family.add_metric(key, values[key])
    return family


def _histogram(name: str, text: str, labels: tuple[str, ...], histogram: Histogram) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=labels)
    for key in sorted(histogram):
        *counts, seconds = histogram[key]
        family.add_metric(key, buckets=list(_cumulative(counts)), sum_value=seconds)
    return family


def _cumulative(counts: list[float]) -> Iterator[tuple[str, float]]:
    so_far = 0.0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        so_far += count
        yield bound, so_far


def render(tally: Tally, deploys: Deploys, accept: str) -> tuple[bytes, str]:
    """The text and its content type: OpenMetrics for who accepts it, else the older format."""
    registry = CollectorRegistry()
    registry.register(_Tallied(tally, deploys))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type

"""`/metrics`, `/health` and `/ready`."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from apiproxy_runtime.control.observe import tally as tallies
from apiproxy_runtime.control.observe.tally import BOUNDS, Tally, total
from apiproxy_runtime.gateway.ledger import BATCH, Ledger
from apiproxy_runtime.message.context import Client, Deployment, MessageContext
from apiproxy_runtime.message.message import Message
from tests.control.house import ControlHouse, control_house, says, workspace
from tests.house import raise_fault

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

QUOTA = """<Quota name="Q"><Allow count="1"/><Interval>1</Interval><TimeUnit>month</TimeUnit></Quota>"""


async def scrape(house: ControlHouse) -> Samples:
    """The samples that Prometheus would take."""
    reply = await house.ask("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def one(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_requests_are_counted_by_proxy_method_and_status_with_their_durations() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        for method in ("GET", "GET", "POST", "PROPFIND"):
            await house.call("/hello", method)
        await house.call("/nowhere")
        samples = await scrape(house)

    where = {"environment": "test", "proxy": "hello"}
    assert one(samples, "apiproxy_requests_total", **where, method="GET", status="200") == 2
    assert one(samples, "apiproxy_requests_total", **where, method="POST", status="200") == 1
    assert one(samples, "apiproxy_requests_total", **where, method="other", status="200") == 1
    assert one(samples, "apiproxy_request_duration_seconds_count", **where) == 4
    assert one(samples, "apiproxy_request_duration_seconds_bucket", **where, le="+Inf") == 4
    assert (one(samples, "apiproxy_request_duration_seconds_sum", **where) or 0) > 0
    assert one(samples, "apiproxy_requests_unmatched_total", environment="test") == 1
    assert one(samples, "apiproxy_requests_in_flight") == 0


async def test_openmetrics_are_given_to_who_accepts_them() -> None:
    async with control_house() as house:
        reply = await house.ask(
            "GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )

    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    families = {family.name for family in openmetrics(reply.text)}
    assert {"apiproxy_requests", "apiproxy_build", "process_cpu_seconds"} <= families


async def test_faults_limits_and_deploys_are_counted() -> None:
    async with control_house() as house:
        bundles = {
            "fails": says("fails", "", RF=raise_fault("RF", 400)),
            "limited": says("limited", "", Q=QUOTA),
        }
        await house.deploy(workspace(bundles))
        await house.deploy(workspace({"broken": says("broken", "", Q="<Quota/>")}))
        for path in ("/fails", "/limited", "/limited"):
            await house.call(path)
        samples = await scrape(house)

    test = {"environment": "test"}
    assert one(samples, "apiproxy_faults_total", **test, proxy="fails", policy="RF", fault="RaiseFault") == 1
    limited = {**test, "proxy": "limited", "policy": "Q"}
    assert one(samples, "apiproxy_limits_exceeded_total", **limited, source="quota") == 1
    assert one(samples, "apiproxy_faults_total", **limited, fault="QuotaViolation") == 1
    assert one(samples, "apiproxy_deploys_total", **test, outcome="deployed") == 2
    assert one(samples, "apiproxy_deploys_total", **test, outcome="refused") == 1
    assert one(samples, "apiproxy_deployed", **test, kind="apiproxy") == 2


async def test_event_hooks_tell_what_became_of_their_events() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        hook = (
            await house.ask(
                "POST", "/event-hooks", json={"source": "http-log-enterprise", "handler": "log", "snooze": 60}
            )
        ).json()["id"]
        for _ in range(3):
            await house.call("/hello")
        await asyncio.sleep(0.05)
        samples = await scrape(house)

    assert one(samples, "apiproxy_event_hook_events_total", hook=hook, outcome="delivered") == 1
    assert one(samples, "apiproxy_event_hook_events_total", hook=hook, outcome="suppressed") == 2
    assert one(samples, "apiproxy_event_hook_waiting", hook=hook) == 0


def ended(proxy: str, seconds: float = 0.02, verb: str = "GET", status: int = 200) -> MessageContext:
    """A transaction that has ended."""
    ctx = MessageContext(Message.request(verb), Deployment(proxy=proxy), Client())
    ctx.client.received_start, ctx.client.sent_end = 1000.0, 1000.0 + seconds
    ctx.response = Message(False)
    ctx.response.status = status
    return ctx


def count(tally: Tally, ctx: MessageContext) -> None:
    ledger = Ledger(tally)
    ledger.enter(ctx)
    ledger.post()


def test_number_of_series_is_bounded_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST", 3)
    tally = Tally()
    for number in range(10):
        count(tally, ended(f"p{number}"))

    requests = tally.requests()
    assert sum(requests.values()) == 10
    assert requests["other", "other", "other", "other"] == 7


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0005, 0), (0.001, 0), (0.0011, 1), (60.0, 14), (61.0, 15)]
)
def test_duration_falls_into_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    tally = Tally()
    ctx = ended("p")
    ctx.client.received_start, ctx.client.sent_end = 1e-9, seconds
    count(tally, ctx)

    (numbers,) = tally.durations().values()
    assert numbers[bucket] == 1
    assert len(numbers) == len(BOUNDS) + 2


def test_what_waits_is_counted_at_the_latest_when_a_batch_is_full() -> None:
    tally = Tally()
    ledger = Ledger(tally)
    for _ in range(2 * BATCH + 3):
        ledger.enter(ended("p"))
    assert sum(tally.requests().values()) == 2 * BATCH
    ledger.post()
    ledger.post()
    assert sum(tally.requests().values()) == 2 * BATCH + 3


def test_tallies_of_several_processes_add_up() -> None:
    here, there = Tally(), Tally()
    count(here, ended("p", 0.5))
    count(there, ended("p", 1.5))
    count(there, ended("q", 1.0, status=404))

    whole = total([here, there])

    assert whole.requests() == {("test", "p", "GET", "200"): 2, ("test", "q", "GET", "404"): 1}
    assert whole.durations()["test", "p"][-1] == pytest.approx(2.0)
    assert sum(here.requests().values()) == 1


async def test_process_is_ready_once_something_is_deployed() -> None:
    async with control_house() as house:
        before = await house.ask("GET", "/ready")
        health = await house.ask("GET", "/health")
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        after = await house.ask("GET", "/ready")

    assert (before.status, before.json()["status"]) == (503, "not ready")
    assert before.json()["checks"]["deployed"] == {"ok": False, "proxies": 0}
    assert (health.status, health.json()["status"]) == (200, "up")
    assert (after.status, after.json()["status"]) == (200, "ready")


async def test_process_is_not_ready_while_its_store_is_out_of_reach(tmp_path: Path) -> None:
    database = tmp_path / "state.db"
    async with control_house(f"sqlite:{database}") as house:
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        with sqlite3.connect(database) as other:
            tables = other.execute("select name from sqlite_master where type='table'").fetchall()
            for (name,) in tables:
                other.execute(f'alter table "{name}" rename to "{name}_away"')
            other.commit()
            reply = await house.ask("GET", "/ready")
            for (name,) in tables:
                other.execute(f'alter table "{name}_away" rename to "{name}"')
            other.commit()

    assert reply.status == 503
    assert reply.json()["checks"]["store"]["ok"] is False

"""What hooks deliver, to whom, how often, and what happens when it does not arrive."""

from __future__ import annotations

import asyncio
import hmac
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.bundle.debugmask import DebugMask
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.policy.events import EventKind
from tests.control.events.stage import Stage, echoes, fails, stage, until
from tests.house import proxy, steps, target, write_bundle

SOLD = EventKind("shop", "sold", ("item", "price", "buyer"), ("item",), "Something was sold")
FAST = {"initial_retry_delay": 0.01, "max_retry_delay": 0.02, "max_retry_time": 5}


def sell(on: Stage, item: str, price: int = 1, **more: Any) -> None:
    on.house.runtime.services.events.publish(SOLD)({"item": item, "price": price, **more})


async def test_webhook_posts_the_event_flat_with_its_declared_fields_only() -> None:
    async with stage() as on:
        await on.hook("shop", "sold", config={"headers": {"X-Team": "blue"}})
        sell(on, "cup", 3, margin=0.9)
        await until(on.receiver.events)

        assert on.receiver.events() == [{"source": "shop", "event": "sold", "item": "cup", "price": 3}]
        last = on.receiver.seen[-1]
        assert (last.method, last.headers["content-type"], last.headers["x-team"]) == (
            "POST",
            "application/json",
            "blue",
        )


async def test_hook_made_after_the_deploy_and_before_the_event_is_published_is_heard() -> None:
    async with stage() as on:
        await on.hook("shop")
        sell(on, "cup")
        await until(on.receiver.events)


@pytest.mark.parametrize(
    ("event", "heard"), [(None, ["sold", "lost"]), ("sold", ["sold"]), ("lost", ["lost"])]
)
async def test_hook_hears_its_event_or_all_of_its_source(event: str | None, heard: list[str]) -> None:
    async with stage() as on:
        await on.hook("shop", event)
        publish = on.house.runtime.services.events.publish
        for kind in (SOLD, EventKind("shop", "lost"), EventKind("bank", "sold")):
            publish(kind)({})
        await until(lambda: len(on.receiver.events()) == len(heard))
        await asyncio.sleep(0.05)

        assert [found["event"] for found in on.receiver.events()] == heard


@pytest.mark.parametrize(
    ("form", "algorithm", "prefix"),
    [("sha256=hex", "sha256", "sha256="), ("hex", "sha256", ""), ("sha1=hex", "sha1", "sha1=")],
)
async def test_secret_signs_the_exact_bytes_of_the_body(form: str, algorithm: str, prefix: str) -> None:
    async with stage() as on:
        await on.hook("shop", config={"secret": "s3cret", "signature": form})
        sell(on, "cüp")
        await until(on.receiver.events)

        for one in on.receiver.seen:
            expected = prefix + hmac.new(b"s3cret", one.body, algorithm).hexdigest()
            assert one.headers["x-kong-signature"] == expected


async def test_webhook_custom_sends_what_its_templates_make_of_the_event() -> None:
    async with stage() as on:
        config = {
            "url": on.receiver.url,
            "method": "PUT",
            "headers": {"X-Item": "a {{ item }}"},
            "headers_format": True,
            "payload": {"text": "{{ buyer.name }} bought {{item}} for {{ price }}{{ nothing }}", "n": [1]},
        }
        await on.api(
            "POST", "/event-hooks", {"source": "shop", "handler": "webhook-custom", "config": config}
        )
        sell(on, "cup\r\nX-Evil: 1", 3, buyer={"name": "Ada"})
        await until(lambda: on.receiver.seen)

        (one,) = on.receiver.seen
        assert one.method == "PUT"
        assert one.headers["x-item"] == "a cup X-Evil: 1"
        assert "x-evil" not in one.headers
        assert one.headers["content-type"] == "application/json"
        assert one.json() == {"text": "Ada bought cup\r\nX-Evil: 1 for 3", "n": [1]}


async def test_templates_are_left_alone_where_they_are_switched_off() -> None:
    async with stage() as on:
        config = {
            "url": on.receiver.url,
            "method": "POST",
            "headers": {"X-Item": "{{ item }}"},
            "body": "{{ item }}",
            "body_format": False,
        }
        await on.api(
            "POST", "/event-hooks", {"source": "shop", "handler": "webhook-custom", "config": config}
        )
        sell(on, "cup")
        await until(lambda: on.receiver.seen)

        assert (on.receiver.seen[0].body, on.receiver.seen[0].headers["x-item"]) == (
            b"{{ item }}",
            "{{ item }}",
        )


async def test_log_writes_a_line(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        await on.api("POST", "/event-hooks", {"source": "shop", "handler": "log"})
        with caplog.at_level(logging.INFO, "apiproxy.events"):
            sell(on, "cup")
            await until(lambda: "log callback" in caplog.text)

    assert (
        'log callback: {"source":"shop","event":"sold","data":{"item":"cup","price":1},"pid":' in caplog.text
    )


async def test_functions_that_are_allowed_are_called_and_called_again_unless_they_return_true() -> None:
    calls: list[tuple[Any, ...]] = []

    def plain(*arguments: Any) -> bool:
        calls.append(arguments[:3])
        return len(calls) > 1

    async def waiting(*arguments: Any) -> bool:
        calls.append(("waiting",))
        return True

    async with stage(functions={"plain": plain, "waiting": waiting}) as on:
        config = {"functions": ["plain", "waiting"], "queue": FAST}
        status, _ = await on.api(
            "POST", "/event-hooks", {"source": "shop", "handler": "lambda", "config": config}
        )
        assert status == 201
        sell(on, "cup")
        await until(lambda: len(calls) == 3)

    event = {"source": "shop", "event": "sold", "item": "cup", "price": 1}
    assert calls == [(event, "sold", "shop"), (event, "sold", "shop"), ("waiting",)]


async def test_on_change_passes_over_what_is_the_same_as_the_last() -> None:
    async with stage() as on:
        hook = await on.hook("shop", on_change=True)
        for item, price in (("cup", 1), ("cup", 2), ("pan", 1), ("cup", 1)):
            sell(on, item, price)
        await until(lambda: len(on.receiver.events()) == 3)

        assert [found["item"] for found in on.receiver.events()] == ["cup", "pan", "cup"]
        _, status = await on.api("GET", f"/event-hooks/{hook['id']}/status")
        # the ping counts as delivered too
        assert (status["delivered"], status["suppressed"]) == (4, 1)


async def test_snooze_passes_over_what_was_delivered_in_the_last_seconds() -> None:
    async with stage() as on:
        await on.hook("shop", snooze=1)
        for item in ("cup", "pan", "cup", "pan"):
            sell(on, item)
        await until(lambda: len(on.receiver.events()) == 2)
        await asyncio.sleep(1.1)
        sell(on, "cup")
        await until(lambda: len(on.receiver.events()) == 3)

        assert [found["item"] for found in on.receiver.events()] == ["cup", "pan", "cup"]


async def test_what_did_not_arrive_is_sent_again_and_what_comes_later_waits_its_turn() -> None:
    async with stage() as on:
        hook = await on.hook("shop", config={"queue": FAST})
        await until(lambda: on.receiver.seen)
        on.receiver.statuses = [500, 404, 302]
        sell(on, "cup")
        sell(on, "pan")
        await until(lambda: len(on.receiver.events()) == 5)

        assert [found["item"] for found in on.receiver.events()] == ["cup", "cup", "cup", "cup", "pan"]
        _, status = await on.api("GET", f"/event-hooks/{hook['id']}/status")
        assert (status["retried"], status["dropped"], status["waiting"]) == (3, 0, 0)


async def test_what_does_not_arrive_in_time_is_given_up_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        hook = await on.hook(
            "shop", config={"url": "http://127.0.0.1:1/", "queue": {**FAST, "max_retry_time": 0.05}}
        )
        sell(on, "cup")
        active = on.hooks.find(hook["id"])
        assert active is not None
        await until(lambda: active.delivery.counts.dropped == 2)

    assert f"Event hook {hook['id']} (webhook of shop): shop/sold was not delivered and is given up" in (
        caplog.text
    )


async def test_full_queue_drops_the_oldest_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        hook = await on.hook("shop", config={"queue": {**FAST, "max_entries": 5}})
        await until(lambda: on.receiver.seen)
        for number in range(20):
            sell(on, str(number))
        await until(lambda: len(on.receiver.events()) == 5)
        await asyncio.sleep(0.05)

        assert [found["item"] for found in on.receiver.events()] == ["15", "16", "17", "18", "19"]
        _, status = await on.api("GET", f"/event-hooks/{hook['id']}/status")
        assert status["dropped"] == 15
    assert caplog.text.count("over 80 % full") == 1


async def test_deleted_hook_hears_nothing_more_and_costs_nothing() -> None:
    async with stage() as on:
        hook = await on.hook("http-log-enterprise")
        gateway = on.house.runtime.gateway
        wanted = len(gateway.concluded)
        await on.api("DELETE", f"/event-hooks/{hook['id']}")

        assert (wanted, gateway.concluded) == (1, ())


async def test_waiting_events_outlive_a_change_of_their_hook() -> None:
    async with stage() as on:
        hook = await on.hook("shop", config={"queue": FAST})
        await until(lambda: on.receiver.seen)
        for item in ("cup", "pan"):
            sell(on, item)
        await on.api("PATCH", f"/event-hooks/{hook['id']}", {"config": {"headers": {"X-New": "1"}}})
        await until(lambda: len(on.receiver.events()) == 2)

        assert sorted(found["item"] for found in on.receiver.events()) == ["cup", "pan"]


async def test_fault_is_told_with_its_policy_and_without_the_callers_key(tmp_path: Path) -> None:
    async with stage(fails(tmp_path), echoes(tmp_path)) as on:
        await on.hook("faults", "raised")
        await on.house.get("/echoes")
        await on.house.get("/fails/a?apikey=s3cret&page=2")
        await until(on.receiver.events)

        (fault,) = on.receiver.events()
        message_id = fault.pop("message_id")
        assert message_id
        assert fault == {
            "source": "faults",
            "event": "raised",
            "environment": "test",
            "proxy": "fails",
            "revision": "1",
            "endpoint": "default",
            "policy": "RF-No",
            "flow": "PreFlow",
            "state": "PROXY_REQ_FLOW",
            "fault_name": "RaiseFault",
            "error_code": "steps.raisefault.RaiseFault",
            "fault_string": fault["fault_string"],
            "status": 418,
            "request": {"method": "GET", "uri": "/fails/a?apikey=REDACTED&page=2"},
            "consumer": {},
            "ip": "127.0.0.1",
        }


async def test_request_log_has_kongs_keys_and_no_credentials(tmp_path: Path) -> None:
    async with stage(echoes(tmp_path)) as on:
        await on.hook("http-log-enterprise", "log")
        sent = {"Authorization": "Basic s3cret", "X-Forwarded-For": "10.0.0.9", "X-Tag": "t"}
        await on.house.call("POST", "/echoes/a?apikey=s3cret&b=1&b=2", data=b"hello", headers=sent)
        await until(on.receiver.events)

        (log,) = on.receiver.events()
        assert b"s3cret" not in on.receiver.seen[-1].body
        assert (log["consumer"], log["ip"], log["workspace"]) == ({}, "10.0.0.9", "test")
        assert log["service"] == {"name": "default", "host": "up.test", "port": 80, "protocol": "http"}
        assert log["route"] == {"id": "echoes/default", "name": "default", "paths": ["/echoes"]}
        request = log["request"]
        assert (request["method"], request["uri"], request["size"]) == ("POST", "/echoes/a", 5)
        assert request["url"] == f"{on.house.url}/echoes/a?apikey=REDACTED&b=1&b=2"
        assert request["querystring"] == {"apikey": "REDACTED", "b": ["1", "2"]}
        assert (request["headers"]["authorization"], request["headers"]["x-tag"]) == ("REDACTED", "t")
        assert log["response"]["status"] == 200
        assert log["response"]["size"] > 0
        assert log["upstream_status"] == "200"
        latencies = log["latencies"]
        assert latencies["request"] >= latencies["proxy"] >= 0
        assert log["apigee"]["proxy"] == "echoes"


async def test_requests_of_one_consumer_address_and_service_are_the_same_event(tmp_path: Path) -> None:
    async with stage(echoes(tmp_path)) as on:
        await on.hook("http-log-enterprise", on_change=True)
        await on.house.get("/echoes/a")
        await on.house.get("/echoes/b")
        await on.house.get("/echoes/a", headers={"X-Forwarded-For": "10.0.0.9"})
        await until(lambda: len(on.receiver.events()) == 2)

        assert [found["ip"] for found in on.receiver.events()] == ["127.0.0.1", "10.0.0.9"]


async def test_header_that_a_bundle_takes_its_key_from_is_redacted(tmp_path: Path) -> None:
    key = '<VerifyAPIKey name="VAK"><APIKey ref="request.header.x-partner"/></VerifyAPIKey>'
    files = {
        "proxies/default.xml": proxy("/k", request=steps("VAK"), routes='<RouteRule name="n"/>'),
        "policies/VAK.xml": key,
    }
    async with stage(write_bundle(tmp_path, "k", files)) as on:
        await on.hook("http-log-enterprise")
        await on.house.get("/k", headers={"X-Partner": "s3cret"})
        await until(on.receiver.events)

        assert on.receiver.events()[0]["request"]["headers"]["x-partner"] == "REDACTED"


async def test_what_the_debug_mask_names_is_redacted(tmp_path: Path) -> None:
    mask = DebugMask(variables=("request.header.X-Pet", "request.queryparam.colour", "private.x"))
    async with stage(echoes(tmp_path), environment=Environment(debug_mask=mask)) as on:
        await on.hook("http-log-enterprise")
        await on.house.get("/echoes?colour=blue&size=7", headers={"X-Pet": "cat"})
        await until(on.receiver.events)

        request = on.receiver.events()[0]["request"]
        assert request["headers"]["x-pet"] == "REDACTED"
        assert request["querystring"] == {"colour": "REDACTED", "size": "7"}


async def test_webhook_to_a_proxy_of_the_runtime_itself_is_not_told_of_again(tmp_path: Path) -> None:
    async with stage(echoes(tmp_path)) as on:
        hook = await on.hook("http-log-enterprise", config={"url": f"{on.house.url}/echoes"})
        await on.house.get("/echoes")
        active = on.hooks.find(hook["id"])
        assert active is not None
        await until(lambda: active.delivery.counts.delivered == 2)
        await asyncio.sleep(0.1)

        assert active.delivery.counts.delivered == 2


QUOTA = """<Quota name="Q"><Identifier ref="request.header.x-api-key"/><Allow count="1"/>
<Interval>1</Interval><TimeUnit>month</TimeUnit></Quota>"""
ARREST = '<SpikeArrest name="SA"><Identifier ref="request.queryparam.who"/><Rate>1pm</Rate></SpikeArrest>'


@pytest.mark.parametrize(
    ("policy", "source", "told"),
    [
        (QUOTA, "quota", {"policy": "Q", "policy_type": "Quota", "identifier": "abcd…", "limit": 1}),
        (ARREST, "spike-arrest", {"policy": "SA", "identifier": "ada", "limit": 1, "window": 60}),
    ],
)
async def test_exceeded_limit_is_told_with_keys_cut_short(
    tmp_path: Path, policy: str, source: str, told: dict[str, Any]
) -> None:
    name = told["policy"]
    files = {
        "proxies/default.xml": proxy("/q", request=steps(name), routes='<RouteRule name="n"/>'),
        f"policies/{name}.xml": policy,
    }
    async with stage(write_bundle(tmp_path, "q", files)) as on:
        await on.hook(source, "exceeded")
        for _ in range(2):
            await on.house.get("/q?who=ada", headers={"X-API-Key": "abcdefghijkl"})
        await until(on.receiver.events)

        (event,) = on.receiver.events()
        assert told.items() <= event.items()
        assert (event["proxy"], event["ip"], event["consumer"]) == ("q", "127.0.0.1", None)


async def test_target_server_that_is_taken_out_and_put_back_is_told_once_each(tmp_path: Path) -> None:
    servers = "<Algorithm>RoundRobin</Algorithm><MaxFailures>2</MaxFailures><Server name='one'/>"
    monitor = (
        "<HealthMonitor><IsEnabled>true</IsEnabled><IntervalInSec>1</IntervalInSec><TCPMonitor>"
        "<ConnectTimeoutInSec>1</ConnectTimeoutInSec></TCPMonitor></HealthMonitor>"
    )
    connection = f"<LoadBalancer>{servers}</LoadBalancer>{monitor}"
    files = {"proxies/default.xml": proxy("/b"), "targets/default.xml": target(connection=connection)}
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    place = Place("targetservers.json")
    one = TargetServer("one", "127.0.0.1", port, "HTTP", True, None, "", place)
    environment = Environment(target_servers={"one": one})
    async with stage(write_bundle(tmp_path, "b", files), environment=environment) as on:
        await on.hook("targets", "health")
        statuses = [(await on.house.get("/b")).status for _ in range(3)]
        await until(on.receiver.events)
        listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
        await until(lambda: len(on.receiver.events()) == 2)
        listening.close()

        assert statuses == [503, 503, 503]
        told = [
            (event["proxy"], event["target_server"], event["port"], event["health"])
            for event in on.receiver.events()
        ]
        assert told == [("b", "one", port, "unhealthy"), ("b", "one", port, "healthy")]


async def test_answers_do_not_wait_for_a_receiver_that_hangs(tmp_path: Path) -> None:
    async with stage(echoes(tmp_path)) as on:
        await on.hook("http-log-enterprise")
        on.receiver.held = asyncio.Event()
        async with asyncio.timeout(3):
            answers = [(await on.house.get("/echoes")).status for _ in range(10)]
        arrived = len(on.receiver.seen)
        on.receiver.held.set()
        await until(lambda: len(on.receiver.events()) == 10)

        assert (answers, arrived <= 2) == ([200] * 10, True)

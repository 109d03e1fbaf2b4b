"""`/event-hooks`: shapes, status codes and validation."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.control.events.stage import echoes, stage, until

QUEUE = {
    "max_entries": 10000,
    "max_retry_time": 60.0,
    "initial_retry_delay": 0.01,
    "max_retry_delay": 60.0,
    "concurrency_limit": 1,
}


async def test_hook_is_created_read_listed_changed_replaced_and_deleted() -> None:
    async with stage() as on:
        status, made = await on.api(
            "POST", "/event-hooks", {"source": "faults", "event": "raised", "handler": "log"}
        )
        assert status == 201
        assert uuid.UUID(made["id"])
        assert made == {
            "id": made["id"],
            "created_at": made["created_at"],
            "source": "faults",
            "event": "raised",
            "handler": "log",
            "on_change": None,
            "snooze": None,
            "config": {"queue": QUEUE},
        }
        path = f"/event-hooks/{made['id']}"
        assert await on.api("GET", path) == (200, made)
        assert await on.api("GET", "/event-hooks") == (200, {"data": [made], "next": None})

        status, changed = await on.api("PATCH", path, {"snooze": 5, "config": {"queue": {"max_entries": 3}}})
        assert status == 200
        assert (changed["snooze"], changed["event"]) == (5, "raised")
        assert changed["config"]["queue"]["max_entries"] == 3

        status, replaced = await on.api("PUT", path, {"source": "quota", "handler": "log"})
        assert (status, replaced["id"], replaced["event"], replaced["snooze"]) == (
            200,
            made["id"],
            None,
            None,
        )

        assert await on.api("DELETE", path) == (204, None)
        assert await on.api("DELETE", path) == (204, None)
        assert await on.api("GET", path) == (404, {"message": "Not found"})
        assert await on.api("GET", "/event-hooks") == (200, {"data": [], "next": None})


async def test_webhook_shows_its_whole_configuration_and_is_pinged_when_it_is_made() -> None:
    async with stage() as on:
        hook = await on.hook("proxies", config={"secret": "s3cret"})
        assert hook["config"] == {
            "url": on.receiver.url,
            "headers": None,
            "secret": "s3cret",
            "signature": "sha256=hex",
            "ssl_verify": True,
            "queue": QUEUE,
        }
        await until(lambda: on.receiver.seen)

        (ping,) = on.receiver.seen
        shown = {**hook, "config": {**hook["config"], "secret": None}}
        assert ping.json() == {"source": "kong:event_hooks", "event": "ping", "event_hooks": shown}


async def test_form_as_curl_sends_it_makes_the_hook_of_kongs_documentation() -> None:
    async with stage() as on:
        form = {
            "source": "crud",
            "event": "consumers",
            "handler": "webhook-custom",
            "on_change": "true",
            "snooze": "60",
            "config.url": on.receiver.url,
            "config.method": "post",
            "config.headers.content-type": "application/json",
            "config.payload.text": "new {{ entity.username }}",
            "config.ssl_verify": "false",
        }
        status, hook = await on.api("POST", "/event-hooks", data=form)

    assert status == 201
    assert (hook["on_change"], hook["snooze"], hook["config"]["ssl_verify"]) == (True, 60, False)
    assert hook["config"]["method"] == "POST"
    assert hook["config"]["headers"] == {"content-type": "application/json"}
    assert hook["config"]["payload"] == {"text": "new {{ entity.username }}"}


@pytest.mark.parametrize(
    ("document", "fields", "message"),
    [
        (
            {},
            {"source": "required field missing", "handler": "required field missing"},
            "2 schema violations (source: required field missing; handler: required field missing)",
        ),
        (
            {"source": "x", "handler": "webhook"},
            {"config": {"url": "required field missing"}},
            "schema violation (config.url: required field missing)",
        ),
        (
            {"source": "x", "handler": "pigeon"},
            {"handler": "expected one of: webhook, webhook-custom, log, lambda"},
            "schema violation (handler: expected one of: webhook, webhook-custom, log, lambda)",
        ),
        (
            {"source": "x", "handler": "webhook", "config": {"url": "http://"}},
            {"config": {"url": "missing host in url"}},
            "schema violation (config.url: missing host in url)",
        ),
        (
            {"source": "x", "handler": "log", "colour": "blue"},
            {"colour": "unknown field"},
            "schema violation (colour: unknown field)",
        ),
        (
            {"source": "x", "handler": "log", "config": {"url": "http://a"}},
            {"config": {"url": "unknown field"}},
            "schema violation (config.url: unknown field)",
        ),
        (
            {"source": 7, "handler": "log", "snooze": 1.5, "on_change": "often"},
            {
                "source": "expected a string",
                "snooze": "expected an integer",
                "on_change": "expected a boolean",
            },
            "3 schema violations (source: expected a string; on_change: expected a boolean; "
            "snooze: expected an integer)",
        ),
        (
            {
                "source": "x",
                "handler": "webhook",
                "config": {"url": "http://a", "headers": {"X-A": "1\r\nX-B: 2"}},
            },
            {"config": {"headers": "header X-A: a value has no line breaks"}},
            "schema violation (config.headers: header X-A: a value has no line breaks)",
        ),
        (
            {"source": "x", "handler": "lambda", "config": {"functions": ["os.system"]}},
            {
                "config": {
                    "functions": 'the configuration file does not allow a function "os.system" (allowed: none); '
                    "whoever runs the server names it under `lambdas` in the file of --event-hooks"
                }
            },
            None,
        ),
        ([], {"@entity": "expected a record"}, "schema violation (@entity: expected a record)"),
    ],
)
async def test_what_is_wrong_is_told_as_kong_tells_it(
    document: object, fields: dict[str, object], message: str | None
) -> None:
    async with stage() as on:
        status, body = await on.api("POST", "/event-hooks", document)

        assert status == 400
        assert (body["code"], body["name"], body["fields"]) == (2, "schema violation", fields)
        if message is not None:
            assert body["message"] == message
        assert on.hooks.all() == []


async def test_text_that_is_no_json_is_refused() -> None:
    async with stage() as on:
        answer = await on.api("POST", "/event-hooks", data=b"{", headers={"Content-Type": "application/json"})

    assert answer == (400, {"message": "Cannot parse JSON body"})


async def test_second_hook_of_an_id_is_refused() -> None:
    document = {"id": str(uuid.uuid4()), "source": "faults", "handler": "log"}
    async with stage() as on:
        assert (await on.api("POST", "/event-hooks", document))[0] == 201
        status, body = await on.api("POST", "/event-hooks", document)

    assert (status, body["code"], body["fields"]) == (409, 5, {"id": document["id"]})


async def test_put_makes_the_hook_that_is_not_there() -> None:
    hook_id = str(uuid.uuid4())
    async with stage() as on:
        status, hook = await on.api("PUT", f"/event-hooks/{hook_id}", {"source": "faults", "handler": "log"})

    assert (status, hook["id"]) == (200, hook_id)


async def test_list_comes_in_pages() -> None:
    async with stage() as on:
        for _ in range(5):
            await on.api("POST", "/event-hooks", {"source": "faults", "handler": "log"})
        seen, path = [], "/event-hooks?size=2"
        while path:
            _, page = await on.api("GET", path)
            seen.append(len(page["data"]))
            path = page["next"]

        assert seen == [2, 2, 1]
        assert (await on.api("GET", "/event-hooks?size=0"))[0] == 400


async def test_sources_list_what_the_runtime_and_its_policies_publish(tmp_path: Path) -> None:
    async with stage(echoes(tmp_path)) as on:
        _, everything = await on.api("GET", "/event-hooks/sources")
        sources = everything["data"]

        assert {"proxies", "faults", "quota", "spike-arrest", "targets", "http-log-enterprise"} <= set(
            sources
        )
        assert set(sources["proxies"]) == {"deployed", "updated", "undeployed", "refused"}
        log = sources["http-log-enterprise"]["log"]
        assert log["fields"][:4] == ["consumer", "ip", "service", "route"]
        assert (log["unique"], log["description"]) == (
            ["consumer", "ip", "service"],
            "Run an event for a request",
        )
        quota = (200, {"data": sources["quota"]})
        exceeded = (200, {"data": sources["quota"]["exceeded"]})
        assert await on.api("GET", "/event-hooks/sources/quota") == quota
        assert await on.api("GET", "/event-hooks/sources/quota/exceeded") == exceeded
        assert (await on.api("GET", "/event-hooks/sources/nothing"))[0] == 404
        assert (await on.api("GET", "/event-hooks/sources/quota/nothing"))[0] == 404


async def test_test_runs_the_handler_now_and_shows_the_answer_of_the_target() -> None:
    async with stage() as on:
        hook = await on.hook("faults", "raised", snooze=60)
        await until(lambda: on.receiver.seen)
        for _ in range(2):
            status, body = await on.api("POST", f"/event-hooks/{hook['id']}/test", {"policy": "P"})

            data = {"policy": "P", "source": "faults", "event": "raised"}
            assert (status, body["data"]) == (200, data)
            assert (body["result"]["status"], body["result"]["body"]) == (200, "noted")
            assert body["result"]["headers"]["content-type"].startswith("text/plain")
        assert on.receiver.events() == [data, data]


async def test_test_of_a_target_that_refuses_says_so() -> None:
    async with stage() as on:
        hook = await on.hook("faults", config={"queue": {"max_retry_time": 0}})
        await until(lambda: on.receiver.seen)
        on.receiver.statuses = [302]
        status, body = await on.api("POST", f"/event-hooks/{hook['id']}/test", {})

        assert (status, body["message"]) == (502, f"{on.receiver.url} answered 302")


async def test_ping_is_for_webhooks_alone() -> None:
    async with stage() as on:
        webhook = await on.hook("faults")
        _, log = await on.api("POST", "/event-hooks", {"source": "faults", "handler": "log"})
        await until(lambda: on.receiver.seen)

        status, ping = await on.api("GET", f"/event-hooks/{webhook['id']}/ping")
        assert (status, ping["source"], ping["event"]) == (200, "kong:event_hooks", "ping")
        assert len(on.receiver.seen) == 2
        assert (await on.api("GET", f"/event-hooks/{log['id']}/ping"))[0] == 400
        assert (await on.api("GET", f"/event-hooks/{uuid.uuid4()}/ping"))[0] == 404

"""What is called when a transaction has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from apiproxy_runtime.message.context import MessageContext
from tests.house import house, note, proxy, raise_fault, steps, target, write_bundle

POST_CLIENT = f"<PostClientFlow><Response>{steps('N')}</Response></PostClientFlow>"
NULL_ROUTE = '<RouteRule name="none"/>'


def status_of(ctx: MessageContext) -> int | None:
    answer = ctx.error if ctx.fault is not None else ctx.response
    return answer.status if answer is not None else None


async def test_it_is_told_of_answers_faults_and_post_client_flows_once_each(tmp_path: Path) -> None:
    plain = write_bundle(tmp_path, "plain", {"proxies/default.xml": proxy("/plain", routes=NULL_ROUTE)})
    fails = write_bundle(
        tmp_path,
        "fails",
        {
            "proxies/default.xml": proxy("/fails", request=steps("R"), routes=NULL_ROUTE),
            "policies/R.xml": raise_fault("R", 418),
        },
    )
    later = write_bundle(
        tmp_path,
        "later",
        {
            "proxies/default.xml": proxy("/later", routes=NULL_ROUTE, extra=POST_CLIENT),
            "policies/N.xml": note("N"),
        },
    )
    ended: list[tuple[str, int | None, str]] = []
    async with house(plain, fails, later) as running:
        gateway = running.runtime.gateway
        gateway.concluded = (
            lambda ctx: ended.append((ctx.base_path, status_of(ctx), ctx.variables.get("trail", ""))),
        )
        for path in ("/plain", "/fails", "/later", "/nowhere"):
            await running.get(path)
        await gateway.drain(1)

        assert ended == [("/plain", 200, ""), ("/fails", 418, ""), ("/later", 200, " N")]
        assert gateway.unmatched == 1


async def test_it_sees_when_the_answer_was_sent(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path, "p", {"proxies/default.xml": proxy("/t"), "targets/default.xml": target()}
    )
    ended: list[MessageContext] = []
    async with house(bundle) as running:
        running.runtime.gateway.concluded = (ended.append,)
        await running.get("/t/a")

    (ctx,) = ended
    assert ctx.target is not None
    assert (
        0
        < ctx.client.received_start
        <= ctx.target.sent_start
        <= ctx.target.received_end
        <= ctx.client.sent_end
    )


async def test_client_that_leaves_before_its_answer_is_told_of_with_no_time_of_sending(
    tmp_path: Path,
) -> None:
    bundle = write_bundle(
        tmp_path, "p", {"proxies/default.xml": proxy("/t"), "targets/default.xml": target()}
    )
    asked = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.sleep(5)
        return web.Response()

    ended: list[MessageContext] = []
    async with house(bundle, answer=slow) as running:
        running.runtime.gateway.concluded = (ended.append,)
        async with aiohttp.ClientSession() as client:
            call = asyncio.create_task(client.get(f"{running.url}/t"))
            await asked.wait()
            call.cancel()
        async with asyncio.timeout(3):
            while not ended:
                await asyncio.sleep(0.01)

        assert [(ctx.client.sent_end, status_of(ctx)) for ctx in ended] == [(0.0, None)]


async def test_what_fails_there_is_logged_and_the_next_request_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = write_bundle(tmp_path, "p", {"proxies/default.xml": proxy("/t", routes=NULL_ROUTE)})

    def fail(ctx: MessageContext) -> None:
        raise OSError("disk full")

    async with house(bundle) as running:
        running.runtime.gateway.concluded = (fail,)
        answers = [(await running.get("/t")).status for _ in range(2)]

    assert answers == [200, 200]
    assert "disk full" in caplog.text

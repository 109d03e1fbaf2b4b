"""The sample bundle, run as `make serve` runs it: real servers, real gRPC."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.samples.sample import TRAFFIC, Copy, Started, running_sample


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def get(client: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, Any, Any]:
    async with client.get(url, headers=headers) as answer:
        return answer.status, json.loads(await answer.read()), answer.headers


async def test_the_load_balancer_takes_turns(client: aiohttp.ClientSession, url: str):
    answers = [await get(client, f"{url}/1001") for _ in range(4)]
    assert [status for status, _, _ in answers] == [200] * 4
    served_by = [headers["X-Served-By"] for _, _, headers in answers]
    assert served_by[0] == served_by[2] != served_by[1] == served_by[3]
    assert answers[0][1] == {"id": "1001", "sku": "tea", "quantity": 2, "customer": "ada", "total": "29.90"}


async def test_an_order_of_the_legacy_desk_comes_as_json(client: aiohttp.ClientSession, url: str):
    status, body, headers = await get(client, f"{url}/L-7")
    assert (status, body) == (200, {"id": "L-7", "sku": "cup", "quantity": 6, "customer": "Chen & Sons"})
    assert headers["Content-Type"] == "application/json"


async def test_the_list_has_a_default_limit_from_the_property_set(client: aiohttp.ClientSession, url: str):
    _, body, _ = await get(client, f"{url}?customer=bob")
    assert (body["limit"], [order["customer"] for order in body["orders"]]) == (20, ["bob"])
    _, body, _ = await get(client, f"{url}?limit=1")
    assert (body["limit"], len(body["orders"])) == (1, 1)


@pytest.mark.parametrize(
    ("query", "tier", "total"),
    [
        ("sku=tea&quantity=2&customer=ada", "gold", "27.40"),
        ("sku=tea&quantity=2&customer=bob", "silver", "28.65"),
        ("sku=tea&quantity=2", "none", "29.90"),
        ("sku=tea&quantity=4", "none", "50.00"),
    ],
)
async def test_a_quote_knows_tier_discount_and_shipping(
    client: aiohttp.ClientSession, url: str, query: str, tier: str, total: str
):
    status, body, headers = await get(client, f"{url}/quote?{query}")
    assert status == 200
    assert (body["tier"], body["total"], body["currency"], body["inStock"]) == (tier, total, "EUR", True)
    assert "User-Agent" not in headers


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/9999", 404, "There is no order 9999."),
        ("/L-8", 404, "There is no order L-8."),
        ("/a/b", 404, "This API has no GET /a/b."),
        ("/quote?quantity=1", 400, "Send a sku, and a quantity from 1 to 9999."),
        ("/quote?sku=tea&quantity=many", 400, "Send a sku, and a quantity from 1 to 9999."),
        ("/quote?sku=salt&quantity=1", 400, "We do not sell salt."),
        ("/quote?sku=tea&quantity=1&customer=mallory", 403, "Customer mallory may not order."),
    ],
)
async def test_what_is_refused_says_why(
    client: aiohttp.ClientSession, url: str, path: str, status: int, error: str
):
    answered, body, headers = await get(client, f"{url}{path}", **{"X-Correlation-Id": "mine-1"})
    assert (answered, body) == (status, {"error": error})
    assert headers["X-Correlation-Id"] == "mine-1"
    assert headers["X-Notice"] == "Closed on Sundays"


async def test_a_new_order_is_priced_and_has_a_location(client: aiohttp.ClientSession, url: str):
    order = {"sku": "cup", "quantity": 2, "customer": "bob"}
    async with client.post(url, json=order) as answer:
        placed = await answer.json()
        assert answer.status == 201
        assert placed == {"id": placed["id"], **order, "total": "20.10"}
        assert answer.headers["Location"] == f"/orders/v1/{placed['id']}"
    status, body, _ = await get(client, f"{url}/{placed['id']}")
    assert (status, body) == (200, placed)


async def test_more_than_the_stock_is_a_conflict(client: aiohttp.ClientSession, url: str):
    async with client.post(url, json={"sku": "cup", "quantity": 9, "customer": "bob"}) as answer:
        assert answer.status == 409
        assert await answer.json() == {"error": "Only 3 of cup are left."}


async def test_each_transaction_has_an_id_of_its_own_without_one_from_the_caller(
    client: aiohttp.ClientSession, url: str
):
    ids = {(await get(client, f"{url}/1001"))[2]["X-Correlation-Id"] for _ in range(3)}
    assert len(ids) == 3


async def test_the_journal_is_written_after_the_client_has_its_answer(
    client: aiohttp.ClientSession, url: str, sample: tuple[Copy, Started]
):
    await get(client, f"{url}/1001", **{"X-Correlation-Id": "for-the-journal"})
    journal = sample[0].folder / ".apiproxy/records/cloud-logging.jsonl"
    for _ in range(100):
        if journal.exists() and "for-the-journal" in journal.read_text():
            break
        await asyncio.sleep(0.05)
    entry = json.loads(next(line for line in journal.read_text().splitlines() if "for-the-journal" in line))
    assert entry["logName"] == "projects/hybrid/logs/orders"
    assert entry["jsonPayload"] == {
        "correlation": "for-the-journal",
        "request": "GET /1001",
        "status": 200,
    }
    await asyncio.to_thread(sample[1].wait_for, "* ML-Journal (MessageLogging)", 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_to_the_runner_stops_everything(tmp_path: Path, number: signal.Signals):
    with running_sample(tmp_path) as (copy, started):
        os.kill(started.process.pid, number)
        assert started.process.wait(20) == 0
        for port in copy.ports.values():
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_port_that_is_taken_is_told(tmp_path: Path):
    with running_sample(tmp_path / "first") as (copy, _):
        second = Started(
            ["python", "samples/run.py", "--port", str(copy.ports[TRAFFIC])],
            copy.folder,
            dict(os.environ),
            tmp_path / "log",
        )
        assert second.process.wait(20) != 0
        assert "targetservers.json taken?" in second.text()
        second.stop()

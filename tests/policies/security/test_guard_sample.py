"""The sample bundle of what lets requests in, over HTTP: each policy in a flow of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import read_test_data
from tests.house import House, house

SAMPLE = Path(__file__).resolve().parents[3] / "samples/policies/security"
BASE = "/samples/guard"
XML = {"Content-Type": "text/xml"}


@pytest.fixture
async def gateway() -> AsyncIterator[House]:
    async with house(SAMPLE / "apiproxy", test_data=read_test_data(SAMPLE, Findings())) as running:
        yield running


async def test_a_shop_may_call_from_its_pages(gateway: House) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    reply = await gateway.call("OPTIONS", f"{BASE}/json", headers=asked)
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert reply.headers["Access-Control-Max-Age"] == "600"
    reply = await gateway.get(f"{BASE}/search?q=tea", headers={"Origin": "https://shop.example"})
    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "https://shop.example")
    reply = await gateway.get(f"{BASE}/search?q=tea", headers={"Origin": "https://elsewhere.example"})
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize(("address", "status"), [("198.51.100.7", 200), ("203.0.113.9", 403)])
async def test_the_office_is_known_by_its_address(gateway: House, address: str, status: int) -> None:
    reply = await gateway.get(f"{BASE}/office", headers={"X-Forwarded-For": address})
    assert reply.status == status
    if status == 403:
        assert reply.fault() == (
            "steps.accesscontrol.IPDeniedAccess",
            f"Access Denied for client ip : {address}",
        )


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('{"items":[1,2,3]}', ""),
        ('{"items":[1,2,3,4]}', "steps.jsonthreatprotection.ExecutionFailed"),
        ('{"a":{"b":{"c":{"d":{}}}}}', "steps.jsonthreatprotection.ExecutionFailed"),
        ('{"a":"a text that goes on and on"}', "steps.jsonthreatprotection.ExecutionFailed"),
    ],
)
async def test_json_stays_modest(gateway: House, body: str, fault: str) -> None:
    reply = await gateway.call(
        "POST", f"{BASE}/json", data=body, headers={"Content-Type": "application/json"}
    )
    assert reply.status == (500 if fault else 200)
    assert not fault or reply.fault()[0] == fault


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<o><i><n>tea</n></i></o>", ""),
        ("<o><i><n><x/></n></i></o>", "steps.xmlthreatprotection.ExecutionFailed"),
        ("<o>a text that goes on and on</o>", "steps.xmlthreatprotection.ExecutionFailed"),
        ("<o>" + "<i/>" * 6 + "</o>", "steps.xmlthreatprotection.ExecutionFailed"),
    ],
)
async def test_xml_stays_modest(gateway: House, body: str, fault: str) -> None:
    reply = await gateway.call("POST", f"{BASE}/xml", data=body, headers=XML)
    assert reply.status == (500 if fault else 200)
    assert fault in reply.text


async def test_a_search_holds_no_sql(gateway: House) -> None:
    assert (await gateway.get(f"{BASE}/search?q=green%20tea")).status == 200
    reply = await gateway.get(f"{BASE}/search?q=tea;%20DROP%20TABLE%20orders")
    assert (reply.status, reply.fault()[0]) == (500, "steps.regexprotection.ThreatDetected")

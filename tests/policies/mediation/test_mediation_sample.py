"""The sample of the mediation policies, called over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from apiproxy_runtime.policy.registry import find_policy
from tests.house import House, Reply, house
from tests.policies.kit import findings_of

SAMPLE = Path(__file__).parents[3] / "samples/policies/mediation/apiproxy"
BASE = "/samples/mediation"
TAGS = (
    *(
        "XMLToJSON",
        "JSONToXML",
        "XSL",
        "OASValidation",
        "MessageValidation",
        "HTTPModifier",
        "ReadPropertySet",
    ),
    *("GraphQL", "ParsePayload", "ParseDialogflowRequest", "SetDialogflowResponse"),
    *("SetIntegrationRequest", "IntegrationCallout"),
)
BASKET = '<basket><item price="2.5">tea</item><item price="4">salt</item></basket>'


async def integration(request: web.Request) -> web.StreamResponse:
    """A stand-in for Application Integration."""
    return web.json_response({"called": request.raw_path, "got": await request.json()})


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[House]:
    async with house(SAMPLE, answer=integration) as running:
        led = running.runtime.egress.ways.connect_to
        led["integrations.googleapis.com"] = f"http://127.0.0.1:{running.upstream.port}"
        yield running


async def sent(gateway: House, path: str, body: str, type: str, method: str = "POST") -> Reply:
    return await gateway.call(method, BASE + path, data=body, headers={"Content-Type": type})


RESOURCES = {
    "xsl://summary.xsl": (SAMPLE / "resources/xsl/total.xsl").read_text(),
    "xsl://lines.xsl": (SAMPLE / "resources/xsl/lines.xsl").read_text(),
    "oas://orders.yaml": (SAMPLE / "resources/oas/orders.yaml").read_text(),
    "xsd://order.xsd": (SAMPLE / "resources/xsd/item.xsd")
    .read_text()
    .replace("</xs:schema>", '<xs:element name="order"/></xs:schema>'),
    "graphql://schema.graphql": (SAMPLE / "resources/graphql/shop.graphql").read_text(),
}


@pytest.mark.parametrize("tag", TAGS)
def test_examples_of_the_reference_can_be_deployed(tag: str):
    policy = find_policy(tag)
    assert policy is not None
    assert findings_of(policy.example, resources=RESOURCES) == []


@pytest.mark.parametrize("tag", TAGS)
def test_the_sample_has_every_policy_that_transforms_or_validates(tag: str):
    assert any(f"<{tag} " in file.read_text() for file in (SAMPLE / "policies").iterdir())


async def test_xml_becomes_json(gateway: House):
    reply = await sent(gateway, "/to-json", BASKET, "application/xml")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json() == {"basket": [{"@price": "2.5", "#text": "tea"}, {"@price": "4", "#text": "salt"}]}


async def test_malformed_xml_is_a_fault_in_xml_for_a_client_that_speaks_it(gateway: House):
    reply = await sent(gateway, "/to-json", "<basket>", "text/xml")
    assert reply.status == 500
    assert reply.text == (
        "<fault><faultstring>XMLToJSON[X2J-Basket]: Execution failed. reason: Premature end of document while parsing "
        "at line 1(possibly  around char 9)</faultstring>"
        "<detail><errorcode>steps.xml2json.ExecutionFailed</errorcode></detail></fault>"
    )


async def test_json_becomes_xml(gateway: House):
    body = '{"item":[{"@price":2.50,"#text":"tea"},{"@price":4,"#text":"salt & pepper"}]}'
    reply = await sent(gateway, "/to-xml", body, "application/json")
    assert reply.headers["Content-Type"] == "text/xml;charset=utf-8"
    assert reply.text == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<basket><item price="2.50">tea</item><item price="4">salt &amp; pepper</item></basket>'
    )


@pytest.mark.parametrize(("query", "currency"), [("", "EUR"), ("?currency=NOK", "NOK")])
async def test_a_stylesheet_with_a_part_and_a_parameter(gateway: House, query: str, currency: str):
    reply = await sent(gateway, f"/total{query}", BASKET, "application/xml")
    assert reply.text.strip() == (
        f'<total currency="{currency}" sum="6.5"><line>tea</line><line>salt</line></total>'
    )


@pytest.mark.parametrize(
    ("path", "order", "problem"),
    [
        ("/orders/7", {"sku": "tea", "quantity": 1, "note": None}, None),
        ("/orders/7?dryRun=true", {"sku": "tea", "quantity": 1}, None),
        ("/orders/7", {"sku": "tea"}, 'Object has missing required properties (["quantity"])'),
        ("/orders/0", {"sku": "tea", "quantity": 1}, "[Parameter 'id'] Numeric instance is lower"),
        ("/orders/7?x=1", {"sku": "tea", "quantity": 1}, "Query parameter 'x' is unexpected"),
        ("/orders/7/8", {}, "No API path found"),
    ],
)
async def test_orders_against_the_openapi_document(
    gateway: House, path: str, order: Any, problem: str | None
):
    reply = await sent(gateway, path, json.dumps(order), "application/json", "PUT")
    if problem is None:
        assert (reply.status, reply.json()) == (200, order)
    else:
        code, text = reply.fault()
        assert (reply.status, code) == (400, "steps.oasvalidation.Failed")
        assert problem in text


@pytest.mark.parametrize(
    ("body", "status"), [(BASKET, 200), (BASKET.replace("2.5", "much"), 500), ("<x/>", 500)]
)
async def test_baskets_against_the_schema(gateway: House, body: str, status: int):
    reply = await sent(gateway, "/basket", body, "application/xml")
    assert reply.status == status
    assert (
        reply.text == body
        if status == 200
        else "MessageValidation MV-Basket failed with reason" in reply.text
    )


async def test_headers_and_status_change_and_the_payload_stays(gateway: House):
    reply = await gateway.call("POST", f"{BASE}/modified", data="same", headers={"X-Secret": "1"})
    assert (reply.status, reply.text, reply.headers["X-Verb"]) == (202, "same", "POST")
    assert "X-Secret" not in reply.headers


@pytest.mark.parametrize(("tier", "limit"), [("gold", 1000), ("tin", 10)])
async def test_limits_of_the_property_set(gateway: House, tier: str, limit: int):
    assert (await gateway.get(f"{BASE}/limit?tier={tier}")).json() == {"limit": limit}


async def test_a_graphql_query(gateway: House):
    pytest.importorskip("graphql")
    reply = await sent(gateway, "/graphql", "{item(id: 1){name similar{id}}}", "application/graphql")
    assert reply.json() == {"type": "QUERY", "field": "item", "id": "IntValue{value=1}"}
    reply = await sent(gateway, "/graphql", "{item(id: 1){price}}", "application/graphql")
    assert (reply.status, reply.fault()[0]) == (400, "steps.graphql.VerificationFailed")


async def test_an_mcp_request(gateway: House):
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    call["params"] = {"name": "get_weather", "arguments": {"city": "Oslo"}}
    reply = await sent(gateway, "/mcp", json.dumps(call), "application/json")
    assert reply.json() == {"operation": "tools/call/get_weather", "city": "Oslo"}


async def test_a_webhook_of_dialogflow(gateway: House):
    webhook = {"sessionInfo": {"session": "s", "parameters": {"city": "Oslo", "seats": 2}}}
    reply = await sent(gateway, "/webhook", json.dumps(webhook), "application/json")
    assert reply.json() == {
        "fulfillmentResponse": {
            "messages": [{"text": {"text": ["You are going to", "Oslo"]}}],
            "mergeBehavior": "REPLACE",
        },
        "sessionInfo": {"parameters": {"seats": 2}},
    }


@pytest.mark.parametrize(
    ("path", "method"), [("/integration/target", "execute"), ("/integration/callout", "schedule")]
)
async def test_an_integration_as_target_and_as_callout(gateway: House, path: str, method: str):
    reply = await gateway.get(f"{BASE}{path}?id=7")
    called = f"/v1/projects/my-project/locations/europe-west1/integrations/process-order:{method}"
    inputs = {"id": {"intValue": "7"}, "from": {"jsonValue": f'{{"path": "{path}"}}'}}
    assert reply.json() == {
        "called": called,
        "got": {"triggerId": "api_trigger/process-order_API_1", "inputParameters": inputs},
    }

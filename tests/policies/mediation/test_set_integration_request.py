"""SetIntegrationRequest: declaration, the request object, its parameters, faults."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, findings_of, load, read, run

NAMES = (
    "<ProjectId>proj</ProjectId><IntegrationName>orders</IntegrationName>"
    "<IntegrationRegion>europe-west1</IntegrationRegion><ApiTrigger>api_trigger/go</ApiTrigger>"
)
VARIABLES = {
    "n": 7,
    "s": "text",
    "flag": True,
    "list": ["a", "b"],
    "numbers": "[1, 2]",
    "object": {"a": 1},
    "big": "9223372036854775808",
}


def policy(body: str = "", names: str = NAMES) -> str:
    return f'<SetIntegrationRequest name="SIR">{names}{body}</SetIntegrationRequest>'


async def made(
    body: str = "", names: str = NAMES, name: str = "integration.request"
) -> tuple[Message, MessageContext]:
    ctx = await run(compile_policy(policy(body, names)), context(variables=VARIABLES))
    message = ctx.variables[name]
    assert isinstance(message, Message)
    return message, ctx


def test_all_elements_are_known():
    body = """<ScheduleTime>2030-01-01T00:00:00Z</ScheduleTime><Request>mine</Request>
    <Parameters substitutionVariableChar="$"><Parameter name="a" type="integer" ref="b">1</Parameter>
    <ParameterArray name="c" type="double" ref="d"><Value ref="e">1.5</Value></ParameterArray></Parameters>"""
    assert findings_of(policy(body)) == []
    assert load(policy())[0].failed_variables() == ("setintegrationrequest.SIR.failed",)


@pytest.mark.parametrize("element", ["IntegrationName", "IntegrationRegion", "ApiTrigger"])
def test_an_integration_needs_name_region_and_trigger(element: str):
    start, end = NAMES.index(f"<{element}>"), NAMES.index(f"</{element}>") + len(f"</{element}>")
    assert deploy_errors(policy(names=NAMES[:start] + NAMES[end:])) == ["InvalidElement"]


def test_a_type_that_there_is_not():
    assert deploy_errors(
        policy('<Parameters><Parameter name="a" type="date">x</Parameter></Parameters>')
    ) == ["InvalidElement"]


async def test_the_request_object_and_the_variables_beside_it():
    message, ctx = await made()
    assert (message.verb, message.path) == (
        "POST",
        "/v1/projects/proj/locations/europe-west1/integrations/orders",
    )
    assert message.json() == {"triggerId": "api_trigger/go", "inputParameters": {}}
    assert read(ctx, "integration.request.header.content-type") == "application/json"
    names = ("project.id", "name", "region", "api.trigger")
    assert [read(ctx, f"integration.{name}") for name in names] == [
        "proj",
        "orders",
        "europe-west1",
        "api_trigger/go",
    ]


async def test_names_from_variables_and_a_project_by_default():
    names = (
        '<IntegrationName ref="s">x</IntegrationName><IntegrationRegion ref="none">us-west1</IntegrationRegion>'
        '<ApiTrigger ref="s"/>'
    )
    message, _ = await made("<Request>mine</Request>", names, "mine")
    assert message.path == "/v1/projects/hybrid/locations/us-west1/integrations/text"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ('<Parameter name="p">a</Parameter>', {"stringValue": "a"}),
        ('<Parameter name="p" type="string" ref="n">a</Parameter>', {"stringValue": "7"}),
        ('<Parameter name="p" type="integer" ref="n"/>', {"intValue": "7"}),
        ('<Parameter name="p" type="integer" ref="none">8</Parameter>', {"intValue": "8"}),
        ('<Parameter name="p" type="double">1.5</Parameter>', {"doubleValue": 1.5}),
        ('<Parameter name="p" type="boolean" ref="flag"/>', {"booleanValue": True}),
        ('<Parameter name="p" type="BOOLEAN">False</Parameter>', {"booleanValue": False}),
        ('<Parameter name="p" type="json">{"a": "$s$"}</Parameter>', {"jsonValue": '{"a": "text"}'}),
        ('<Parameter name="p" type="json" ref="object"/>', {"jsonValue": '{"a": 1}'}),
        ('<Parameter name="p">{s}</Parameter>', {"stringValue": "{s}"}),
        (
            '<ParameterArray name="p"><Value>a</Value><Value ref="s"/></ParameterArray>',
            {"stringArray": {"stringValues": ["a", "text"]}},
        ),
        (
            '<ParameterArray name="p" type="string" ref="list"/>',
            {"stringArray": {"stringValues": ["a", "b"]}},
        ),
        ('<ParameterArray name="p" type="integer" ref="numbers"/>', {"intArray": {"intValues": ["1", "2"]}}),
        (
            '<ParameterArray name="p" type="double"><Value>2</Value></ParameterArray>',
            {"doubleArray": {"doubleValues": [2.0]}},
        ),
        (
            '<ParameterArray name="p" type="boolean"><Value>true</Value></ParameterArray>',
            {"booleanArray": {"booleanValues": [True]}},
        ),
        (
            '<ParameterArray name="p" ref="none"><Value>a</Value></ParameterArray>',
            {"stringArray": {"stringValues": ["a"]}},
        ),
    ],
)
async def test_parameters(parameter: str, value: dict[str, Any]):
    message, _ = await made(f'<Parameters substitutionVariableChar="$">{parameter}</Parameters>')
    assert message.json()["inputParameters"] == {"p": value}


async def test_parameters_stand_in_document_order():
    body = "".join(f'<Parameter name="{name}">1</Parameter>' for name in "cab")
    message, _ = await made(f"<Parameters>{body}</Parameters>")
    assert list(message.json()["inputParameters"]) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("parameter", "name"),
    [
        ('<Parameter name="p" type="integer">x</Parameter>', "InvalidParameterValue"),
        ('<Parameter name="p" type="integer" ref="big"/>', "InvalidParameterValue"),
        ('<Parameter name="p" type="double">x</Parameter>', "InvalidParameterValue"),
        ('<Parameter name="p" type="boolean">yes</Parameter>', "InvalidParameterValue"),
        ('<Parameter name="p" type="json">{</Parameter>', "InvalidParameterValue"),
        ('<ParameterArray name="p" type="integer" ref="list"/>', "InvalidParameterValue"),
        ('<ParameterArray name="p" ref="s"/>', "InvalidParameterValue"),
        ('<Parameter name="p" ref="none"/>', "UnresolvedVariable"),
        ('<ParameterArray name="p" ref="none"/>', "UnresolvedVariable"),
    ],
)
async def test_faults(parameter: str, name: str):
    step = compile_policy(policy(f"<Parameters>{parameter}</Parameters>"))
    fault = await fault_of(step, context(variables=VARIABLES))
    assert (fault.code, fault.status) == (f"steps.setintegrationrequest.{name}", 500)

"""The emulator's JSON of a session: keys, kinds of values, order of states."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.flowhook import FlowHook
from apiproxy_runtime.control.trace.transactionjson import session_json, timestamp
from tests.control.trace.recording import recorded, transaction_of
from tests.house import proxy, raise_fault, steps, target, write_bundle

SET = """<AssignMessage name="AM-1"><DisplayName>one</DisplayName>
<AssignVariable><Name>a</Name><Ref>request.verb</Ref></AssignVariable></AssignMessage>"""


def bundle(folder: Path, request: str, **more: str) -> Path:
    return write_bundle(
        folder,
        "hello",
        {
            "proxies/default.xml": proxy("/hello", request=request, **more),
            "targets/default.xml": target(request=steps("AM-1"), response=steps("AM-1")),
            "policies/AM-1.xml": SET,
            "policies/Stop.xml": raise_fault("Stop", 418, "no"),
        },
    )


async def told(root: Path, *more: Path, environment: Environment | None = None) -> tuple[Any, list[Any]]:
    """A session's JSON after one request, and its points."""
    async with recorded(root, *more, environment=environment) as (home, session):
        await home.call("POST", "/hello/x?a=1", data=b"hi")
        await transaction_of(session)
        found = session_json(session, session.started + 1)
    return found, found["Messages"][0]["point"]


def properties(result: Any) -> dict[str, str]:
    return {item["name"]: item["value"] for item in result["properties"]["property"]}


def states(points: list[Any]) -> list[tuple[str, str]]:
    return [
        (found["From"], found["To"])
        for point in points
        if point["id"] == "StateChange"
        for found in [properties(point["results"][0])]
    ]


async def test_the_head_names_the_session(tmp_path: Path) -> None:
    found, points = await told(bundle(tmp_path, steps("AM-1")))
    head = found["DebugSession"]
    assert list(head) == [
        "Retrieved",
        "Recorded",
        "Organization",
        "Environment",
        "API",
        "Revision",
        "SessionId",
        "Version",
    ]
    assert (head["Organization"], head["Environment"], head["API"], head["Revision"]) == (
        "hybrid",
        "test",
        "hello",
        "1",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", head["Retrieved"])
    assert found["Messages"][0]["completed"] is True
    assert {point["id"] for point in points} <= {"StateChange", "FlowInfo", "Condition", "Execution"}


async def test_states_follow_each_other(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps("AM-1"), response=steps("AM-1")))
    order = [
        "REQ_START",
        "REQ_HEADERS_PARSED",
        "PROXY_REQ_FLOW",
        "TARGET_REQ_FLOW",
        "REQ_SENT",
        "RESP_START",
        "TARGET_RESP_FLOW",
        "PROXY_RESP_FLOW",
        "RESP_SENT",
        "PROXY_POST_RESP_SENT",
        "END",
    ]
    assert states(points) == list(pairwise(order))


STATES = {
    "no step anywhere": (
        {},
        "PROXY_REQ_FLOW TARGET_REQ_FLOW REQ_SENT RESP_START TARGET_RESP_FLOW PROXY_RESP_FLOW",
    ),
    "no target": ({"routes": "<RouteRule name='none'/>"}, "PROXY_REQ_FLOW PROXY_RESP_FLOW"),
    "no target, steps in the response only": (
        {"routes": "<RouteRule name='none'/>", "response": steps("AM-1")},
        "PROXY_REQ_FLOW PROXY_RESP_FLOW",
    ),
    "a fault": ({"request": steps("Stop")}, "PROXY_REQ_FLOW"),
    "a fault that a rule handles": (
        {
            "request": steps("Stop"),
            "extra": f"<FaultRules><FaultRule name='f'>{steps('AM-1')}</FaultRule></FaultRules>",
        },
        "PROXY_REQ_FLOW ERROR_FLOW",
    ),
    "a fault in the response": (
        {"routes": "<RouteRule name='none'/>", "response": steps("Stop")},
        "PROXY_REQ_FLOW PROXY_RESP_FLOW",
    ),
}


@pytest.mark.parametrize("name", STATES)
async def test_states_in_which_no_step_ran_are_told_too(name: str, tmp_path: Path) -> None:
    parts, between = STATES[name]
    root = bundle(tmp_path, **{"request": "", **parts})
    (root / "targets/default.xml").write_text(target())
    _, points = await told(root)
    order = ["REQ_START", "REQ_HEADERS_PARSED", *between.split(), "RESP_SENT", "PROXY_POST_RESP_SENT", "END"]
    assert states(points) == list(pairwise(order))


async def test_an_execution_tells_policy_variables_and_message(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps("AM-1")))
    execution = next(point for point in points if point["id"] == "Execution")
    debug, accesses, message = execution["results"]
    assert re.fullmatch(r"\d\d-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}", debug["timestamp"])
    found = properties(debug)
    took = found.pop("stepExecution-executionTime")
    assert took.isdigit()
    assert found == {
        "type": "AssignMessageExecution",
        "stepDefinition-name": "AM-1",
        "stepDefinition-displayName": "AM-1",
        "stepDefinition-type": "assignmessage",
        "stepDefinition-enabled": "true",
        "stepDefinition-async": "false",
        "stepDefinition-continueOnError": "false",
        "enforcement": "request",
        "result": "true",
        "action": "CONTINUE",
        "internal": "false",
    }
    assert accesses["ActionResult"] == "VariableAccess"
    assert {"Get": {"name": "request.verb", "value": "POST"}} in accesses["accessList"]
    assert {"Set": {"name": "a", "value": "POST", "success": True}} in accesses["accessList"]
    assert (message["ActionResult"], message["verb"], message["uRI"], message["content"]) == (
        "RequestMessage",
        "POST",
        "/hello/x?a=1",
        "hi",
    )
    assert {"name": "Content-Length", "value": "2"} in message["headers"]


async def test_only_success_and_completed_are_no_strings(tmp_path: Path) -> None:
    found, _ = await told(bundle(tmp_path, steps("AM-1")))

    def others(value: Any, key: str = "") -> list[str]:
        if isinstance(value, dict):
            return [name for part, inner in value.items() for name in others(inner, part)]
        if isinstance(value, list):
            return [name for inner in value for name in others(inner, key)]
        return [] if isinstance(value, str) else [key]

    assert set(others(found)) == {"success", "completed"}


async def test_a_skipped_step_is_an_execution_with_a_false_expression(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps(AM_1='request.verb = "PUT"')))
    execution = next(point for point in points if point["id"] == "Execution")
    found = properties(execution["results"][0])
    assert (found["Expression"], found["ExpressionResult"]) == ('request.verb = "PUT"', "false")


async def test_a_condition_that_holds_comes_before_its_execution(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps(AM_1='request.verb = "POST"')))
    at = next(index for index, point in enumerate(points) if point["id"] == "Condition")
    found = properties(points[at]["results"][0])
    assert (found["Expression"], found["ExpressionResult"]) == ('request.verb = "POST"', "true")
    assert points[at + 1]["id"] == "Execution"


async def test_a_fault_is_an_error_message_at_the_end(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps("Stop")))
    assert "Error" in [point["id"] for point in points]
    sent = next(
        point
        for point in points
        if point["id"] == "StateChange" and properties(point["results"][0])["To"] == "RESP_SENT"
    )
    assert (sent["results"][1]["ActionResult"], sent["results"][1]["statusCode"]) == ("ErrorMessage", "418")
    execution = next(point for point in points if point["id"] == "Execution")
    found = properties(execution["results"][0])
    assert (found["result"], found["action"]) == ("false", "ABORT")


async def test_a_flow_hook_is_a_callout_that_returns(tmp_path: Path) -> None:
    flow = write_bundle(
        tmp_path,
        "sf1",
        {
            "sharedflows/default.xml": f'<SharedFlow name="default">{steps("In")}</SharedFlow>',
            "policies/In.xml": SET.replace("AM-1", "In"),
        },
        "sharedflowbundle",
    )
    environment = Environment(flow_hooks={"PreProxyFlowHook": FlowHook("sf1", True, Place("flowhooks.json"))})
    _, points = await told(bundle(tmp_path, steps("AM-1")), flow, environment=environment)
    ids = [point["id"] for point in points if point["id"] != "FlowInfo"]
    at = ids.index("FlowCallout")
    assert ids[at : at + 3] == ["FlowCallout", "Execution", "FlowReturn"]
    callout = next(point for point in points if point["id"] == "FlowCallout")
    assert properties(callout["results"][0])["shared.flow.name"] == "PreProxyFlowHook->sf1"


async def test_flow_infos_name_environment_proxy_flow_and_target(tmp_path: Path) -> None:
    _, points = await told(bundle(tmp_path, steps("AM-1")))
    found: dict[str, str] = {}
    for point in points:
        if point["id"] == "FlowInfo":
            for result in point["results"]:
                found.update(properties(result))
    assert found["environment.qualifiedname"] == "hybrid__test"
    assert found["apiproxy.name"] == "hello"
    assert found["proxy.pathsuffix"] == "/x"
    assert found["route.target"] == "default"
    assert found["target.url"].startswith("http://up.test/x")
    assert {"proxy.flow.name", "target.flow.name", "current.flow.direction"} <= found.keys()


def test_timestamps_are_day_month_year_with_milliseconds() -> None:
    assert timestamp(1787950600.2155) == "28-08-26 20:56:40:215"

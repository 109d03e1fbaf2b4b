"""RaiseFault: a fault of the author's making, with the error response it brings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.program.program import FaultRule, FaultRules
from apiproxy_runtime.program.step import Step, run_steps
from apiproxy_runtime.program.transaction import begin_error, run_error_flow
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, load, read, request, response


def policy(response: str = "", rest: str = "", name: str = "RF-1") -> str:
    inner = f"<FaultResponse>{response}</FaultResponse>" if response else ""
    return f'<RaiseFault name="{name}">{inner}{rest}</RaiseFault>'


async def raised(xml: str, ctx: MessageContext | None = None, **parts: Any) -> tuple[Fault, Message]:
    """The fault, and the error response it brings."""
    fault = await fault_of(compile_policy(xml, **parts), ctx)
    assert fault.message is not None
    return fault, fault.message


# ---- declaration


def test_all_elements_are_known_and_misplaced_ones_ignored():
    _, findings = load(
        policy(
            """<AssignVariable><Name>a</Name><Value>1</Value></AssignVariable>
            <Add><Headers><Header name="h">v</Header></Headers></Add>
            <Copy source="request"><Headers><Header name="h"/></Headers><StatusCode>true</StatusCode></Copy>
            <Remove><Headers><Header name="h"/></Headers></Remove>
            <Set><Headers/><Payload contentType="text/plain">x</Payload><StatusCode>400</StatusCode>
              <ReasonPhrase>Bad</ReasonPhrase></Set>
            <AssignTo>x</AssignTo><Properties/><FaultRules/>
            <IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>""",
            "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><ShortFaultReason>true</ShortFaultReason>",
        )
    )
    assert findings == []


def test_it_needs_no_fault_response():
    assert deploy_errors(policy()) == []


def test_an_index_below_one_cannot_be_deployed():
    assert deploy_errors(policy('<Copy><Headers><Header name="h.0"/></Headers></Copy>')) == ["InvalidIndex"]


# ---- the fault


async def test_what_the_author_sets_is_the_error_response():
    fault, message = await raised(
        policy(
            """<Set><Headers><Header name="X-Verb">{request.verb}</Header></Headers>
            <Payload contentType="application/json">{"error":"{reason}"}</Payload>
            <StatusCode>{code}</StatusCode><ReasonPhrase>No, {reason}</ReasonPhrase></Set>"""
        ),
        context(variables={"code": 403, "reason": "not you"}),
    )
    assert (fault.code, fault.name, fault.status) == ("steps.raisefault.RaiseFault", "RaiseFault", 403)
    assert fault.category == "Step"
    assert (message.status, message.reason_phrase) == (403, "No, not you")
    assert (message.body, message.content_type()) == (b'{"error":"not you"}', "application/json")
    assert message.headers.get("X-Verb") == "GET"


async def test_status_is_500_and_the_body_the_default_one_unless_set():
    fault, message = await raised(policy())
    assert (fault.status, message.status, message.content_type()) == (500, 500, "application/json")
    assert message.body == (
        b'{"fault":{"faultstring":"Raising fault. Fault name : RF-1",'
        b'"detail":{"errorcode":"steps.raisefault.RaiseFault"}}}'
    )


async def test_without_payload_the_default_body_comes_with_the_status_and_headers_set():
    _, message = await raised(
        policy(
            '<Set><Headers><Header name="WWW-Authenticate">Basic</Header></Headers><StatusCode>401</StatusCode></Set>'
        )
    )
    assert (message.status, message.headers.get("WWW-Authenticate")) == (401, "Basic")
    assert json.loads(message.body)["fault"]["detail"]["errorcode"] == "steps.raisefault.RaiseFault"


async def test_the_default_body_is_xml_for_a_client_that_speaks_xml():
    _, message = await raised(policy(), context(request(headers={"Accept": "application/xml"})))
    assert message.content_type() == "text/xml"
    assert message.body.startswith(b"<fault><faultstring>Raising fault. Fault name : RF-1</faultstring>")


async def test_an_empty_payload_is_an_empty_body():
    _, message = await raised(
        policy('<Set><Payload contentType="text/plain"/><StatusCode>204</StatusCode></Set>')
    )
    assert (message.status, message.body) == (204, b"")


async def test_a_short_fault_reason_is_the_bare_name():
    fault, message = await raised(policy(rest="<ShortFaultReason>true</ShortFaultReason>"))
    assert fault.text == "RF-1"
    assert json.loads(message.body)["fault"]["faultstring"] == "RF-1"


async def test_variables_are_assigned_before_set_wherever_they_stand():
    ctx = context()
    _, message = await raised(
        policy(
            "<Set><Payload>{flag}</Payload></Set>"
            "<AssignVariable><Name>flag</Name><Value>seen</Value></AssignVariable>"
        ),
        ctx,
    )
    assert message.content == "seen"
    assert ctx.variables["flag"] == "seen"


async def test_headers_are_added_copied_and_removed():
    _, message = await raised(
        policy(
            """<Copy source="request"><Headers><Header name="X-Id"/><Header name="X-No"/></Headers></Copy>
            <Add><Headers><Header name="X-Id">2</Header></Headers></Add>
            <Remove><Headers><Header name="X-No"/></Headers></Remove>"""
        ),
        context(request(headers={"X-Id": "1", "X-No": "1", "X-Other": "1"})),
    )
    assert message.headers.values("X-Id") == ["1", "2"]
    assert "X-No" not in message.headers
    assert "X-Other" not in message.headers


async def test_status_reason_and_payload_are_copied_from_a_response():
    source = response(409, {"X": "1"}, "conflict", "text/plain")
    _, message = await raised(
        policy("<Copy source='src'><StatusCode>true</StatusCode><Payload>true</Payload></Copy>"),
        context(variables={"src": source}),
    )
    assert (message.status, message.body) == (409, b"conflict")


async def test_the_response_stays_readable_and_untouched():
    target = response(200, body="fine")
    ctx = context(response=target)
    _, message = await raised(policy("<Set><Payload>{response.content} no more</Payload></Set>"), ctx)
    assert message.content == "fine no more"
    assert (ctx.response, target.body) == (target, b"fine")


# ---- what does not resolve


async def test_unresolved_variables_are_empty_by_default():
    fault, message = await raised(policy("<Set><Payload>[{nobody}]</Payload></Set>"))
    assert (fault.name, message.content) == ("RaiseFault", "[]")


@pytest.mark.parametrize(
    "response",
    [
        "<Set><Payload>{nobody}</Payload></Set>",
        "<AssignVariable><Name>a</Name><Ref>nobody</Ref></AssignVariable>",
        "<Copy source='nobody'/>",
    ],
)
async def test_an_unresolved_variable_is_a_fault_of_its_own_when_they_are_not_ignored(response: str):
    xml = policy(response, "<IgnoreUnresolvedVariables>false</IgnoreUnresolvedVariables>")
    fault = await fault_of(compile_policy(xml))
    assert (fault.code, fault.text) == ("entities.UnresolvedVariable", "Unresolved variable : nobody")


async def test_a_misplaced_ignore_unresolved_variables_does_not_count():
    xml = policy(
        "<IgnoreUnresolvedVariables>false</IgnoreUnresolvedVariables><Set><Payload>[{nobody}]</Payload></Set>"
    )
    assert (await raised(xml))[1].content == "[]"


# ---- in the flow


def attached(xml: str, *, continue_on_error: bool = False) -> Step:
    found, _ = load(xml)
    return Step(
        compile_policy(xml),
        found.name,
        found.tag,
        continue_on_error=continue_on_error,
        failed=found.failed_variables(),
    )


async def test_continue_on_error_does_not_keep_it_from_raising():
    ctx = context()
    with pytest.raises(Fault) as caught:
        await run_steps(ctx, [attached(policy(), continue_on_error=True)])
    assert caught.value.name == "RaiseFault"


async def test_the_variables_of_the_error_flow():
    ctx = context()
    with pytest.raises(Fault) as caught:
        await run_steps(ctx, [attached(policy("<Set><StatusCode>418</StatusCode></Set>"))])
    begin_error(ctx, caught.value)
    expected = {
        "fault.name": "RaiseFault",
        "fault.category": "Step",
        "raisefault.RF-1.failed": True,
        "raisefault.failed": True,
        "error.status.code": 418,
        "error.message": "Raising fault. Fault name : RF-1",
        "is.error": True,
    }
    assert {name: read(ctx, name) for name in expected} == expected
    assert "Raising fault" in read(ctx, "message.content")


async def test_in_a_fault_rule_it_replaces_the_error_and_keeps_its_headers():
    ctx = context()
    first = policy(
        """<Set><Headers><Header name="X-First">1</Header><Header name="X-Both">first</Header></Headers>
        <Payload contentType="text/plain">first</Payload><StatusCode>401</StatusCode></Set>"""
    )
    second = policy(
        """<Set><Headers><Header name="X-Both">second</Header></Headers>
        <Payload contentType="text/html">second</Payload><StatusCode>403</StatusCode></Set>""",
        name="RF-2",
    )
    with pytest.raises(Fault) as caught:
        await run_steps(ctx, [attached(first)])
    rules = FaultRules((FaultRule("rule", None, (attached(second),)),))
    error = await run_error_flow(ctx, caught.value, rules)
    assert (error.status, error.body, error.content_type()) == (403, b"second", "text/html")
    assert (error.headers.get("X-First"), error.headers.values("X-Both")[-1]) == ("1", "second")

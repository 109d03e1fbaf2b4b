"""What Apigee refuses is never let in by what the converter leaves out."""

from __future__ import annotations

import pytest

from tests.house import proxy, steps, write_bundle
from tests.kong.convert.converted import accepted, beside, converted, plugins_of, routes_of

BACK = (
    '<TargetEndpoint name="default"><HTTPTargetConnection><URL>http://up.test/back</URL></HTTPTargetConnection>'
    "</TargetEndpoint>"
)
FAULT = (
    '<RaiseFault name="G"><FaultResponse><Set><StatusCode>403</StatusCode></Set></FaultResponse></RaiseFault>'
)
ANSWER = '<AssignMessage name="A"><Set><StatusCode>203</StatusCode></Set></AssignMessage>'
CALL = (
    '<ServiceCallout name="G"><Request/>RESPONSE<HTTPTargetConnection><URL>http://{private.host}/</URL>'
    "</HTTPTargetConnection></ServiceCallout>"
)


def gated(folder, xml, *, when="", **parts):
    """A bundle with a step G in the request's PreFlow, under a condition."""
    condition = {"G": when} if when else {}
    request = steps(**condition) if when else steps("G")
    files = {
        "policies/G.xml": xml,
        "policies/A.xml": ANSWER,
        "proxies/default.xml": proxy("/t", **{"request": request, **parts}),
        "targets/default.xml": BACK,
    }
    return write_bundle(folder, "gated", files)


def refusals(result):
    return {
        name: plugins_of(route).get("request-termination", {}).get("status_code")
        for name, route in routes_of(result).items()
    }


@pytest.mark.parametrize(
    ("xml", "when"),
    [
        (FAULT, 'request.queryparam.role != "admin"'),
        ('<VerifyAPIKey name="G"><APIKey ref="private.key"/></VerifyAPIKey>', ""),
        ('<BasicAuthentication name="G"><Operation>Decode</Operation></BasicAuthentication>', ""),
        ('<LDAP name="G"/>', ""),
        ('<JSONThreatProtection name="G"><ContainerDepth>3</ContainerDepth></JSONThreatProtection>', ""),
        ('<RegularExpressionProtection name="G"/>', ""),
        ('<MessageValidation name="G"/>', ""),
        ('<OASValidation name="G"/>', ""),
        ('<SpikeArrest name="G"><Rate ref="flow.rate">5ps</Rate></SpikeArrest>', ""),
        ('<Quota name="G"><Allow count="5"/><Interval>7</Interval><TimeUnit>hour</TimeUnit></Quota>', ""),
        (
            '<AccessControl name="G"><IPRules noRuleMatchAction="DENY"><MatchRule action="ALLOW">'
            '<SourceAddress mask="32">{flow.ip}</SourceAddress></MatchRule></IPRules></AccessControl>',
            "",
        ),
        (CALL.replace("RESPONSE", "<Response>r</Response>"), ""),
    ],
)
def test_a_route_without_its_gate_is_closed_unless_told_otherwise(tmp_path, xml, when):
    made = gated(tmp_path, xml, when=when)
    result = converted(made)
    accepted(result, tmp_path)
    assert set(refusals(result).values()) == {503}
    assert "G keeps callers out and got no plugin" in result.text
    assert set(refusals(converted(made, let_pass=True)).values()) == {None}


@pytest.mark.parametrize(
    "xml",
    [
        FAULT.replace('name="G"', 'name="G" enabled="false"'),
        '<AccessControl name="G"><IPRules noRuleMatchAction="ALLOW"/></AccessControl>',
        '<LDAP name="G" continueOnError="true"/>',
        '<BasicAuthentication name="G"><AssignTo>flow.x</AssignTo></BasicAuthentication>',
        CALL.replace("RESPONSE", ""),
        '<Javascript name="G"><Source>1</Source></Javascript>',
    ],
)
def test_what_keeps_nobody_out_closes_nothing(tmp_path, xml):
    assert set(refusals(converted(gated(tmp_path, xml))).values()) == {None}


def test_a_fault_under_a_condition_that_a_route_can_ask_is_its_own_answer(tmp_path):
    result = converted(gated(tmp_path, FAULT, when='request.verb = "DELETE"'))
    assert sorted(refusals(result).values(), key=str) == [403, None]


def test_a_gate_in_a_flow_that_no_route_can_ask_closes_the_routes_behind_it(tmp_path):
    flows = (
        '<Flow name="early"><Condition>proxy.pathsuffix MatchesPath "/early"</Condition></Flow>'
        '<Flow name="odd"><Condition>request.queryparam.kind = "odd"</Condition><Request>'
        f'{steps("G")}</Request></Flow>'
        '<Flow name="late"><Condition>proxy.pathsuffix MatchesPath "/late"</Condition></Flow>'
    )  # fmt: skip
    result = converted(gated(tmp_path, FAULT, request="", flows=flows))
    accepted(result, tmp_path)
    assert refusals(result) == {
        "gated-default-early": None,
        "gated-default-late": 503,
        "gated-default-rest": 503,
    }


def test_an_answer_without_target_gives_way_and_stays_in_the_comment(tmp_path):
    made = gated(
        tmp_path,
        FAULT,
        when='request.queryparam.role != "admin"',
        response=steps("A"),
        routes='<RouteRule name="none"/>',
    )
    result = converted(made)
    accepted(result, tmp_path)
    assert set(refusals(result).values()) == {503}
    assert "then answer with" in result.text
    assert "#   status_code: 203" in result.text


def test_a_fault_that_every_response_becomes_closes_the_route(tmp_path):
    every = converted(gated(tmp_path / "every", FAULT, request="", response=steps("G")))
    assert set(refusals(every).values()) == {503}
    some = converted(
        gated(tmp_path / "some", FAULT, request="", response=steps(G="response.status.code = 404"))
    )
    assert set(refusals(some).values()) == {None}


def test_a_call_that_is_switched_off_closes_its_routes_and_spares_other_answers(tmp_path):
    call = CALL.replace("RESPONSE", "<Response>r</Response>").replace("{private.host}", "check.test")
    call = call.replace("<Request/>", "<Request><Set><Verb>POST</Verb></Set></Request>")
    flows = (
        f'<Flow name="one"><Condition>request.verb = "GET"</Condition><Request>{steps("G")}</Request></Flow>'
        f'<Flow name="two"><Condition>request.verb = "PUT"</Condition><Request>{steps("G", "F")}</Request></Flow>'
    )
    made = gated(tmp_path, call, request="", flows=flows)
    (made / "policies" / "F.xml").write_text(FAULT.replace('"G"', '"F"'))
    result = converted(made)
    accepted(result, tmp_path)
    assert refusals(result) == {
        "gated-default-one": 503,
        "gated-default-two": 403,
        "gated-default-rest": None,
    }


async def test_what_apigee_refuses_kong_refuses(tmp_path):
    made = gated(tmp_path, FAULT, when='request.queryparam.role != "admin"')
    async with beside(tmp_path, made) as both:
        before, after = await both.ask("GET", "/t/x")
        assert (before.status, after.status) == (403, 503)
        assert len(both.apigee.upstream.seen) == 0

"""What is recorded of a transaction: points, variables with their values before and after, messages, calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from apiproxy_runtime.control.trace.transaction import (
    CONTENT_LIMIT,
    VALUE_LIMIT,
    Access,
    CallMade,
    ChoiceMade,
    FlowEntered,
    Raised,
    RouteTaken,
    StepTaken,
)
from tests.control.trace.recording import recorded, step, transaction_of
from tests.house import house, proxy, raise_fault, steps, target, write_bundle

COLOUR = """<AssignMessage name="Colour"><AssignVariable><Name>colour</Name><Ref>request.queryparam.c</Ref></AssignVariable>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""
PAINT = """<AssignMessage name="Paint"><AssignVariable><Name>colour</Name><Value>blue</Value></AssignVariable>
<Set><Headers><Header name="X-Colour">{colour}</Header></Headers></Set>
<AssignTo createNew="false" type="request">request</AssignTo></AssignMessage>"""
CALLOUT = """<ServiceCallout name="Ask"><Request variable="asked"><Set><Verb>POST</Verb>
<Payload contentType="text/plain">how are you</Payload></Set></Request><Response>told</Response>
<HTTPTargetConnection><URL>http://up.test/ask</URL></HTTPTargetConnection></ServiceCallout>"""


def bundle(folder: Path, request: str, name: str = "p", **more: str) -> Path:
    return write_bundle(
        folder,
        name,
        {
            "proxies/default.xml": proxy(
                f"/{name}",
                request=request,
                flows=more.get("flows", ""),
                extra=more.get("extra", ""),
                routes=more.get("routes")
                or '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>',
                response=more.get("response", ""),
            ),
            "targets/default.xml": target(
                request=more.get("target", ""), connection=more.get("connection", "")
            ),
            "policies/Colour.xml": COLOUR,
            "policies/Paint.xml": PAINT,
            "policies/Ask.xml": CALLOUT,
            "policies/Stop.xml": raise_fault("Stop", 418, "no"),
            "policies/Off.xml": raise_fault("Off").replace("<RaiseFault", '<RaiseFault enabled="false"'),
        },
    )


async def test_points_are_in_the_order_in_which_things_happened(tmp_path: Path) -> None:
    flows = (
        '<Flow name="Never"><Condition>request.verb = "PUT"</Condition></Flow>'
        f'<Flow name="Get"><Condition>request.verb = "GET"</Condition><Request>{steps("Paint")}</Request></Flow>'
    )
    root = bundle(tmp_path, steps("Colour"), flows=flows, target=steps("Ask"))
    async with recorded(root) as (home, session):
        await home.get("/p/x?c=red")
        transaction = await transaction_of(session)
    told = []
    for point in transaction.points:
        match point:
            case FlowEntered():
                told.append(f"{point.phase} {point.name}")
            case ChoiceMade():
                told.append(f"{point.kind} {point.name} {point.holds}")
            case StepTaken():
                told.append(f"{point.policy} {point.outcome}")
            case RouteTaken():
                told.append(f"route {point.name} {point.target}")
            case CallMade():
                told.append(f"{point.purpose} {point.url}")
    assert told == [
        "PROXY_REQ_FLOW PreFlow",
        "Colour ran",
        "Flow Never False",
        "Flow Get True",
        "PROXY_REQ_FLOW Get",
        "Paint ran",
        "PROXY_REQ_FLOW PostFlow",
        "route default default",
        "TARGET_REQ_FLOW PreFlow",
        "Ask ran",
        "callout http://up.test/ask",
        "TARGET_REQ_FLOW PostFlow",
        "target http://up.test/x?c=red",
        "Flow Never False",
        "Flow Get True",
        "PROXY_RESP_FLOW Get",
        "PROXY_RESP_FLOW PostFlow",
    ]
    assert (transaction.method, transaction.uri, transaction.status) == ("GET", "/p/x?c=red", 200)
    assert transaction.completed
    assert transaction.fault is None
    assert 0 < transaction.took < 5
    times = [point.at for point in transaction.points]
    assert times == sorted(times)


async def test_variables_have_their_values_before_and_after_each_step(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path, steps("Colour", "Paint"))) as (home, session):
        await home.get("/p?c=red")
        transaction = await transaction_of(session)
    first, second = step(transaction, "Colour"), step(transaction, "Paint")
    assert Access("get", "request.queryparam.c", "red") in first.accesses
    assert Access("set", "colour", "red", None) in first.accesses
    assert Access("set", "colour", "blue", "red") in second.accesses
    assert Access("set", "assignmessage.Paint.failed", "false", None) in second.accesses
    assert [access.name for access in second.accesses].count("colour") == len(
        {access for access in second.accesses if access.name == "colour"}
    )


async def test_messages_are_kept_before_and_after_a_step_and_shared_while_unchanged(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path, steps("Colour", "Paint"))) as (home, session):
        await home.call("POST", "/p?c=red", data=b'{"a": 1}', headers={"Content-Type": "application/json"})
        transaction = await transaction_of(session)
    first, second = step(transaction, "Colour"), step(transaction, "Paint")
    assert first.before is not None
    assert second.after is not None
    assert first.before is first.after is second.before
    assert first.before.content == '{"a": 1}'
    assert ("X-Colour", "blue") not in first.before.headers
    assert ("X-Colour", "blue") in second.after.headers
    assert transaction.request == first.before
    assert transaction.response is not None
    assert '"method": "POST"' in transaction.response.content


async def test_calls_have_their_request_and_answer(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path, steps("Ask"))) as (home, session):
        await home.get("/p")
        transaction = await transaction_of(session)
    ask, to_target = [point for point in transaction.points if isinstance(point, CallMade)]
    assert (ask.purpose, ask.depth, to_target.purpose, to_target.depth) == ("callout", 1, "target", 0)
    assert ask.request.verb == "POST"
    assert ask.request.content == "how are you"
    assert ask.response is not None
    assert ask.response.status == 200
    assert ask.took > 0


async def test_a_call_without_answer_has_none(tmp_path: Path) -> None:
    root = bundle(tmp_path, "", connection="<URL>http://127.0.0.1:1</URL>")
    async with recorded(root) as (home, session):
        assert (await home.get("/p")).status == 503
        transaction = await transaction_of(session)
    (call,) = [point for point in transaction.points if isinstance(point, CallMade)]
    assert call.response is None
    assert transaction.fault is not None
    assert transaction.fault.status == 503


async def test_skipped_disabled_and_faulted_steps(tmp_path: Path) -> None:
    rule = f'<FaultRules><FaultRule name="R"><Condition>fault.name = "RaiseFault"</Condition>{steps("Paint")}</FaultRule></FaultRules>'
    root = bundle(
        tmp_path,
        steps("Off", "Colour", Paint='request.verb = "PUT"', Stop='request.verb = "GET"'),
        extra=rule,
    )
    async with recorded(root) as (home, session):
        assert (await home.get("/p?c=1")).status == 418
        transaction = await transaction_of(session)
    outcomes = {point.policy: point.outcome for point in transaction.points if isinstance(point, StepTaken)}
    first_paint = step(transaction, "Paint")
    stop = step(transaction, "Stop")
    assert outcomes == {"Off": "disabled", "Colour": "ran", "Paint": "ran", "Stop": "faulted"}
    assert first_paint.outcome == "skipped"
    assert first_paint.condition == 'request.verb = "PUT"'
    assert Access("get", "request.verb", "GET") in first_paint.accesses
    assert stop.fault is not None
    assert stop.fault.code == "steps.raisefault.RaiseFault"
    assert any(isinstance(point, Raised) and point.policy == "Stop" for point in transaction.points)
    assert any(
        isinstance(point, ChoiceMade) and point.kind == "FaultRule" and point.holds
        for point in transaction.points
    )
    assert [point.phase for point in transaction.points if isinstance(point, StepTaken)][-1] == "ERROR_FLOW"
    assert transaction.status == 418


async def test_the_steps_of_a_shared_flow_lie_deeper(tmp_path: Path) -> None:
    flow = write_bundle(
        tmp_path,
        "sf",
        {
            "sharedflows/default.xml": f'<SharedFlow name="default">{steps("Colour")}</SharedFlow>',
            "policies/Colour.xml": COLOUR,
        },
        "sharedflowbundle",
    )
    root = write_bundle(
        tmp_path,
        "p",
        {
            "proxies/default.xml": proxy("/p", request=steps("FC"), routes='<RouteRule name="none"/>'),
            "policies/FC.xml": '<FlowCallout name="FC"><SharedFlowBundle>sf</SharedFlowBundle></FlowCallout>',
        },
    )
    async with recorded(root, flow) as (home, session):
        await home.get("/p?c=1")
        transaction = await transaction_of(session)
    assert (step(transaction, "FC").depth, step(transaction, "Colour").depth) == (0, 1)
    assert step(transaction, "Colour").file == "sharedflowbundle/policies/Colour.xml"
    failed = Access("set", "assignmessage.Colour.failed", "false", None)
    assert failed in step(transaction, "Colour").accesses
    assert failed not in step(transaction, "FC").accesses


async def test_a_chained_proxy_is_a_part_of_the_transaction(tmp_path: Path) -> None:
    inner = bundle(tmp_path, steps("Paint"), name="inner", routes='<RouteRule name="none"/>')
    outer = write_bundle(
        tmp_path,
        "p",
        {
            "proxies/default.xml": proxy("/p"),
            "targets/default.xml": """<TargetEndpoint name="default"><LocalTargetConnection>
                <APIProxy>inner</APIProxy><ProxyEndpoint>default</ProxyEndpoint></LocalTargetConnection></TargetEndpoint>""",
        },
    )
    async with recorded(outer, inner) as (home, session):
        await home.get("/p")
        transaction = await transaction_of(session)
    assert step(transaction, "Paint").depth > 0
    entered = [point for point in transaction.points if isinstance(point, FlowEntered)]
    assert {point.proxy for point in entered} == {"inner"}
    assert transaction.proxy == "p"


async def test_long_bodies_and_values_are_cut_and_binary_ones_are_base64(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=bytes(range(256)), content_type="image/png")

    copy = COLOUR.replace("request.queryparam.c", "request.content")
    root = bundle(tmp_path, steps("Colour"))
    (root / "policies/Colour.xml").write_text(copy)
    async with recorded(root, answer=answer) as (home, session):
        await home.call("POST", "/p", data=b"x" * (CONTENT_LIMIT + 10))
        transaction = await transaction_of(session)
    assert transaction.request.truncated
    assert len(transaction.request.content) == CONTENT_LIMIT
    assert transaction.request.size == CONTENT_LIMIT + 10
    written = next(access for access in step(transaction, "Colour").accesses if access.name == "colour")
    assert written.value is not None
    assert len(written.value) < VALUE_LIMIT + 50
    assert transaction.response is not None
    assert transaction.response.form == "base64"
    assert transaction.response.size == 256


async def test_an_unfinished_transaction_shows_as_far_as_it_got(tmp_path: Path) -> None:
    going = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        await going.wait()
        return web.Response(text="late")

    async with recorded(bundle(tmp_path, steps("Colour")), answer=answer) as (home, session):
        asking = asyncio.ensure_future(home.get("/p?c=1"))
        async with asyncio.timeout(5):
            while not session.entries or len(session.transactions()[0].points) < 4:
                await asyncio.sleep(0.01)
        (unfinished,) = session.transactions()
        assert not unfinished.completed
        assert unfinished.status == 0
        assert step(unfinished, "Colour").outcome == "ran"
        going.set()
        await asking
        assert (await transaction_of(session)).completed


async def test_the_request_is_kept_as_it_came_where_no_step_sees_it(tmp_path: Path) -> None:
    async with recorded(bundle(tmp_path, "")) as (home, session):
        await home.call("POST", "/p/x?a=1", data=b"body")
        transaction = await transaction_of(session)
    request = transaction.request
    assert (request.verb, request.uri, request.content) == ("POST", "/p/x?a=1", "body")
    assert transaction.method == "POST"


async def test_nothing_of_a_message_changes_by_being_recorded(tmp_path: Path) -> None:
    root = bundle(tmp_path, steps("Colour", "Paint", "Ask"))
    options = {"data": b"a=1&b=%20", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    async with house(root) as home:
        plain = (await home.call("POST", "/p?c=1&d=%41", **options)).json()
    async with recorded(root) as (home, _):
        watched = (await home.call("POST", "/p?c=1&d=%41", **options)).json()
    for answer in (plain, watched):
        del answer["headers"]["x-forwarded-port"]
    assert watched == plain

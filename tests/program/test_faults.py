"""Fault rules: which endpoint's, in which order, and what the client gets."""

from pathlib import Path

import pytest
from aiohttp import web

from tests.house import house, mark, proxy, raise_fault, show, steps, target, write_bundle


def rules(*items: tuple[str, str, str], default: str = "", always: bool = False) -> str:
    """FaultRules of (name, condition, steps), and a DefaultFaultRule with steps."""
    inner = "".join(
        f"<FaultRule name='{name}'>{f'<Condition>{condition}</Condition>' if condition else ''}{body}</FaultRule>"
        for name, condition, body in items
    )
    fallback = (
        f"<DefaultFaultRule name='all'>{default}<AlwaysEnforce>{str(always).lower()}</AlwaysEnforce></DefaultFaultRule>"
        if default
        else ""
    )
    return f"<FaultRules>{inner}</FaultRules>{fallback}"


def bundle(folder: Path, proxy_xml: str, target_xml: str = "", **policies: str) -> Path:
    files = {"proxies/default.xml": proxy_xml, "targets/default.xml": target_xml or target()}
    files |= {f"policies/{name.replace('_', '-')}.xml": text for name, text in policies.items()}
    return write_bundle(folder, "faults", files)


async def not_found(request: web.Request) -> web.Response:
    return web.Response(
        status=404, text="no such thing", headers={"X-From": "target", "Content-Type": "text/plain"}
    )


async def test_a_fault_skips_everything_but_the_fault_rules(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(request=steps("boom", "after"), post_request=steps("after"), response=steps("after")),
        boom=raise_fault("boom", 409, "conflict"),
        after=mark("after"),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t")
        assert (reply.status, reply.text) == (409, "conflict")
        assert "X-Trail" not in reply.headers
        assert gateway.upstream.seen == []


async def test_raise_fault_without_payload_gives_the_default_body(tmp_path: Path) -> None:
    path = bundle(tmp_path, proxy(request=steps("boom")), boom=raise_fault("boom", 503))
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 503
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.text == (
        '{"fault":{"faultstring":"Raising fault. Fault name : boom","detail":{"errorcode":"steps.raisefault.RaiseFault"}}}'
    )


async def test_a_client_that_speaks_xml_gets_the_fault_as_xml(tmp_path: Path) -> None:
    path = bundle(tmp_path, proxy(request=steps("boom")), boom=raise_fault("boom", 503))
    async with house(path) as gateway:
        reply = await gateway.get("/t", headers={"Accept": "application/xml"})
    assert reply.text == (
        "<fault><faultstring>Raising fault. Fault name : boom</faultstring>"
        "<detail><errorcode>steps.raisefault.RaiseFault</errorcode></detail></fault>"
    )


async def test_proxy_rules_are_tried_from_the_last_to_the_first(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(request=steps("boom"), extra=rules(("first", "", steps("one")), ("last", "", steps("two")))),
        boom=raise_fault("boom"),
        one=mark("one"),
        two=mark("two"),
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t")).all("X-Trail") == ["two"]


async def test_target_rules_are_tried_from_the_first_to_the_last(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(extra=rules(("proxy", "", steps("never")))),
        target(extra=rules(("first", "", steps("one")), ("last", "", steps("two")))),
        one=mark("one"),
        two=mark("two"),
        never=mark("never"),
    )
    async with house(path, answer=not_found) as gateway:
        reply = await gateway.get("/t")
    assert (reply.status, reply.text) == (404, "no such thing")
    assert reply.all("X-Trail") == ["one"]
    assert reply.headers["X-From"] == "target"


async def test_target_errors_do_not_reach_the_proxy_rules(tmp_path: Path) -> None:
    path = bundle(tmp_path, proxy(extra=rules(("proxy", "", steps("never")))), target(), never=mark("never"))
    async with house(path, answer=not_found) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 404
    assert "X-Trail" not in reply.headers


async def test_errors_of_a_bare_url_belong_to_the_proxy(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            routes='<RouteRule name="direct"><URL>http://up.test/direct</URL></RouteRule>',
            extra=rules(("proxy", "", steps("told"))),
        ),
        told=mark("told"),
    )
    async with house(path, answer=not_found) as gateway:
        assert (await gateway.get("/t")).all("X-Trail") == ["told"]


async def test_a_rule_that_is_chosen_keeps_the_default_rule_out_even_without_steps_that_run(
    tmp_path: Path,
) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps("boom"),
            extra=rules(("chosen", "", steps(one="false = true")), default=steps("two")),
        ),
        boom=raise_fault("boom", 400),
        one=mark("one"),
        two=mark("two"),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 400
    assert "X-Trail" not in reply.headers


async def test_the_default_rule_runs_when_no_rule_holds(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps("boom"),
            extra=rules(("other", 'fault.name = "Other"', steps("one")), default=steps("two")),
        ),
        boom=raise_fault("boom"),
        one=mark("one"),
        two=mark("two"),
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t")).all("X-Trail") == ["two"]


async def test_always_enforce_runs_the_default_rule_in_addition_and_last(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps("boom"),
            extra=rules(("chosen", "", steps("one")), default=steps("two"), always=True),
        ),
        boom=raise_fault("boom"),
        one=mark("one"),
        two=mark("two"),
    )
    async with house(path) as gateway:
        assert ", ".join((await gateway.get("/t")).all("X-Trail")) == "one, two"


async def test_always_enforce_does_not_follow_a_rule_that_raised(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps("boom"),
            extra=rules(("chosen", "", steps("again", "one")), default=steps("two"), always=True),
        ),
        boom=raise_fault("boom", 400, "first", headers="<Header name='X-First'>1</Header>"),
        again=raise_fault("again", 418, "second"),
        one=mark("one"),
        two=mark("two"),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert (reply.status, reply.text) == (418, "second")
    assert "X-Trail" not in reply.headers
    assert reply.headers["X-First"] == "1"


async def test_fault_variables_are_there_for_the_rules(tmp_path: Path) -> None:
    told = show(
        "told",
        X_Name="{fault.name}",
        X_Status="{error.status.code}",
        X_Message="{error.message}",
        X_Failed="{raisefault.boom.failed}",
        X_Error="{is.error}",
        X_State="{error.state}",
        X_Policy="{apigee.edge.execution.fault_policy_name}",
        X_Content="{message.content}",
    )
    path = bundle(
        tmp_path,
        proxy(request=steps("boom"), extra=rules(("r", "", steps("told")))),
        boom=raise_fault("boom", 422, "bad"),
        told=told,
    )
    async with house(path) as gateway:
        headers = (await gateway.get("/t")).headers
    assert headers["X-Name"] == "RaiseFault"
    assert headers["X-Status"] == "422"
    assert headers["X-Message"] == "Raising fault. Fault name : boom"
    assert headers["X-Failed"] == "true"
    assert headers["X-Error"] == "true"
    assert headers["X-State"] == "PROXY_REQ_FLOW"
    assert headers["X-Policy"] == "boom"
    assert headers["X-Content"] == "bad"


async def test_headers_of_raise_fault_and_of_a_rule_are_combined(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(request=steps("boom"), extra=rules(("r", "", steps("more")))),
        boom=raise_fault("boom", headers="<Header name='X-Fault'>woops</Header>"),
        more=show("more", X_Fault="gremlins"),
    )
    async with house(path) as gateway:
        assert ", ".join((await gateway.get("/t")).all("X-Fault")) == "woops, gremlins"


async def test_continue_on_error_goes_on_and_leaves_a_failed_variable(tmp_path: Path) -> None:
    lax = """<AssignMessage name="lax" continueOnError="true"><Set><Payload>{no.such.variable}</Payload></Set></AssignMessage>"""
    path = bundle(
        tmp_path,
        proxy(request=steps("lax", "fine", "told")),
        lax=lax,
        fine=mark("fine"),
        told=show(
            "told",
            X_Lax="{assignmessage.lax.failed}",
            X_Fine="{assignmessage.fine.failed}",
            X_Error="{is.error}",
        ),
    )
    async with house(path) as gateway:
        seen = (await gateway.get("/t")).json()["headers"]
    assert (seen["x-lax"], seen["x-fine"], seen["x-error"]) == ("true", "false", "false")
    assert seen["x-trail"] == "fine"


async def test_raise_fault_raises_in_spite_of_continue_on_error(tmp_path: Path) -> None:
    boom = raise_fault("boom", 400).replace("<RaiseFault ", '<RaiseFault continueOnError="true" ')
    path = bundle(tmp_path, proxy(request=steps("boom")), boom=boom)
    async with house(path) as gateway:
        assert (await gateway.get("/t")).status == 400


async def test_faults_in_the_response_flows_are_handled_alike(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(response=steps("boom", "after"), extra=rules(("r", "", steps("told")))),
        boom=raise_fault("boom", 502, "bad answer"),
        after=mark("after"),
        told=show("told", X_Was="{response.status.code}", X_State="{error.state}"),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert (reply.status, reply.text) == (502, "bad answer")
    assert reply.headers["X-Was"] == "200"
    assert reply.headers["X-State"] == "PROXY_RESP_FLOW"


@pytest.mark.parametrize(
    ("codes", "status"), [("1xx,2xx,3xx,404", 200), ("404", 200), ("2XX, 4xx", 200), ("200", 404)]
)
async def test_success_codes_replace_the_default(tmp_path: Path, codes: str, status: int) -> None:
    path = bundle(
        tmp_path,
        proxy(response=steps("ok")),
        target(properties=f'<Property name="success.codes">{codes}</Property>'),
        ok="<AssignMessage name='ok'><Set><StatusCode>200</StatusCode></Set></AssignMessage>",
    )
    async with house(path, answer=not_found) as gateway:
        assert (await gateway.get("/t")).status == status


async def test_no_matching_route_rule_is_a_fault(tmp_path: Path) -> None:
    routes = '<RouteRule name="r"><Condition>request.verb = "PUT"</Condition><TargetEndpoint>default</TargetEndpoint></RouteRule>'
    path = bundle(tmp_path, proxy(routes=routes))
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 500
    assert reply.fault() == (
        "messaging.runtime.RouteFailed",
        "Unable to route the message to a Target Endpoint",
    )


async def test_api_timeout_ends_a_slow_transaction(tmp_path: Path) -> None:
    import asyncio

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(2)
        return web.Response()

    path = bundle(tmp_path, proxy(properties='<Property name="api.timeout">150</Property>'))
    async with house(path, answer=slow) as gateway:
        reply = await gateway.get("/t")
    assert reply.status == 504
    assert reply.fault() == ("flow.APITimedOut", "API timed out")

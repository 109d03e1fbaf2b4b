"""Flows, route rules and conditions as routes, and the same answers over HTTP as the bundle gives."""

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.targetserver import TargetServer
from tests.house import mark, proxy, raise_fault, steps, target, write_bundle
from tests.kong.convert.converted import accepted, beside, converted, document, plugins_of, routes_of, row

FLOW = '<Flow name="{}"><Condition>{}</Condition><Request>{}</Request><Response>{}</Response></Flow>'
BACK = '<TargetEndpoint name="{0}"><HTTPTargetConnection><URL>http://up.test{1}</URL></HTTPTargetConnection></TargetEndpoint>'
HEADER = '<AssignMessage name="{0}"><Set><Headers><Header name="X-{0}">{1}</Header></Headers></Set></AssignMessage>'


def flow(name, condition, request=(), response=()):
    return FLOW.format(name, condition, steps(*request), steps(*response))


def bundle(folder, flows="", *, base="/t", routes=None, policies=None, targets=None, **parts):
    options = {} if routes is None else {"routes": routes}
    files = {f"policies/{name}.xml": xml for name, xml in (policies or {}).items()}
    files |= {
        f"targets/{name}.xml": xml
        for name, xml in (targets or {"default": BACK.format("default", "/back")}).items()
    }
    files["proxies/default.xml"] = proxy(base, flows=flows, **parts, **options)
    return write_bundle(folder, "p", files)


async def test_requests_reach_the_same_upstream_path(tmp_path):
    flows = (
        flow("Root", 'proxy.pathsuffix MatchesPath "/" and request.verb = "GET"')
        + flow("One", 'proxy.pathsuffix MatchesPath "/orders/*"')
        + flow("Deep", 'proxy.pathsuffix MatchesPath "/orders/**"')
        + flow("Number", 'proxy.pathsuffix ~~ "/t[0-9]+"')
    )
    async with beside(tmp_path, bundle(tmp_path, flows)) as both:
        for path in ("", "/", "/orders/7", "/orders/7/items?a=1&b=2", "/t12", "/t1x", "/else", "/orders/"):
            before, after = await both.ask("GET", f"/t{path}")
            assert (before.status, after.status) == (200, 200), path
            assert before.json()["path"] == after.json()["path"], path


@pytest.mark.parametrize("base", ["/", "/v1", "/a/*/c"])
@pytest.mark.parametrize("back", ["", "/", "/back", "/back/"])
async def test_base_paths_and_target_paths_meet_alike(tmp_path, base, back):
    flows = flow("Exact", 'proxy.pathsuffix MatchesPath "/x/y"') + flow(
        "Root", 'proxy.pathsuffix MatchesPath "/"'
    )
    made = bundle(tmp_path, flows, base=base, targets={"default": BACK.format("default", back)})
    async with beside(tmp_path, made) as both:
        for suffix in ("/x/y", "/z"):
            path = base.replace("*", "b").rstrip("/") + suffix
            before, after = await both.ask("GET", path)
            assert before.json()["path"] == after.json()["path"], path


async def test_a_base_path_ends_at_a_slash(tmp_path):
    async with beside(tmp_path, bundle(tmp_path)) as both:
        before, after = await both.ask("GET", "/tea")
        assert (before.status, after.status) == (404, 404)


async def test_the_first_flow_that_fits_decides(tmp_path):
    policies = {name: HEADER.format(name, "1") for name in ("A", "B", "C")}
    flows = (
        flow("First", 'proxy.pathsuffix MatchesPath "/x/**" and request.verb = "GET"', ["A"])
        + flow("Second", 'proxy.pathsuffix MatchesPath "/x/y"', ["B"])
        + flow("Third", 'request.verb = "POST"', ["C"])
    )
    async with beside(tmp_path, bundle(tmp_path, flows, policies=policies)) as both:
        for method, path in (("GET", "/x/y"), ("POST", "/x/y"), ("POST", "/z"), ("PUT", "/z")):
            before, after = await both.ask(method, f"/t{path}")
            names = [f"X-{name}" for name in "ABC"]
            assert [name in before.json()["headers"] for name in names] == [
                name in after.json()["headers"] for name in names
            ], (method, path)


async def test_a_step_with_a_condition_that_a_route_can_ask_gets_a_route(tmp_path):
    policies = {"A": HEADER.format("A", "1"), "B": HEADER.format("B", "2")}
    request = steps(A='request.verb != "GET"', B="request.header.x-b != null")
    async with beside(tmp_path, bundle(tmp_path, policies=policies, request=request)) as both:
        for method, headers in (("GET", {}), ("POST", {}), ("GET", {"X-B": "?"}), ("POST", {"X-B": "?"})):
            before, after = await both.ask(method, "/t/x", headers=headers)
            for name in ("X-A", "X-B"):
                assert before.json()["headers"].get(name) == after.json()["headers"].get(name), (
                    method,
                    headers,
                    name,
                )


def test_a_step_with_any_other_condition_is_left_out_and_told(tmp_path):
    made = bundle(tmp_path, policies={"A": HEADER.format("A", "1")}, request=steps(A="flow.kind = 7"))
    result = converted(made)
    assert all("request-transformer" not in plugins_of(route) for route in routes_of(result).values())
    assert "Apigee runs it only if flow.kind = 7 (apiproxy/proxies/default.xml:2)" in result.text
    assert "NOT written" in result.text
    assert row(result, "A").verdict == "manual"


def test_a_policy_that_refuses_runs_always_rather_than_never(tmp_path):
    key = '<VerifyAPIKey name="A"><APIKey ref="request.queryparam.k"/></VerifyAPIKey>'
    result = converted(bundle(tmp_path, policies={"A": key}, request=steps(A="flow.kind = 7")))
    assert all("key-auth" in plugins_of(route) for route in routes_of(result).values())
    assert "so it runs always" in result.text


async def test_a_default_is_added_only_where_it_is_missing(tmp_path):
    default = '<AssignMessage name="A"><Set><QueryParams><QueryParam name="n">20</QueryParam></QueryParams></Set></AssignMessage>'
    made = bundle(tmp_path, policies={"A": default}, request=steps(A="request.queryparam.n = null"))
    async with beside(tmp_path, made) as both:
        for query in ("?m=1", "?n=5"):
            before, after = await both.ask("GET", f"/t/x{query}")
            assert before.json()["path"] == after.json()["path"]


async def test_route_rules_choose_the_target(tmp_path):
    routes = (
        '<RouteRule name="pre"><Condition>request.verb = "OPTIONS"</Condition></RouteRule>'
        '<RouteRule name="new"><Condition>request.header.x-kind = "new"</Condition>'
        "<TargetEndpoint>new</TargetEndpoint></RouteRule>"
        '<RouteRule name="old"><TargetEndpoint>old</TargetEndpoint></RouteRule>'
    )
    targets = {"new": BACK.format("new", "/n"), "old": BACK.format("old", "/o")}
    async with beside(tmp_path, bundle(tmp_path, routes=routes, targets=targets)) as both:
        for method, headers in (("GET", {}), ("GET", {"X-Kind": "new"})):
            before, after = await both.ask(method, "/t/x", headers=headers)
            assert before.json()["path"] == after.json()["path"]
        before, after = await both.ask("OPTIONS", "/t/x")
        assert (before.status, after.status) == (200, 200)
        assert len(both.apigee.upstream.seen) == 4


async def test_without_a_target_the_policies_answer(tmp_path):
    answer = (
        '<AssignMessage name="A"><Set><StatusCode>203</StatusCode><Headers><Header name="X-Mock">1</Header></Headers>'
        '<Payload contentType="application/json">{"mock": true}</Payload></Set></AssignMessage>'
    )
    made = bundle(tmp_path, policies={"A": answer}, response=steps("A"), routes='<RouteRule name="none"/>')
    async with beside(tmp_path, made) as both:
        before, after = await both.ask("GET", "/t/x")
        assert (after.status, after.body, after.headers["X-Mock"]) == (203, b'{"mock": true}', "1")
        assert (before.status, before.body) == (after.status, after.body)


async def test_a_fault_that_is_raised_for_certain_ends_the_route(tmp_path):
    made = bundle(
        tmp_path,
        '<Flow name="Unknown"><Request>' + steps("F", "A") + "</Request></Flow>",
        policies={"F": raise_fault("F", 404, "none"), "A": mark("A")},
    )
    async with beside(tmp_path, made) as both:
        before, after = await both.ask("GET", "/t/x")
        assert (before.status, before.body) == (after.status, after.body) == (404, b"none")
        assert both.apigee.upstream.seen == []
    assert row(both.result, "A").verdict == "drop"


async def test_the_path_behind_the_base_path_may_be_left_out(tmp_path):
    fixed = (
        '<AssignMessage name="A"><AssignVariable><Name>target.copy.pathsuffix</Name><Value>false</Value>'
        "</AssignVariable></AssignMessage>"
    )
    made = bundle(tmp_path, policies={"A": fixed}, extra="", targets={"default": target_with("A")})
    async with beside(tmp_path, made) as both:
        before, after = await both.ask("GET", "/t/x/y")
        assert before.json()["path"] == after.json()["path"] == "/back"


def target_with(name):
    return target("http://up.test/back", request=steps(name))


def test_servers_become_an_upstream(tmp_path):
    balanced = (
        '<TargetEndpoint name="default"><HTTPTargetConnection><LoadBalancer><Algorithm>Weighted</Algorithm>'
        '<Server name="one"><Weight>3</Weight></Server><Server name="two"><Weight>1</Weight></Server>'
        '<Server name="gone"><IsFallback>true</IsFallback></Server><MaxFailures>2</MaxFailures></LoadBalancer>'
        "<Path>/p</Path></HTTPTargetConnection></TargetEndpoint>"
    )
    servers = {
        name: TargetServer(name, f"{name}.test", 8080, "HTTP", True, None, "", Place("t.json"))
        for name in ("one", "two")
    }
    result = converted(
        bundle(tmp_path, targets={"default": balanced}), environment=Environment(target_servers=servers)
    )
    accepted(result, tmp_path)
    (upstream,) = document(result)["upstreams"]
    assert [(one["target"], one["weight"]) for one in upstream["targets"]] == [
        ("one.test:8080", 3),
        ("two.test:8080", 1),
        ("gone.invalid:80", 0),
    ]
    assert upstream["healthchecks"]["passive"]["unhealthy"]["tcp_failures"] == 2
    (service,) = document(result)["services"]
    assert (service["host"], service["path"]) == (upstream["name"], "/p")
    assert "write the address of the target server gone" in result.text
    assert "gone is the fallback" in result.text


def test_a_target_that_is_only_known_at_run_time_is_told(tmp_path):
    result = converted(bundle(tmp_path, targets={"default": BACK.format("default", "/{flow.x}")}))
    accepted(result, tmp_path)
    assert row(result, "default", "target").verdict == "manual"


def test_every_fault_rule_is_told(tmp_path):
    rules = (
        '<FaultRules><FaultRule name="Bad"><Condition>fault.name = "X"</Condition>'
        + steps("A")
        + "</FaultRule></FaultRules><DefaultFaultRule name='Rest'>"
        + steps("A")
        + "</DefaultFaultRule>"
    )
    result = converted(bundle(tmp_path, policies={"A": mark("A")}, extra=rules))
    for name in ("Bad", "Rest"):
        assert row(result, name, "fault rule").verdict == "manual"
        assert f"the fault rule {name} runs A" in result.text
    assert row(result, "A").verdict == "manual"


def test_a_shared_flow_stands_where_it_is_called(tmp_path):
    shared = write_bundle(
        tmp_path,
        "common",
        {
            "policies/S.xml": HEADER.format("S", "1"),
            "sharedflows/default.xml": f'<SharedFlow name="default">{steps("S")}</SharedFlow>',
        },
        "sharedflowbundle",
    )
    call = '<FlowCallout name="A"><SharedFlowBundle>common</SharedFlowBundle></FlowCallout>'
    made = bundle(tmp_path, policies={"A": call}, request=steps("A"))
    alone, together = converted(made), converted(made, shared)
    assert row(alone, "A").verdict == "manual"
    assert row(together, "A").verdict == "partial"
    (route,) = routes_of(together).values()
    assert plugins_of(route)["request-transformer"]["add"]["headers"] == ["X-S:1"]
    assert row(together, "S").verdict == "exact"


def test_a_shared_flow_that_calls_itself_comes_to_an_end(tmp_path):
    call = '<FlowCallout name="{}"><SharedFlowBundle>common</SharedFlowBundle></FlowCallout>'
    shared = write_bundle(
        tmp_path,
        "common",
        {
            "policies/S.xml": call.format("S"),
            "sharedflows/default.xml": f'<SharedFlow name="default">{steps("S")}</SharedFlow>',
        },
        "sharedflowbundle",
    )
    made = bundle(tmp_path, policies={"A": call.format("A")}, request=steps("A"))
    assert accepted(converted(made, shared), tmp_path)


def test_two_limits_of_one_route_are_one_plugin(tmp_path):
    policies = {
        "A": '<SpikeArrest name="A"><Rate>5ps</Rate></SpikeArrest>',
        "B": '<Quota name="B"><Allow count="100"/><Interval>1</Interval><TimeUnit>hour</TimeUnit></Quota>',
        "C": '<Quota name="C"><Allow count="2"/><Interval>1</Interval><TimeUnit>day</TimeUnit></Quota>',
    }
    result = converted(bundle(tmp_path, policies=policies, request=steps("A", "B", "C")))
    accepted(result, tmp_path)
    (route,) = routes_of(result).values()
    config = plugins_of(route)["rate-limiting"]
    assert (config["second"], config["hour"]) == (5, 100)
    assert "day" not in config
    assert "a second rate-limiting" in result.text
    tags = route["plugins"][0]["tags"]
    assert tags == ["apigee-proxy:p", "apigee-policy:A", "apigee-policy:B"]


def test_an_order_that_kong_turns_round_is_told(tmp_path):
    policies = {
        "A": '<SpikeArrest name="A"><Rate>5ps</Rate></SpikeArrest>',
        "B": '<VerifyAPIKey name="B"><APIKey ref="request.queryparam.k"/></VerifyAPIKey>',
    }
    result = converted(bundle(tmp_path, policies=policies, request=steps("A", "B")))
    assert "key-auth (B) before rate-limiting (A)" in row(result, "A, B", "order").reason


def test_the_same_bundles_give_the_same_text(tmp_path):
    flows = "".join(flow(f"F{n}", f'proxy.pathsuffix MatchesPath "/{n}/*"', ["A"]) for n in range(20))
    made = bundle(tmp_path, flows, policies={"A": mark("A")}, request=steps(A='request.verb = "PUT"'))
    assert converted(made).text == converted(made).text


def test_conditions_without_end_do_not_make_routes_without_end(tmp_path):
    policies = {f"A{n}": HEADER.format(f"A{n}", "1") for n in range(12)}
    request = steps(**{f"A{n}": f'request.header.h{n} = "1"' for n in range(12)})
    result = converted(bundle(tmp_path, policies=policies, request=request))
    accepted(result, tmp_path)
    assert result.routes <= 64
    assert "which no route can ask" in result.text or "NOT written" in result.text


@pytest.mark.parametrize(("xml", "status"), [(HEADER.format("A", "1"), 200), ('<Javascript name="A"/>', 503)])
def test_a_route_without_target_answers_only_what_was_converted(tmp_path, xml, status):
    made = bundle(tmp_path, policies={"A": xml}, request=steps("A"), routes='<RouteRule name="none"/>')
    result = converted(made)
    (route,) = routes_of(result).values()
    assert plugins_of(route)["request-termination"]["status_code"] == status
    assert ("503 until somebody decides" in result.text) is (status == 503)


NULL = '<RouteRule name="none"/>'
ECHOED = "Apigee answers with the headers and the body of the request, Kong with neither"
ANSWER = (
    '<AssignMessage name="A"><Set>{}<StatusCode>200</StatusCode></Set><AssignTo>response</AssignTo>'
    "</AssignMessage>"
)


def test_a_route_without_target_tells_of_the_echo_that_kong_does_not_give(tmp_path):
    result = converted(bundle(tmp_path / "plain", routes=NULL))
    assert ECHOED in result.text
    assert any(ECHOED in text for one in result.coverage.of_kind("answer") for text in one.lost)
    assert "Everything has a home on Kong" not in result.text
    worded = {"A": ANSWER.format('<Payload contentType="text/plain">hello</Payload>')}
    told = converted(bundle(tmp_path / "told", policies=worded, response=steps("A"), routes=NULL))
    assert ECHOED not in told.text


def test_headers_for_a_route_without_target_are_set_on_its_answer(tmp_path):
    headers = '<Header name="X-One">1</Header><Header name="X-Two">{request.header.origin}</Header>'
    policies = {"A": f'<AssignMessage name="A"><Set><Headers>{headers}</Headers></Set></AssignMessage>'}
    result = converted(bundle(tmp_path, policies=policies, request=steps("A"), routes=NULL))
    (route,) = routes_of(result).values()
    found = plugins_of(route)
    assert found["response-transformer"]["replace"] == {"headers": ["X-One:1"]}
    assert "request-transformer" not in found
    assert "A: the Header X-Two from {request.header.origin}" in result.text


def test_an_empty_body_keeps_its_type(tmp_path):
    policies = {"A": ANSWER.format('<Payload contentType="application/json"/>')}
    result = converted(bundle(tmp_path, policies=policies, response=steps("A"), routes=NULL))
    (route,) = routes_of(result).values()
    found = plugins_of(route)
    assert found["request-termination"] == {"status_code": 200}
    assert found["response-transformer"]["add"] == {"headers": ["Content-Type:application/json"]}
    assert ECHOED not in result.text


def test_names_are_of_characters_that_kong_takes_and_each_is_there_once(tmp_path):
    flows = "".join(flow("get it / now", f'proxy.pathsuffix MatchesPath "/{n}"') for n in "ab")
    result = converted(bundle(tmp_path, flows))
    accepted(result, tmp_path)
    names = [route["name"] for service in document(result)["services"] for route in service["routes"]]
    assert names == ["p-default-get-it-now", "p-default-get-it-now-2", "p-default-rest"]
    assert document(result)["services"][0]["name"] == "p-default"


def test_a_slash_that_kong_leaves_away_is_told(tmp_path):
    slashed = converted(bundle(tmp_path / "slashed", targets={"default": BACK.format("default", "/echo/")}))
    assert "a call for the base path alone goes to /echo, without the slash" in slashed.text
    plain = converted(bundle(tmp_path / "plain", targets={"default": BACK.format("default", "/echo")}))
    assert "base path alone" not in plain.text

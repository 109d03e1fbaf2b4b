"""ServiceCallout and ExternalCallout as the two plugins that mirror them."""

from aiohttp import web

from tests.house import proxy, steps, write_bundle
from tests.kong.convert.converted import (
    accepted,
    beside,
    converted,
    document,
    plugins_of,
    routes_of,
    row,
    simple,
)

CALL = """<ServiceCallout name="P">{request}{response}<HTTPTargetConnection><URL>http://up.test/check?a=1</URL>
</HTTPTargetConnection></ServiceCallout>"""


def the_plugin(result, name="service-callout"):
    return next(plugin for plugin in document(result)["plugins"] if plugin["name"] == name)


def test_the_answer_is_kept_under_the_name_of_the_response(tmp_path):
    result = converted(simple(tmp_path, "p", CALL.format(request="", response="<Response>found</Response>")))
    accepted(result, tmp_path)
    plugin = the_plugin(result)
    assert "route" not in plugin
    assert plugin["tags"] == ["apigee-proxy:p", "apigee-policy:P"]
    config = plugin["config"]
    assert config["callout_url"] == "http://up.test/check?a=1"
    assert (config["method"], config["request_body_source_type"]) == ("GET", "none")
    assert config["wait_for_response"] is True
    assert config["response_to_shared_context_key"] == "found"
    assert config["on_error_status"] == 500
    assert '"errorcode":"steps.servicecallout.ExecutionFailed"' in config["on_error_body"]


def test_without_a_response_nobody_waits(tmp_path):
    config = the_plugin(converted(simple(tmp_path, "p", CALL.format(request="", response=""))))["config"]
    assert config == {
        "callout_url": "http://up.test/check?a=1",
        "method": "GET",
        "request_body_source_type": "none",
        "wait_for_response": False,
    }


def test_headers_query_verb_and_body_go_along(tmp_path):
    request = """<Request><Set><Headers><Header name="X-A">1</Header><Header name="Authorization">Basic eA==</Header>
    <Header name="X-B">{flow.b}</Header></Headers><QueryParams><QueryParam name="q">a b</QueryParam></QueryParams>
    <Payload>{request.content}</Payload><Verb>POST</Verb></Set></Request>"""
    result = converted(simple(tmp_path, "p", CALL.format(request=request, response="<Response>r</Response>")))
    accepted(result, tmp_path)
    config = the_plugin(result)["config"]
    assert config["callout_url"] == "http://up.test/check?a=1&q=a%20b"
    assert config["method"] == "POST"
    assert config["request_body_source_type"] == "request_body"
    assert config["headers"] == {"X-A": "1", "Authorization": "{vault://env/p-p-authorization}"}
    lost = row(result, "P").lost
    assert any("X-B" in text for text in lost)
    assert any("Authorization" in text for text in lost)
    assert "eA==" not in result.text


def test_a_body_from_a_variable_comes_from_the_shared_context(tmp_path):
    request = "<Request><Set><Payload>{flow.body}</Payload></Set></Request>"
    config = the_plugin(converted(simple(tmp_path, "p", CALL.format(request=request, response=""))))["config"]
    assert config["request_body_source_type"] == "shared_context"
    assert config["request_body_source_name"] == "flow.body"


async def test_both_sides_make_the_same_call_and_go_on(tmp_path):
    made = simple(tmp_path, "p", CALL.format(request="", response="<Response>found</Response>"))
    async with beside(tmp_path, made) as both:
        before, after = await both.ask("GET", "/p/x")
        assert before.json()["path"] == after.json()["path"] == "/back/x"
        seen = [(one["method"], one["path"]) for one in both.apigee.upstream.seen]
        assert seen[:2] == seen[2:]


async def test_both_sides_refuse_when_the_service_does(tmp_path):
    made = simple(tmp_path, "p", CALL.format(request="", response="<Response>found</Response>"))
    async with beside(tmp_path, made) as both:

        async def refuse(request: web.Request) -> web.StreamResponse:
            return web.Response(status=503, text="no")

        both.apigee.upstream.answer = refuse
        before, after = await both.ask("GET", "/p/x")
        assert (before.status, after.status) == (500, 500)
        assert before.json()["fault"]["detail"] == after.json()["fault"]["detail"]


async def test_continue_on_error_goes_on(tmp_path):
    xml = CALL.format(request="", response="<Response>found</Response>").replace(
        '"P"', '"P" continueOnError="true"'
    )
    async with beside(tmp_path, simple(tmp_path, "p", xml)) as both:

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(status=500 if request.path == "/check" else 200, text=request.path)

        both.apigee.upstream.answer = answer
        before, after = await both.ask("GET", "/p/x")
        assert (before.status, before.body) == (after.status, after.body) == (200, b"/back/x")


def some_routes(folder, xml, name="P"):
    flow = (
        f'<Flow name="A"><Condition>request.verb = "POST"</Condition><Request>{steps(name)}</Request></Flow>'
    )
    back = '<TargetEndpoint name="default"><HTTPTargetConnection><URL>http://up.test/back</URL></HTTPTargetConnection></TargetEndpoint>'
    return write_bundle(
        folder,
        "some",
        {
            f"policies/{name}.xml": xml,
            "proxies/default.xml": proxy("/t", flows=flow),
            "targets/default.xml": back,
        },
    )


def test_a_call_that_reads_is_made_for_every_route_and_told(tmp_path):
    result = converted(some_routes(tmp_path, CALL.format(request="", response="<Response>r</Response>")))
    accepted(result, tmp_path)
    assert "enabled" not in the_plugin(result)
    assert "called for EVERY request" in result.text


def test_a_call_that_may_change_something_is_switched_off_and_told(tmp_path):
    request = "<Request><Set><Verb>POST</Verb></Set></Request>"
    result = converted(some_routes(tmp_path, CALL.format(request=request, response="<Response>r</Response>")))
    accepted(result, tmp_path)
    assert the_plugin(result)["enabled"] is False
    assert "switched OFF" in result.text


def test_with_mended_schemas_a_callout_stands_on_its_route(tmp_path):
    made = some_routes(tmp_path, CALL.format(request="", response="<Response>r</Response>"))
    result = converted(made, callouts="route")
    accepted(result, tmp_path)
    assert "plugins" not in document(result)
    on = [name for name, route in routes_of(result).items() if "service-callout" in plugins_of(route)]
    assert on == ["some-default-A"]


def test_a_second_callout_is_told(tmp_path):
    xml = CALL.format(request="", response="<Response>r</Response>")
    other = xml.replace('"P"', '"Q"').replace("/check", "/other")
    made = simple(
        tmp_path, "p", xml, flow=f'<Flows><Flow name="F"><Request>{steps("Q")}</Request></Flow></Flows>'
    )
    (made / "policies" / "Q.xml").write_text(other)
    result = converted(made)
    accepted(result, tmp_path)
    assert len(document(result)["plugins"]) == 1
    assert "a second service-callout" in result.text


EXTERNAL = """<ExternalCallout name="P"><TimeoutMs>100</TimeoutMs><GrpcConnection><Server name="s"/></GrpcConnection>
<Configurations><Property name="with.request.content">true</Property></Configurations></ExternalCallout>"""


def test_an_external_callout_keeps_its_address_and_tells_that_grpc_is_lost(tmp_path):
    result = converted(simple(tmp_path, "p", EXTERNAL))
    accepted(result, tmp_path)
    config = the_plugin(result, "external-callout")["config"]
    assert config["callout_url"] == "http://s.invalid/"
    assert config["request_body_source_type"] == "request_body"
    found = row(result, "P")
    assert found.verdict == "manual"
    assert any("gRPC" in text for text in found.lost)


def test_where_an_external_callout_decided_nobody_passes_until_somebody_decides(tmp_path):
    result = converted(some_routes(tmp_path, EXTERNAL))
    accepted(result, tmp_path)
    assert the_plugin(result, "external-callout")["enabled"] is False
    routes = routes_of(result)
    assert plugins_of(routes["some-default-A"])["request-termination"]["status_code"] == 503
    assert "request-termination" not in plugins_of(routes["some-default-rest"])


def test_a_call_under_a_condition_that_no_route_can_ask_is_left_out(tmp_path):
    made = simple(tmp_path, "p", CALL.format(request="", response="<Response>r</Response>"))
    endpoint = made / "proxies" / "default.xml"
    endpoint.write_text(endpoint.read_text().replace("<Name>P", "<Condition>flow.x = 1</Condition><Name>P"))
    result = converted(made)
    assert "plugins" not in document(result)
    assert "NOT written" in result.text


def test_a_request_that_other_policies_prepare_is_told(tmp_path):
    call = CALL.format(request='<Request variable="ask"/>', response="<Response>r</Response>")
    made = simple(tmp_path, "p", call)
    (made / "policies" / "Ask.xml").write_text(
        '<AssignMessage name="Ask"><AssignTo createNew="true" type="request">ask</AssignTo>'
        "<Set><Path>/json</Path></Set></AssignMessage>"
    )
    result = converted(made)
    assert "what Ask puts into the message ask: verb, path, query, headers and body" in result.text
    assert row(result, "P").lost

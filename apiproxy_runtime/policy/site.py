"""Where a policy is compiled: the bundle around it, the environment it is deployed to, and the compilers it uses.

A `Site` exists only while a bundle is deployed. What a step keeps of it are the functions made here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct, field

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import (
    Bundle,
    HTTPTargetConnection,
    LocalTargetConnection,
    Resource,
    SSLInfo,
)
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition.compiler import compile_condition
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.template.compiler import Template, UnresolvedVariable, compile_template
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.variables import Getter, Setter
from apiproxy_runtime.policy.declaration import Value
from apiproxy_runtime.policy.egress import Egress, HTTPTarget, LocalTarget, Rpc, RpcTarget
from apiproxy_runtime.policy.events import Emitter, EventKind, Events
from apiproxy_runtime.policy.setting import Setting
from apiproxy_runtime.state.catalog import Catalog
from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import Answer, Store
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from ssl import SSLContext

    from apiproxy_runtime.policy.policy import Policy

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

Render = Callable[[MessageContext], str]
Predicate = Callable[[MessageContext], bool]
SharedFlowRunner = Callable[[MessageContext], Awaitable[None]]


class Engine(Protocol):
    """What runs code of bundles outside this process, one for all bundles."""

    def __init__(self, connect_to: Mapping[str, str]) -> None:
        """Where calls that the code makes by itself go instead: `host` or `host:port` to another origin."""
        ...

    async def close(self) -> None:
        """End the processes. Nothing is asked of the engine afterwards."""
        ...


N = TypeVar("N", bound=Engine)


class Targets(Protocol):
    """Compiles the connections that TargetEndpoints and callouts share."""

    def http(
        self, connection: HTTPTargetConnection, site: Site, *, purpose: str, events: bool = False
    ) -> HTTPTarget: ...

    def local(self, connection: LocalTargetConnection, site: Site) -> LocalTarget: ...

    def rpc(self, server: TargetServer, site: Site, method: Rpc[Q, A]) -> RpcTarget[Q, A]: ...

    def client_tls(self, info: SSLInfo, site: Site) -> Callable[[MessageContext], SSLContext | None]: ...


class Services(Struct):
    """What the runtime gives to every bundle of an environment.

    catalog      products, developers, apps and keys, arranged for requests; replaced as a whole when they change
    shared_flow  finds a deployed shared flow by name when a request needs it (it may be deployed later)
    records      takes what policies report to the platform (logs, analytics, published messages)
    spawn        starts work that nobody waits for; a graceful stop lets it finish
    settings     what the command line says to policies, by name; see `Policy.settings`
    preparing    what compiled policies want done once their bundle is accepted (initial entries of key value maps);
                 whoever deploys does it then, so that a refused bundle leaves no trace in the store
    closing      what is done when the runtime ends, the last first; see `on_close`
    engines      the engines that bundles have asked for, by class
    events       what is published to event hooks and other listeners
    connect_to   where calls go instead, `host` or `host:port` to another origin; the egress knows it by itself
    """

    environment: Environment
    test_data: TestData
    store: Store
    kvms: KeyValueMaps
    egress: Egress
    targets: Targets
    shared_flow: Callable[[str], SharedFlowRunner | None]
    spawn: Callable[[Coroutine[Any, Any, Any]], object]
    world: World = field(default_factory=World)
    settings: dict[str, str] = field(default_factory=dict)
    preparing: list[Callable[[], Answer[object]]] = field(default_factory=list)
    catalog: Catalog = field(default_factory=Catalog)
    records: Records = field(default_factory=Records)
    closing: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    engines: dict[type[Engine], Engine] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    connect_to: dict[str, str] = field(default_factory=dict)

    def on_close(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Have something done when the runtime ends: processes stopped, files removed."""
        self.closing.append(callback)

    def engine(self, kind: type[N]) -> N:
        """The engine of a class, made when a bundle first asks for it and closed with the runtime."""
        engine = self.engines.get(kind)
        if not isinstance(engine, kind):
            engine = self.engines[kind] = kind(self.connect_to)
            self.on_close(engine.close)
        return engine

    async def close(self) -> None:
        """Do what `on_close` was told."""
        while self.closing:
            await self.closing.pop()()


class Site:
    """The place of one policy in one bundle while it is compiled."""

    def __init__(
        self,
        bundle: Bundle,
        deployment: Deployment,
        services: Services,
        findings: Findings,
        policy: Policy | None = None,
        *,
        observed: bool = False,
    ) -> None:
        self.bundle = bundle
        self.deployment = deployment
        self.services = services
        self.findings = findings
        self.policy = policy
        self.observed = observed

    def of(self, policy: Policy) -> Site:
        """The same place, for another policy."""
        return Site(
            self.bundle, self.deployment, self.services, self.findings, policy, observed=self.observed
        )

    # ---- what is around

    @property
    def environment(self) -> Environment:
        return self.services.environment

    @property
    def store(self) -> Store:
        return self.services.store

    @property
    def egress(self) -> Egress:
        return self.services.egress

    @property
    def world(self) -> World:
        return self.services.world

    def resource(self, url: str) -> Resource | None:
        """The file that `TYPE://NAME` means: the bundle's own, else the environment's."""
        found = self.bundle.resource(url)
        if found is None:
            kind, _, name = url.strip().partition("://")
            found = self.environment.resources.get((kind, name))
        return found

    def setting(self, setting: Setting) -> Any:
        """What the command line says of a setting, else its default."""
        return setting.value(self.services.settings)

    def emitter(self, kind: EventKind) -> Emitter:
        """What emits an event of the policy; false while nobody listens to it."""
        return self.services.events.publish(kind)

    # ---- findings

    def error(self, node: Node, error: str, cure: str = "", /, **values: object) -> None:
        """Report a deploy error from the policy's table; placeholders of its message are filled with `values`."""
        policy = self.policy
        message = policy.deploy_errors.get(error, error) if policy is not None else error
        filled = {"policy": policy.name if policy is not None else "", **values}
        for key, value in filled.items():
            message = message.replace("{" + key + "}", str(value))
        self.findings.error(node, error, message, cure)

    def warning(self, node: Node, name: str, message: str, cure: str = "") -> None:
        self.findings.warning(node, name, message, cure)

    # ---- variables

    def getter(self, name: str) -> Getter:
        """A function that reads a flow variable."""
        get = variables.getter(name)
        if not self.observed:
            return get

        def observed(ctx: MessageContext) -> Any:
            value = get(ctx)
            if ctx.observer is not None:
                ctx.observer.variable_read(name, value)
            return value

        return observed

    def setter(self, name: str) -> Setter:
        """A function that writes a flow variable; it returns whether the write took place."""
        put = variables.setter(name)
        if not self.observed:
            return put

        get = variables.getter(name)

        def observed(ctx: MessageContext, value: Any) -> bool:
            observer = ctx.observer
            if observer is None:
                return put(ctx, value)
            before = get(ctx)
            done = put(ctx, value)
            observer.variable_written(name, value, done, before)
            return done

        return observed

    # ---- expressions

    def condition(self, text: str, node: Node) -> Predicate | None:
        """A compiled condition; None for an empty one, which always holds. A syntax error is a finding."""
        if not text.strip():
            return None
        try:
            return compile_condition(text, self.getter)
        except ConditionSyntaxError as error:
            self.findings.error(node, "InvalidCondition", f"Condition cannot be read: {error}", "")
            return None

    def template(
        self,
        text: str,
        node: Node,
        *,
        ignore_unresolved: bool = True,
        unresolved: Callable[[str], Fault] | None = None,
        prefix: str | None = None,
        suffix: str | None = None,
        quotes: bool = False,
    ) -> Render:
        """A compiled message template.

        With `ignore_unresolved` an unresolved variable is the empty string; otherwise `unresolved` makes the fault
        that is raised, by default `entities.UnresolvedVariable` (500), as the template engine itself raises it.
        """
        template = self.compile_template(text, node, prefix=prefix, suffix=suffix, quotes=quotes)
        if template is None:
            return lambda ctx: text
        if template.constant is not None:
            constant = template.constant
            return lambda ctx: constant
        if ignore_unresolved:
            return template.render
        make_fault = unresolved or unresolved_variable
        strict = template.strict

        def render(ctx: MessageContext) -> str:
            try:
                return strict(ctx)
            except UnresolvedVariable as missing:
                raise make_fault(missing.name) from None

        return render

    def compile_template(
        self,
        text: str,
        node: Node,
        *,
        prefix: str | None = None,
        suffix: str | None = None,
        quotes: bool = False,
    ) -> Template | None:
        """The template itself; None, and a finding, when it cannot be read."""
        try:
            return compile_template(
                text,
                self.getter,
                world=self.world,
                prefix=prefix or None,
                suffix=suffix or None,
                quotes=quotes,
            )
        except TemplateSyntaxError as error:
            self.findings.error(
                node, error.name or "InvalidTemplate", f"Message template cannot be read: {error}", ""
            )
            return None

    def value(self, value: Value[T] | None, default: T | None = None) -> Callable[[MessageContext], T | None]:
        """A function that resolves a setting.

        The referenced variable wins when it is set; the literal text, or the expanded template, is the fallback; then
        the declared default. The function raises ValueError when what it finds is not of the setting's kind.
        """
        if value is None:
            return lambda ctx: default
        fallback = value.default if default is None else default
        text = value.text
        if text is None:
            literal: Callable[[MessageContext], T | None] = lambda ctx: fallback  # noqa: E731
        elif value.template and "{" in text:
            render = self.template(text, value.node)
            literal = lambda ctx: value.convert(render(ctx))  # noqa: E731
        else:
            constant = value.literal
            literal = lambda ctx: constant  # noqa: E731
        if value.ref is None:
            return literal
        get = self.getter(value.ref)

        def resolve(ctx: MessageContext) -> T | None:
            found = get(ctx)
            return literal(ctx) if found is None else value.convert(found)

        return resolve


def unresolved_variable(name: str) -> Fault:
    """What the template engine raises by itself (seen in live answers of Apigee X)."""
    return Fault("entities.UnresolvedVariable", f"Unresolved variable : {name}", 500)

"""Watches the transactions of one side: which steps ran, what each changed, which branches were passed.

Programs need not be compiled for observation: a step's changes are found by comparing the messages before and after it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from apiproxy_runtime.gateway.http.exchange import Exchange as WireExchange
from apiproxy_runtime.gateway.observation import UNKNOWN
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step
from apiproxy_runtime.rehearsal.outcome import Effect, Touch, Trace
from apiproxy_runtime.rehearsal.side import Kind

#: (kind, what, way): `what` is the compiled thing itself, or a name.
Key = tuple[str, object, object]


class SideWatch:
    """Gives each transaction an observer, and counts branches over all of them.

    kind      what the side is made of
    explains  whether traces tell what each step changed; where nobody asks, that time can be saved
    """

    def __init__(
        self, calls_made: Callable[[], int], kind: Kind = "bundle", *, explains: bool = True
    ) -> None:
        self.calls_made = calls_made
        self.kind = kind
        self.explains = explains
        self.passed: dict[Key, int] = {}
        self.trace = Trace()
        self.faults: list[Effect] = []
        #: the step that runs at the moment
        self.step: Step | None = None
        #: the same, for what it began and nobody waits for
        self.begun: ContextVar[Step | None] = ContextVar("begun", default=None)

    def begin(self) -> None:
        """The next case."""
        self.trace = Trace()
        self.faults = []

    def maker(self) -> Step | None:
        """The step that does what is done now: also behind the answer, and in a thread of its own."""
        return self.begun.get() or self.step

    def called(self, number: int) -> None:
        """A call goes out, the `number`th of the case."""
        step = self.maker()
        if step is not None and self.explains:
            place = f"{step.file}:{step.line}" if step.file else ""
            self.trace.touches.append(Touch("call", step.policy, place, number))

    def passes(self, key: Key) -> None:
        self.passed[key] = self.passed.get(key, 0) + 1

    def observer(self, ctx: MessageContext, exchange: WireExchange) -> None:
        """Takes the transaction under observation itself: variables, which are not compared, need not be recorded."""
        ctx.observer = TransactionObserver(self, ctx)


def named(step: Step) -> str:
    """A step as reports name it."""
    return f"{step.policy} ({step.file}:{step.line})" if step.file else step.policy


class _Seen:
    """A message as it was when it was last looked at."""

    __slots__ = ("body", "fields", "message", "start")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.fields = {key: field.copy() for key, field in message.headers.fields.items()}
        self.body = message.pieces
        self.start = _start(message)


def _start(message: Message) -> tuple[object, ...]:
    if message.is_request:
        return message.verb, message.path, message.query_string
    return message.status, message.reason


class TransactionObserver:
    """Notes what one transaction does."""

    def __init__(self, watch: SideWatch, ctx: MessageContext) -> None:
        self.watch = watch
        self.trace = watch.trace
        self.request: _Seen | None = _Seen(ctx.request) if watch.explains else None
        self.response: _Seen | None = None
        self.error: _Seen | None = None
        self.failed: Step | None = None
        #: the step that ran last, as long as nothing was called since
        self.last: Step | None = None
        self.address: str | None = None
        self.flow: tuple[tuple[str, str], str] = (("", ""), "")
        self.endpoint = f"{ctx.deployment.proxy}/{ctx.endpoint_name}"

    def flow_begins(self, ctx: MessageContext, name: str) -> None:
        if ctx.fault is not None and ctx.phase != "PROXY_POST_RESP_SENT":
            self.watch.passes(("fault rule", name, "run"))
            return
        target = ctx.target is not None and ctx.phase.startswith("TARGET")
        place = f"{ctx.deployment.proxy}/{ctx.target.name}" if target and ctx.target else self.endpoint
        here = (place, ctx.phase)
        if name == "PostFlow" and (self.flow[0] != here or self.flow[1] == "PreFlow"):
            self.watch.passes(("flow", (*here, "none"), "run"))
        self.flow = (here, name)
        self.watch.passes(("flow", (*here, name), "run"))

    def condition_begins(self, ctx: MessageContext, step: Step) -> None:
        """Only the outcome counts."""

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None:
        self.watch.passes(("condition", step, holds))

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None:
        """Which flow, route or fault rule is taken shows by itself."""

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None:
        """Which flow, route or fault rule is taken shows by itself."""

    def step_disabled(self, ctx: MessageContext, step: Step) -> None:
        """A disabled step does nothing."""

    def step_begins(self, ctx: MessageContext, step: Step) -> None:
        self.watch.step = step
        self.watch.begun.set(step)
        if not self.watch.explains:
            return
        self._answered(ctx)
        self.address = ctx.target.url if ctx.target is not None else None

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None:
        self.watch.step = None
        self.watch.begun.set(None)
        if fault is not None:
            self.failed = step
        if not self.watch.explains:
            return
        self.trace.steps.append(step.policy if fault is None else f"{step.policy} !")
        self.watch.passes(("policy", step.policy, "run"))
        self.last = step if fault is None else None
        if ctx.target is not None and ctx.target.url != self.address:
            self._touch("target", step)
        request = ctx.request
        if self.request is None or self._differs(self.request, request):
            self._touched("request", self.request, request, step)
            self.request = _Seen(request)
        response = ctx.response
        if response is not None and (self.response is None or self._differs(self.response, response)):
            self._touched("response", self.response, response, step)
            self.response = _Seen(response)
        error = ctx.error
        if error is not None and (self.error is None or self._differs(self.error, error)):
            self._touched("error", self.error, error, step)
            self.error = _Seen(error)

    def _answered(self, ctx: MessageContext) -> None:
        """A response that is there although nothing was called and no target left out: the step before gave it."""
        if self.response is not None or ctx.response is None:
            return
        if self.last is not None:
            self._touch("response.*", self.last)
        self.response = _Seen(ctx.response)

    def _touch(self, what: str, step: Step) -> None:
        place = f"{step.file}:{step.line}" if step.file else ""
        self.trace.touches.append(Touch(what, step.policy, place, self.watch.calls_made()))

    @staticmethod
    def _differs(seen: _Seen, message: Message) -> bool:
        return (
            seen.fields != message.headers.fields
            or seen.start != _start(message)
            or (seen.body is not message.pieces and seen.body != message.pieces)
        )

    def _touched(self, role: str, seen: _Seen | None, message: Message, step: Step) -> None:
        place = f"{step.file}:{step.line}" if step.file else ""
        calls = self.watch.calls_made()
        touches = self.trace.touches
        if seen is None:
            touches.append(Touch(f"{role}.*", step.policy, place, calls))
            return
        fields = message.headers.fields
        for key in seen.fields.keys() | fields.keys() if seen.fields != fields else ():
            if seen.fields.get(key) != fields.get(key):
                touches.append(Touch(f"{role}.header.{key}", step.policy, place, calls))
        if seen.body != message.pieces:
            touches.append(Touch(f"{role}.body", step.policy, place, calls))
        if seen.start != _start(message):
            touches.append(Touch(f"{role}.start", step.policy, place, calls))

    def route_chosen(self, ctx: MessageContext, route: Route) -> None:
        self.watch.passes(("route", (self.endpoint, route.name), "run"))
        self.last = None
        if route.target is not None:
            rule = self.watch.kind == "bundle"
            what = f"route rule {route.name}" if rule else f"service {route.target.name}"
            self.trace.route = f"{what} ({route.place})"

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None:
        step = self.failed
        maker = fault.policy or fault.code
        place = (
            f"{step.file}:{step.line}"
            if step is not None and step.policy == fault.policy and step.file
            else ""
        )
        self.trace.touches.append(Touch("fault", maker, place, self.watch.calls_made()))
        by = f"{maker} ({place})" if place else maker
        self.watch.faults.append(Effect("fault", fault.code, f"{fault.status} {fault.text}", by))
        if ctx.error is not None and self.watch.explains:
            self.error = _Seen(ctx.error)

    def variable_read(self, name: str, value: Any) -> None:
        """Variables are not compared."""

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None:
        """Variables are not compared."""

    def printed(self, ctx: MessageContext, text: str) -> None:
        """What scripts print is no effect."""

    def call_begins(self, ctx: MessageContext, call: Call) -> None:
        if call.purpose == "target":
            self.last = None

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None:
        if self.watch.explains and call.purpose == "target" and response.stream is None:
            self.response = _Seen(response)

    def transaction_ends(self, ctx: MessageContext) -> None:
        if self.watch.explains:
            self._answered(ctx)

    def inner(self, ctx: MessageContext) -> TransactionObserver:
        return TransactionObserver(self.watch, ctx)

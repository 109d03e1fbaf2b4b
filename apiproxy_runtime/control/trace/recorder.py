"""Records one transaction while it runs.

While it runs, only references are kept: bodies are shared, and a message is looked at again only to see whether it has
changed. When it is over, a `Transaction` is made of them, and masked, before anybody keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from apiproxy_runtime.control.trace.freezer import Freezer
from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.recorded import Held, Open
from apiproxy_runtime.control.trace.transaction import (
    VALUE_LIMIT,
    FlowEntered,
    Point,
    Raised,
    RouteTaken,
    Transaction,
)
from apiproxy_runtime.gateway.observation import UNKNOWN, Observer
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step

ERROR_FLOW = "ERROR_FLOW"
_PLAIN = frozenset((str, int, float, bool, type(None)))


class Recorder:
    """The observer of one transaction. `finished` is called with it when the transaction is over."""

    def __init__(
        self,
        ctx: MessageContext,
        masks: Masks,
        id: str,
        finished: Callable[[Recorder], None] | None = None,
        outer: Recorder | None = None,
    ) -> None:
        self.ctx = ctx
        self.masks = masks
        self.id = id
        self.finished = finished
        self.began: float = outer.began if outer is not None else perf_counter()
        self.items: list[Open | Point] = outer.items if outer is not None else []
        self.depth: int = outer.depth + len(outer.stack) + 1 if outer is not None else 0
        self.stack: list[Open] = []
        self.calls: dict[int, Open] = {}
        self.last: Held | None = None
        self.first: Held | None = None
        self.answer: Held | None = None
        self.pending: Open | None = None
        self.ended: Open | None = None
        self.fault: Raised | None = None
        self.took = 0.0
        self.done = False

    # ---- what is told

    def flow_begins(self, ctx: MessageContext, name: str) -> None:
        self._hold(ctx)
        self.items.append(
            FlowEntered(self._now(), self._phase(ctx), name, ctx.deployment.proxy, self._level())
        )

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None:
        self._open(choice, ctx, self._hold(ctx))

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None:
        self._close().holds = holds

    def condition_begins(self, ctx: MessageContext, step: Step) -> None:
        self.pending = self._open(step, ctx, self._hold(ctx))

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None:
        item = self._close()
        if not holds:
            item.holds, item.outcome, item.after = False, "skipped", item.before
            self.pending = None

    def step_disabled(self, ctx: MessageContext, step: Step) -> None:
        item = self._open(step, ctx, self._hold(ctx))
        item.outcome, item.after = "disabled", item.before
        self._close()

    def step_begins(self, ctx: MessageContext, step: Step) -> None:
        item = self.pending
        if item is None or item.what is not step:
            self._open(step, ctx, self._hold(ctx))
            return
        self.pending = None
        item.at = self._now()
        self.stack.append(item)

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None:
        item = self.ended = self._close()
        item.after = self._hold(ctx)
        if fault is not None:
            item.outcome = "faulted"
            item.fault = self._raised(ctx, fault, step.policy)

    def route_chosen(self, ctx: MessageContext, route: Route) -> None:
        self._hold(ctx)
        target = route.target.name if route.target is not None else ""
        self.items.append(RouteTaken(self._now(), route.name, target, self._level()))

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None:
        self._hold(ctx)
        raised = self._raised(ctx, fault, fault.policy or "")
        self.fault = raised
        self.items.append(raised)

    def variable_read(self, name: str, value: Any) -> None:
        if self.stack:
            if value.__class__ not in _PLAIN:
                value = _still(value)
            self.stack[-1].accesses.append((name, value, None, True, False))

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None:
        ended = self.ended
        if ended is not None and name in ended.what.failed:
            # whether a policy failed is set once its step has ended
            item = ended
        elif self.stack:
            item = self.stack[-1]
        else:
            return
        if value.__class__ not in _PLAIN:
            value = _still(value)
        if before.__class__ not in _PLAIN and before is not UNKNOWN:
            before = _still(before)
        item.accesses.append((name, value, before, done, True))

    def printed(self, ctx: MessageContext, text: str) -> None:
        if self.stack:
            self.stack[-1].printed.append(text[:VALUE_LIMIT])

    def call_begins(self, ctx: MessageContext, call: Call) -> None:
        item = Open(call, self._now(), self._phase(ctx), self._level(), Held(call.request, False))
        self.calls[id(call)] = item
        self.items.append(item)

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None:
        item = self.calls.pop(id(call), None)
        if item is not None:
            item.took = self._now() - item.at
            item.after = Held(response, False)

    def inner(self, ctx: MessageContext) -> Observer:
        """A chained proxy's transaction is a part of this one, some levels deeper."""
        return Recorder(ctx, self.masks, self.id, None, self)

    def transaction_ends(self, ctx: MessageContext) -> None:
        self._end(ctx)
        if self.finished is not None:
            self.finished(self)

    def _end(self, ctx: MessageContext) -> None:
        self.took = self._now()
        answer = ctx.error if ctx.fault is not None else ctx.response
        if answer is not None:
            self.answer = Held(answer, ctx.fault is not None)
        if self.first is None:
            self.first = Held(ctx.request, False)
        self.calls.clear()
        self.done = True

    # ---- while it runs

    def _now(self) -> float:
        return perf_counter() - self.began

    def _level(self) -> int:
        return self.depth + len(self.stack)

    def _phase(self, ctx: MessageContext) -> str:
        return ctx.phase if ctx.fault is None or ctx.phase == "PROXY_POST_RESP_SENT" else ERROR_FLOW

    def _hold(self, ctx: MessageContext) -> Held:
        """The message of the moment; the one of before when nothing has changed."""
        message = ctx.message
        last = self.last
        if last is None or not last.shows(message):
            last = self.last = Held(message, ctx.fault is not None)
            if self.first is None:
                self.first = last if message is ctx.request else Held(ctx.request, False)
        return last

    def _open(self, what: Any, ctx: MessageContext, before: Held) -> Open:
        item = Open(what, self._now(), self._phase(ctx), self._level(), before)
        self.items.append(item)
        self.stack.append(item)
        return item

    def _close(self) -> Open:
        item = self.stack.pop()
        item.took = self._now() - item.at
        return item

    def _raised(self, ctx: MessageContext, fault: Fault, policy: str) -> Raised:
        phase = fault.state or ctx.phase
        return Raised(
            self._now(), fault.name, fault.code, fault.text, fault.status, policy, phase, self._level()
        )

    @property
    def age(self) -> float:
        """Seconds since the transaction began."""
        return self._now()

    # ---- afterwards

    def transaction(self) -> Transaction:
        """What is known by now, masked."""
        ctx, masks = self.ctx, self.masks
        deployment, client = ctx.deployment, ctx.client
        frozen = Freezer(masks)
        ended = self.took if self.done else None
        points = tuple(frozen.point(item, ended) for item in self.items)
        request = frozen.snapshot(self.first if self.first is not None else Held(ctx.request, False))
        response = frozen.snapshot(self.answer) if self.answer is not None else None
        return Transaction(
            id=self.id,
            organization=deployment.organization,
            environment=deployment.environment,
            proxy=deployment.proxy,
            revision=deployment.revision,
            endpoint=ctx.endpoint_name,
            base_path=ctx.base_path,
            path_suffix=ctx.path_suffix,
            client=client.ip,
            method=request.verb,
            uri=masks.uri(client.request_uri),
            started=client.received_start,
            took=self.took if self.done else self._now(),
            status=response.status if response is not None else 0,
            reason=response.reason if response is not None else "",
            completed=self.done,
            request=request,
            response=response,
            route=ctx.route_name or "",
            target=ctx.target.name if ctx.target is not None else "",
            fault=self.fault,
            points=points,
            masked=tuple(sorted(frozen.masked)),
            size=frozen.size,
        )


def _still(value: Any) -> Any:
    """A value that nobody changes afterwards."""
    if isinstance(value, Message):
        # without its query, which may hold what is masked
        head = f"{value.verb} {value.path}" if value.is_request else f"{value.status} {value.reason_phrase}"
        return f"<message {head}, {len(value.body)} bytes>"
    return text_of(value)

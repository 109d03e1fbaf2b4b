"""`--trace`: each transaction as a tree of flows, conditions, steps, variables and calls, printed when it is over."""

from __future__ import annotations

import time
from typing import Any, TextIO

from apiproxy_runtime.gateway.http.exchange import Exchange
from apiproxy_runtime.gateway.observation import UNKNOWN, Observer
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step

LONGEST_VALUE = 120


class TextTrace:
    """Watches every transaction and prints it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def observer(self, ctx: MessageContext, exchange: Exchange | None) -> TextObserver:
        """The observer of one transaction."""
        return TextObserver(self.stream, ctx)


class TextObserver:
    """Collects the lines of one transaction."""

    def __init__(self, stream: TextIO, ctx: MessageContext, depth: int = 0) -> None:
        self.stream = stream
        self.depth = depth
        self.lines: list[str] = []
        self.started = time.perf_counter()
        self._step_started = 0.0
        self._in_step = 0
        self._pending: list[str] = []
        request = ctx.request
        self._line(
            0,
            f"{request.verb} {request.uri}  {ctx.deployment.proxy}/{ctx.endpoint_name} base path {ctx.base_path}",
        )

    def _line(self, level: int, text: str) -> None:
        self.lines.append(f"{'  ' * (level + self.depth)}{text}")

    def flow_begins(self, ctx: MessageContext, name: str) -> None:
        segment = ctx.phase if ctx.fault is None else "ERROR_FLOW"
        self._line(1, f"{segment} {name}")

    def condition_begins(self, ctx: MessageContext, step: Step) -> None:
        self._pending = []
        self._in_step += 1

    def condition_ends(self, ctx: MessageContext, step: Step, holds: bool) -> None:
        self._in_step -= 1
        condition = " ".join(step.condition_text.split())
        if holds:
            self._line(2, f"? {condition} is true")
        else:
            self._line(2, f"- {step.policy} skipped: {condition} is false")
        self._flush(3)

    def choice_begins(self, ctx: MessageContext, choice: Choice) -> None:
        self._pending = []
        self._in_step += 1

    def choice_ends(self, ctx: MessageContext, choice: Choice, holds: bool) -> None:
        self._in_step -= 1
        condition = " ".join(choice.condition_text.split())
        if holds:
            self._line(1, f"? {choice.kind} {choice.name}: {condition} is true")
            self._flush(2)
        else:
            self._pending = []

    def step_disabled(self, ctx: MessageContext, step: Step) -> None:
        self._line(2, f"- {step.policy} is disabled")

    def step_begins(self, ctx: MessageContext, step: Step) -> None:
        self._pending = []
        self._in_step += 1
        self._step_started = time.perf_counter()

    def step_ends(self, ctx: MessageContext, step: Step, fault: Fault | None) -> None:
        self._in_step -= 1
        micros = (time.perf_counter() - self._step_started) * 1e6
        place = f"  {step.file}" if step.file else ""
        failed = f"  FAULT {fault.code}: {fault.text}" if fault is not None else ""
        self._line(2, f"* {step.policy} ({step.kind}) {micros:.0f} µs{place}{failed}")
        self._flush(3)

    def _flush(self, level: int) -> None:
        for line in self._pending:
            self._line(level, line)
        self._pending = []

    def route_chosen(self, ctx: MessageContext, route: Route) -> None:
        where = route.target.name if route.target is not None else "no target (null route)"
        self._line(1, f"ROUTE {route.name} -> {where}")

    def fault_raised(self, ctx: MessageContext, fault: Fault) -> None:
        self._line(1, f"FAULT {fault.name} ({fault.code}) {fault.status}: {fault.text}")

    def variable_read(self, name: str, value: Any) -> None:
        if self._in_step:
            self._pending.append(f"get {name} = {shown(name, value)}")

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None:
        line = f"set {name} = {shown(name, value)}{'' if done else '  (not writable here)'}"
        if self._in_step and line not in self._pending:
            self._pending.append(line)

    def printed(self, ctx: MessageContext, text: str) -> None:
        self._pending.append(f"print {text}")

    def call_begins(self, ctx: MessageContext, call: Call) -> None:
        self._line(2, f"> {call.request.verb} {call.url}")

    def call_ends(self, ctx: MessageContext, call: Call, response: Message) -> None:
        self._line(2, f"< {response.status} {response.reason_phrase}, {len(response.body)} bytes")

    def inner(self, ctx: MessageContext) -> Observer:
        inner = TextObserver(self.stream, ctx, self.depth + 2)
        inner.lines = self.lines
        return inner

    def transaction_ends(self, ctx: MessageContext) -> None:
        answer = ctx.error if ctx.fault is not None else ctx.response
        millis = (time.perf_counter() - self.started) * 1000
        if answer is not None:
            self._line(0, f"{answer.status} {answer.reason_phrase} in {millis:.1f} ms")
        self.stream.write("\n".join(self.lines) + "\n\n")
        self.stream.flush()


def shown(name: str, value: Any) -> str:
    """A value as the trace prints it; `private.` variables stay hidden, as in Apigee's debug sessions."""
    if value is None:
        return "null"
    if name.startswith("private."):
        return "*****"
    if value.__class__ is Message:
        return repr(value)
    text = text_of(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… ({len(text)} characters)"

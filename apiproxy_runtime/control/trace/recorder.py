"""Records one transaction while it runs.

While it runs, only references are kept: bodies are shared, and a message is looked at again only to see whether it has
changed. When it is over, a `Transaction` is made of them, and masked, before anybody keeps it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal

from apiproxy_runtime.control.trace.masking import Masks
from apiproxy_runtime.control.trace.transaction import (
    CONTENT_LIMIT,
    MASKED,
    VALUE_LIMIT,
    Access,
    CallMade,
    ChoiceMade,
    FlowEntered,
    Outcome,
    Point,
    Raised,
    RouteTaken,
    Snapshot,
    StepTaken,
    Transaction,
)
from apiproxy_runtime.gateway.observation import UNKNOWN, Observer
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.headers import Headers
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.egress import Call
from apiproxy_runtime.program.program import Route
from apiproxy_runtime.program.step import Choice, Step

ERROR_FLOW = "ERROR_FLOW"
_PLAIN = frozenset((str, int, float, bool, type(None)))
#: Bytes that a point, an access and a header are taken to need.
_POINT, _ACCESS, _LINE = 400, 200, 120

_Raw = tuple[str, Any, Any, bool, bool]


class Held:
    """A message at one point, by reference: its parts are not changed by anybody, or were copied."""

    __slots__ = (
        "body",
        "faulty",
        "headers",
        "is_request",
        "reason",
        "status",
        "stream",
        "uri",
        "verb",
        "version",
    )

    def __init__(self, message: Message, faulty: bool) -> None:
        self.is_request = message.is_request
        self.faulty = faulty
        self.verb = message.verb
        self.uri = message.uri if message.is_request else ""
        self.status = message.status
        self.reason = message.reason
        self.version = message.version
        self.headers = message.headers.copy()
        self.body = message.pieces
        self.stream = message.stream is not None

    def shows(self, message: Message) -> bool:
        """Whether the message still is what it was."""
        return (
            self.body is message.pieces
            and self.headers.fields == message.headers.fields
            and self.is_request == message.is_request
            and (
                self.verb == message.verb and self.uri == message.uri
                if self.is_request
                else self.status == message.status and self.reason == message.reason
            )
        )


class _Open:
    """A step, a condition or a call as it is being recorded."""

    __slots__ = (
        "accesses", "after", "at", "before", "depth", "fault", "holds", "outcome", "phase", "printed", "took", "what",
    )  # fmt: skip

    def __init__(self, what: Any, at: float, phase: str, depth: int, before: Held | None) -> None:
        self.what = what
        self.at = at
        self.phase = phase
        self.depth = depth
        self.before = before
        self.after: Held | None = None
        self.took = 0.0
        self.accesses: list[_Raw] = []
        self.printed: list[str] = []
        self.fault: Raised | None = None
        self.holds = True
        self.outcome: Outcome = "ran"


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
        self.items: list[_Open | Point] = outer.items if outer is not None else []
        self.depth: int = outer.depth + len(outer.stack) + 1 if outer is not None else 0
        self.stack: list[_Open] = []
        self.calls: dict[int, _Open] = {}
        self.last: Held | None = None
        self.first: Held | None = None
        self.answer: Held | None = None
        self.pending: _Open | None = None
        self.ended: _Open | None = None
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
        item = _Open(call, self._now(), self._phase(ctx), self._level(), Held(call.request, False))
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

    def _open(self, what: Any, ctx: MessageContext, before: Held) -> _Open:
        item = _Open(what, self._now(), self._phase(ctx), self._level(), before)
        self.items.append(item)
        self.stack.append(item)
        return item

    def _close(self) -> _Open:
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
        frozen = _Freezer(masks)
        points = tuple(frozen.point(item, self) for item in self.items)
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


class _Freezer:
    """Makes points and snapshots of what a recorder holds; one that stays the same is made once."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self.known: dict[int, Snapshot] = {}
        self.masked: set[str] = set()
        self.contents: set[int] = set()
        self.size = 0

    def point(self, item: _Open | Point, recorder: Recorder) -> Point:
        self.size += _POINT
        if not isinstance(item, _Open):
            return item
        what = item.what
        if isinstance(what, Choice):
            return ChoiceMade(
                item.at,
                item.took,
                item.phase,
                what.kind,
                what.name,
                what.condition_text,
                item.holds,
                self.accesses(item),
                item.depth,
            )
        if isinstance(what, Call):
            took = item.took if item.after is not None else recorder.took - item.at if recorder.done else 0.0
            return CallMade(
                item.at,
                took,
                item.phase,
                what.purpose,
                self.masks.uri(what.url),
                self.snapshot(item.before),
                self.snapshot(item.after) if item.after is not None else None,
                item.depth,
            )
        return StepTaken(
            item.at,
            item.took,
            item.phase,
            what.policy,
            what.kind,
            what.file,
            what.line,
            what.condition_text,
            item.outcome,
            what.continue_on_error,
            item.fault,
            self.accesses(item),
            tuple(item.printed),
            self.snapshot(item.before) if item.before is not None else None,
            self.snapshot(item.after) if item.after is not None else None,
            item.depth,
        )

    def accesses(self, item: _Open) -> tuple[Access, ...]:
        """What was read and written, each once; a write of a built-in variable is told by two that know of it."""
        found: dict[tuple[str, str, str | None], Access] = {}
        text = self.text
        for name, value, before, done, written in item.accesses:
            shown = text(name, value)
            if not written:
                found.setdefault(("get", name, shown), Access("get", name, shown))
                continue
            action: Literal["set", "remove"] = "remove" if value is None and done else "set"
            key = (action, name, shown)
            if key not in found:
                told = None if before is None or before is UNKNOWN else text(name, before)
                found[key] = Access(action, name, shown, told, done)
        self.size += _ACCESS * len(found)
        return tuple(found.values())

    def text(self, name: str, value: Any) -> str | None:
        """A value as it is shown."""
        if value is None:
            return None
        masks = self.masks
        text = value if value.__class__ is str else text_of(value)
        if name[:8] == "private." or not masks.idle:
            if masks.hides(name):
                self.masked.add(name)
                return MASKED
            text = masks.value(name, text)
        if len(text) > VALUE_LIMIT:
            text = f"{text[:VALUE_LIMIT]}… ({len(text)} characters)"
        self.size += len(text)
        return text

    def snapshot(self, held: Held | None) -> Snapshot:
        assert held is not None
        known = self.known.get(id(held))
        if known is None:
            known = self.known[id(held)] = self._snapshot(held)
        return known

    def _snapshot(self, held: Held) -> Snapshot:
        masks = self.masks
        headers = masks.lines(held.headers)
        for name, _ in headers:
            if name.lower() in masks.headers:
                self.masked.add(f"header {name}")
        body = b"".join(held.body) if isinstance(held.body, list) else held.body
        content_type = (held.headers.get("content-type") or "").partition(";")[0].strip().lower()
        data = body
        if masks.covers_bodies and body:
            kind = "request" if held.is_request else "fault" if held.faulty else "response"
            data = masks.body(body, kind, content_type)
            if data is not body and data != body:
                self.masked.add("content")
        content, form = _text(data, held.headers)
        truncated = len(content) > CONTENT_LIMIT
        content = content[:CONTENT_LIMIT]
        if id(held.body) not in self.contents:
            self.contents.add(id(held.body))
            self.size += len(content)
        self.size += _LINE * len(headers)
        uri = masks.uri(held.uri)
        if uri != held.uri:
            self.masked.add("query")
        return Snapshot(
            is_request=held.is_request,
            verb=held.verb if held.is_request else "",
            uri=uri,
            status=0 if held.is_request else held.status,
            reason="" if held.is_request else _reason(held),
            version=held.version if "/" in held.version else f"HTTP/{held.version}",
            headers=headers,
            content=content,
            size=len(body),
            form="stream" if held.stream else form,
            truncated=truncated,
        )


def _text(data: bytes, headers: Headers) -> tuple[str, Any]:
    """A body as text in its charset; base64 for one that is none."""
    message = Message(False, headers, data)
    try:
        return data.decode(message.charset()), "text"
    except (UnicodeDecodeError, LookupError):
        return base64.b64encode(data[:CONTENT_LIMIT]).decode(), "base64"


def _reason(held: Held) -> str:
    message = Message.response(held.status)
    message.reason = held.reason
    return message.reason_phrase

"""Steps that have the response ready: what still runs, and what does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.fault import Respond
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.program.program import (
    ConditionalFlow,
    EndpointProgram,
    FaultRule,
    FaultRules,
    Route,
    Segment,
    TargetProgram,
)
from apiproxy_runtime.program.step import Step
from apiproxy_runtime.program.transaction import run_post_client, run_transaction


@dataclass
class Backend:
    """A target connection that answers 200 and counts."""

    calls: int = 0

    def url_of(self, ctx: MessageContext) -> str:
        return "http://backend.test"

    async def call_target(self, ctx: MessageContext) -> Message:
        self.calls += 1
        return Message.response(200)


@dataclass
class Trail:
    """Makes steps that note their names, and steps that answer."""

    seen: list[str] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)

    def steps(self, *names: str) -> tuple[Step, ...]:
        return tuple(map(self.step, names))

    def step(self, name: str) -> Step:
        def run(ctx: MessageContext) -> None:
            self.seen.append(name)
            if name == "answer" and not ctx.in_response:
                raise Respond(Message.response(203), **self.answer)

        return Step(run, name, "Test", failed=(f"test.{name}.failed",))

    def segment(
        self,
        pre: tuple[str, ...] = (),
        flow: tuple[str, ...] | None = None,
        post: tuple[str, ...] = (),
        of_target: bool = False,
    ) -> Segment:
        flows = () if flow is None else (ConditionalFlow("flow", "", lambda ctx: True, self.steps(*flow)),)
        return Segment(self.steps(*pre), flows, self.steps(*post), of_target)


def program(trail: Trail, backend: Backend | None = None, **parts: Any) -> EndpointProgram:
    """A proxy whose segments are given by name; the target's begin with `t_`."""
    nothing = trail.segment()
    target = TargetProgram(
        name="default",
        endpoint=True,
        connection=backend or Backend(),
        request=parts.get("t_request", nothing),
        response=parts.get("t_response", nothing),
        events=(),
        has_event_flow=False,
        fault_rules=FaultRules(default=FaultRule("t", None, trail.steps("fault-rule"))),
        is_success=lambda status: status < 400,
    )
    return EndpointProgram(
        name="default",
        base_path="/t",
        deployment=Deployment(),
        request=parts.get("request", nothing),
        response=parts.get("response", nothing),
        post_client=trail.steps("post-client"),
        routes=(Route("default", None, target),),
        fault_rules=FaultRules(default=FaultRule("p", None, trail.steps("fault-rule"))),
        pre_target_hook=trail.steps("pre-target-hook"),
        post_target_hook=trail.steps("post-target-hook"),
        post_proxy_hook=trail.steps("post-proxy-hook"),
    )


class Watching:
    """An observer that notes which steps ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def step_ends(self, ctx: MessageContext, step: Step, fault: object) -> None:
        self.ended.append(step.policy)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


async def play(compiled: EndpointProgram, observer: Any = None) -> tuple[Message, MessageContext]:
    ctx = MessageContext(Message.request("GET", "/t"), Deployment())
    ctx.observer = observer
    response = await run_transaction(compiled, ctx)
    await run_post_client(compiled, ctx)
    return response, ctx


async def test_an_answer_in_the_proxy_request_goes_to_the_proxy_response() -> None:
    trail, backend = Trail(), Backend()
    response, ctx = await play(
        program(
            trail,
            backend,
            request=trail.segment(("answer", "never"), post=("never",)),
            response=trail.segment(("pre",), ("flow",), ("post",)),
            t_response=trail.segment(("never",), of_target=True),
        )
    )
    assert trail.seen == ["answer", "pre", "flow", "post", "post-proxy-hook", "post-client"]
    assert (response.status, backend.calls) == (203, 0)
    assert ctx.variables["test.answer.failed"] is False
    assert ctx.fault is None


async def test_an_answer_in_the_target_request_goes_to_the_target_response() -> None:
    trail, backend = Trail(), Backend()
    response, _ = await play(
        program(
            trail,
            backend,
            t_request=trail.segment(("answer", "never"), of_target=True),
            t_response=trail.segment(("target",), of_target=True),
            response=trail.segment(("proxy",)),
        )
    )
    expected = ["pre-target-hook", "answer", "target", "post-target-hook", "proxy", "post-proxy-hook"]
    assert trail.seen == [*expected, "post-client"]
    assert (response.status, backend.calls) == (203, 0)


@pytest.mark.parametrize("where", ["request", "t_request"])
async def test_without_flows_the_answer_is_sent_as_it_is(where: str) -> None:
    trail = Trail(answer={"flows": False})
    never = trail.segment(("never",), ("never",), ("never",))
    response, _ = await play(
        program(trail, response=never, t_response=never, **{where: trail.segment(("answer", "never"))})
    )
    assert [name for name in trail.seen if name != "pre-target-hook"] == ["answer", "post-client"]
    assert response.status == 203


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ((("skipped", "answer", "a"), ("b",), ("c",)), ["a", "b", "c"]),
        ((("skipped",), ("skipped", "answer", "b"), ("c",)), ["b", "c"]),
        ((("skipped",), ("skipped",), ("skipped", "answer", "c")), ["c"]),
        ((("a",), ("b",), ("c",)), ["a", "b", "c"]),
    ],
)
@pytest.mark.parametrize("where", ["request", "t_request"])
async def test_the_proxy_response_is_taken_up_behind_the_policys_own_step(
    segment: tuple[tuple[str, ...], ...], expected: list[str], where: str
) -> None:
    trail = Trail(answer={"behind": "answer"})
    await play(
        program(trail, response=trail.segment(*segment), **{where: trail.segment(("answer", "never"))})
    )
    assert [name for name in trail.seen if len(name) == 1 or name == "skipped"] == expected


@pytest.mark.parametrize("where", ["request", "t_request"])
async def test_the_target_response_is_taken_up_behind_the_policys_own_step(where: str) -> None:
    trail, backend = Trail(answer={"behind": "answer"}), Backend()
    _, ctx = await play(
        program(
            trail,
            backend,
            **{where: trail.segment(("answer", "never"))},
            t_response=trail.segment(("skipped",), post=("skipped", "answer", "target"), of_target=True),
            response=trail.segment(("proxy",)),
        )
    )
    seen = [name for name in trail.seen if name != "pre-target-hook"]
    assert seen == ["answer", "target", "post-target-hook", "proxy", "post-proxy-hook", "post-client"]
    assert backend.calls == 0
    assert ctx.target is not None
    assert ctx.target.name == "default"


async def test_an_observer_sees_the_step_that_answers_end() -> None:
    trail, observer = Trail(), Watching()
    response, ctx = await play(program(trail, request=trail.segment(("answer", "never"))), observer)
    assert response.status == 203
    assert observer.ended == ["answer", "post-proxy-hook", "post-client"]
    assert ctx.variables["test.answer.failed"] is False


async def test_outside_the_request_flows_an_answer_is_a_fault() -> None:
    def run(ctx: MessageContext) -> None:
        raise Respond(Message.response(203))

    trail = Trail()
    response, ctx = await play(program(trail, response=Segment((Step(run, "late", "Test"),), (), (), False)))
    assert response.status == 500
    assert ctx.fault is not None
    assert "late" in ctx.fault.text
    assert trail.seen[-2:] == ["fault-rule", "post-client"]

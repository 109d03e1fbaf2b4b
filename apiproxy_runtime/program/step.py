"""Steps: what a flow is made of once it is compiled, and the loop that runs them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from apiproxy_runtime.message.context import PROXY_REQUEST, TARGET_REQUEST, MessageContext
from apiproxy_runtime.message.fault import Fault, Respond

logger = logging.getLogger("apiproxy")

StepFunction = Callable[[MessageContext], Awaitable[Any] | None]
Predicate = Callable[[MessageContext], bool]


class Choice:
    """A flow, a route rule or a fault rule that a condition chooses; `kind` is the element's name."""

    __slots__ = ("condition_text", "kind", "name")

    def __init__(self, kind: str, name: str, condition_text: str) -> None:
        self.kind = kind
        self.name = name
        self.condition_text = condition_text


class Step:
    """One attached policy.

    run       does the policy's work; returns an awaitable when it has to wait
    condition of the step, None when it always runs
    failed    the variables that tell whether the policy failed
    enabled   False for a policy that is switched off: only observed programs have its steps, and these never run
    """

    __slots__ = (
        "condition",
        "condition_text",
        "continue_on_error",
        "enabled",
        "failed",
        "file",
        "kind",
        "line",
        "policy",
        "run",
    )

    def __init__(
        self,
        run: StepFunction,
        policy: str,
        kind: str,
        *,
        condition: Predicate | None = None,
        condition_text: str = "",
        continue_on_error: bool = False,
        failed: tuple[str, ...] = (),
        file: str = "",
        line: int = 0,
        enabled: bool = True,
    ) -> None:
        self.run = run
        self.policy = policy
        self.kind = kind
        self.condition = condition
        self.condition_text = condition_text
        self.continue_on_error = continue_on_error
        self.failed = failed
        self.file = file
        self.line = line
        self.enabled = enabled

    def __repr__(self) -> str:
        return f"<Step {self.policy} ({self.kind})>"


async def run_steps(ctx: MessageContext, steps: Sequence[Step]) -> int:
    """Run the steps whose conditions hold, in order; how many ran. Raises the Fault or the Respond that ends the flow."""
    if ctx.observer is not None:
        return await _run_observed(ctx, steps)
    ran = 0
    for step in steps:
        condition = step.condition
        if condition is not None and not condition(ctx):
            continue
        ran += 1
        try:
            waiting = step.run(ctx)
            if waiting is not None:
                await waiting
            for name in step.failed:
                ctx.variables[name] = False
        except Fault as fault:
            settle(ctx, step, fault)
        except Respond as answer:
            answered(ctx, step, answer)
        except Exception as error:
            settle(ctx, step, unexpected(step, error))
        if ctx.deadline and ctx.world.monotonic() > ctx.deadline:
            raise timed_out(ctx)
    return ran


async def _run_observed(ctx: MessageContext, steps: Sequence[Step]) -> int:
    """The same, telling the observer of each step; kept apart so that nobody pays who does not watch."""
    observer = ctx.observer
    ran = 0
    for step in steps:
        if not step.enabled:
            observer.step_disabled(ctx, step)
            continue
        if step.condition is not None:
            observer.condition_begins(ctx, step)
            holds = step.condition(ctx)
            observer.condition_ends(ctx, step, holds)
            if not holds:
                continue
        ran += 1
        observer.step_begins(ctx, step)
        fault: Fault | None = None
        answer: Respond | None = None
        try:
            waiting = step.run(ctx)
            if waiting is not None:
                await waiting
        except Fault as raised:
            fault = raised
        except Respond as raised_answer:
            answer = raised_answer
        except Exception as error:
            fault = unexpected(step, error)
        observer.step_ends(ctx, step, fault)
        if fault is not None:
            settle(ctx, step, fault)
        elif answer is not None:
            answered(ctx, step, answer)
        else:
            for name in step.failed:
                ctx.variables[name] = False
        if ctx.deadline and ctx.world.monotonic() > ctx.deadline:
            raise timed_out(ctx)
    return ran


def settle(ctx: MessageContext, step: Step, fault: Fault) -> None:
    """Set the failing policy's variables, then raise the fault unless the policy says continueOnError.

    With continueOnError no error flow begins and `error.*` stay as they were; `<prefix>.<policy>.failed` is what
    later steps can ask. Source: "What you need to know about policy errors".
    """
    if fault.policy is None:
        for name in step.failed:
            ctx.variables[name] = True
        ctx.variables.update(fault.variables)
        if step.continue_on_error and not fault.skip_continue_on_error:
            return
        fault.policy = step.policy
        fault.flow = ctx.flow_name
        fault.state = ctx.phase
    elif step.continue_on_error and not fault.skip_continue_on_error:
        # a FlowCallout swallows the fault of a policy in its shared flow
        return
    raise fault


def answered(ctx: MessageContext, step: Step, answer: Respond) -> None:
    """Pass an answer on to the transaction. Outside the request flows nothing is left to answer: a fault."""
    if ctx.fault is not None or ctx.phase not in (PROXY_REQUEST, TARGET_REQUEST):
        settle(ctx, step, unexpected(step, answer))
        return
    for name in step.failed:
        ctx.variables[name] = False
    raise answer


def unexpected(step: Step, error: Exception) -> Fault:
    """An exception that no policy means to raise: a 500 for the client, the traceback for the log."""
    logger.error("Step %s (%s:%s) failed unexpectedly", step.policy, step.file, step.line, exc_info=error)
    return Fault(
        "messaging.runtime.InternalError",
        f"Execution of {step.policy} failed with error: {type(error).__name__}: {error}",
        500,
        cause=error,
        category="System",
    )


def timed_out(ctx: MessageContext) -> Fault:
    """The budget of `api.timeout` is used up. Source: endpoint properties reference, runtime error catalog."""
    ctx.deadline = 0.0
    return Fault("flow.APITimedOut", "API timed out", 504, category="Messaging")

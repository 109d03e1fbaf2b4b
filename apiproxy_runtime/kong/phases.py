"""Running plugins: the phases of one request, as the chain of its route has them."""

from __future__ import annotations

import logging

from apiproxy_runtime.kong.answer import Exit, error
from apiproxy_runtime.kong.chain import Chain, Collected, Run
from apiproxy_runtime.kong.condition import ConditionError
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.program.program import Steps
from apiproxy_runtime.program.step import Step

logger = logging.getLogger("apiproxy")

UNEXPECTED = "An unexpected error occurred"


async def run_access(ctx: KongContext, chain: Chain) -> Collected:
    """Run access of all plugins of a route, and tell which plugins its later phases have. Raises Exit.

    After an answer the others do not run, but their later phases do (`ctx.collected` tells them too).
    """
    if chain.fixed is not None:
        ctx.collected = chain.fixed
        if chain.fixed.access:
            await run_steps(ctx, chain.fixed.access, "access")
        return chain.fixed
    runs: list[Run] = []
    answer: Exit | None = None
    for slot in chain.slots:
        run = slot.choose(ctx)
        if run is None:
            continue
        try:
            if run.condition is not None and not holds(ctx, run):
                continue
            runs.append(run)
            ctx.matched_plugins += (run.name,)
            if answer is None and run.access is not None:
                await run_steps(ctx, (run.access,), "access" if len(runs) == 1 else "")
        except Exit as given:
            answer = answer or given
    ctx.collected = Collected(runs)
    if answer is not None:
        raise answer
    return ctx.collected


def holds(ctx: KongContext, run: Run) -> bool:
    """Whether a plugin's condition holds. Raises Exit 500 when it cannot be told."""
    condition, step = run.condition, run.gate
    assert condition is not None
    if ctx.observer is not None:
        ctx.observer.condition_begins(ctx, step)
    try:
        result = condition(ctx)
    except ConditionError as wrong:
        logger.error("The condition of %s (%s:%s): %s", step.policy, step.file, step.line, wrong)
        raise error(ctx, 500, UNEXPECTED) from None
    if ctx.observer is not None:
        ctx.observer.condition_ends(ctx, step, result)
    return result


async def run_steps(ctx: KongContext, steps: Steps, phase: str) -> None:
    """Run one phase of some plugins. Raises Exit; a plugin that breaks answers 500."""
    observer = ctx.observer
    ctx.flow_name = phase or ctx.flow_name
    if observer is not None and phase:
        observer.flow_begins(ctx, phase)
    for step in steps:
        if observer is not None:
            observer.step_begins(ctx, step)
        try:
            waiting = step.run(ctx)
            if waiting is not None:
                await waiting
        except Exit as answer:
            if observer is not None:
                tell_exit(ctx, step, answer)
            if phase == "log":
                continue
            raise
        except Exception as broken:
            logger.error(
                "Plugin %s (%s:%s) failed in %s", step.policy, step.file, step.line, phase, exc_info=broken
            )
            crash = error(ctx, 500, UNEXPECTED)
            if observer is not None:
                tell_exit(ctx, step, crash)
            if phase in ("log", "header_filter", "body_filter"):
                continue
            raise crash from broken
        if observer is not None:
            observer.step_ends(ctx, step, None)


def tell_exit(ctx: KongContext, step: Step, answer: Exit) -> None:
    """A plugin's refusal is told to observers as a fault, `kong.NAME`; any other answer as a plain end that made the response."""
    message = ctx.response = answer.message
    if message.status < 400:
        ctx.observer.step_ends(ctx, step, None)
        return
    fault = Fault(f"kong.{step.kind}", answer.text, message.status)
    fault.policy = step.policy
    ctx.observer.step_ends(ctx, step, fault)
    ctx.observer.fault_raised(ctx, fault)

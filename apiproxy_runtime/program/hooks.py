"""Flow hooks: shared flows that the environment runs at fixed points of every proxy."""

from __future__ import annotations

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.program.program import Steps
from apiproxy_runtime.program.sharedflow import shared_flow_not_found
from apiproxy_runtime.program.step import Step


def hook_steps(point: str, services: Services) -> Steps:
    """The step of one hook point, or none. The attachment's continueOnError decides whether a fault is swallowed.

    Source: flow hooks page and the flowhooks API (continueOnError, default true).
    """
    hook = services.environment.flow_hooks.get(point)
    if hook is None:
        return ()
    name = hook.shared_flow
    find = services.shared_flow

    async def run_hook(ctx: MessageContext) -> None:
        run = find(name)
        if run is None:
            raise shared_flow_not_found(name)
        ctx.variables["apigee.edge.flowhook.name"] = point
        try:
            await run(ctx)
        finally:
            ctx.variables.pop("apigee.edge.flowhook.name", None)

    return (Step(run_hook, f"{point}->{name}", "FlowHook", continue_on_error=hook.continue_on_error),)

"""Calling a shared flow: from a FlowCallout, or from a flow hook of the environment."""

from __future__ import annotations

from msgspec.structs import replace

from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.program.program import SharedFlowProgram
from apiproxy_runtime.program.step import run_steps

#: Apigee does not guard recursion; an endless one must not take the process with it.
MAX_DEPTH = 64
NAME_VARIABLES = ("apigee.edge.sharedflow.name", "sharedflow.name")


async def run_shared_flow(program: SharedFlowProgram, ctx: MessageContext) -> None:
    """Run the flow on the caller's context; its name is readable while it runs. Raises the faults of its steps."""
    if ctx.depth >= MAX_DEPTH:
        raise Fault(
            "flow.SharedFlowRecursion",
            f"Shared Flow {program.name} calls itself more than {MAX_DEPTH} deep",
            500,
        )
    variables = ctx.variables
    outer = [variables.get(name) for name in NAME_VARIABLES]
    for name in NAME_VARIABLES:
        variables[name] = program.name
    caller = ctx.deployment
    ctx.depth += 1
    if program.deployment.property_sets:
        ctx.deployment = scoped(program.deployment, caller)
    try:
        await run_steps(ctx, program.steps)
    finally:
        ctx.depth -= 1
        ctx.deployment = caller
        for name, value in zip(NAME_VARIABLES, outer, strict=True):
            if value is None:
                variables.pop(name, None)
            else:
                variables[name] = value


def scoped(flow: Deployment, caller: Deployment) -> Deployment:
    """The caller's deployment with the shared flow's own property sets in front of the caller's."""
    return replace(caller, property_sets={**caller.property_sets, **flow.property_sets})


def shared_flow_not_found(name: str) -> Fault:
    """Source: FlowCallout policy reference, runtime errors."""
    return Fault("flow.SharedFlowNotFound", f"Shared Flow {name} Not Found", 500, category="Messaging")

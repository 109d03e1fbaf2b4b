"""One transaction through a compiled proxy: the order of the flows, the routing, and what faults do to them.

Order of execution (API proxy configuration reference): flow hook PreProxy, ProxyEndpoint request, route rules, flow
hook PreTarget, TargetEndpoint request, the call, TargetEndpoint response, flow hook PostTarget, ProxyEndpoint
response, flow hook PostProxy; then the response is sent, and PostClientFlow runs. The target hooks are skipped when
there is no target.

A step that has the response ready (`Respond`) leaves out the rest of the request and the target.
"""

from __future__ import annotations

import logging

from apiproxy_runtime.message.context import (
    POST_CLIENT,
    PROXY_REQUEST,
    PROXY_RESPONSE,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    MessageContext,
    TargetCall,
)
from apiproxy_runtime.message.error import default_error
from apiproxy_runtime.message.fault import Fault, Respond
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.egress import CallFailed
from apiproxy_runtime.program.errors import call_fault, error_status_fault
from apiproxy_runtime.program.events import EventStream, once
from apiproxy_runtime.program.program import (
    EndpointProgram,
    FaultRule,
    FaultRules,
    Route,
    Segment,
    TargetProgram,
)
from apiproxy_runtime.program.step import run_steps, timed_out
from apiproxy_runtime.program.streams import hold

logger = logging.getLogger("apiproxy")


async def run_transaction(program: EndpointProgram, ctx: MessageContext) -> Message:
    """Run everything up to the sending of the response, and return what is to be sent. Raises nothing."""
    rules = program.fault_rules
    try:
        behind = ""
        try:
            if program.pre_proxy_hook:
                await run_steps(ctx, program.pre_proxy_hook)
            if not program.request.empty:
                await run_segment(ctx, program.request)
            route = choose_route(program, ctx)
            target = route.target
            if target is None:
                # a response made in the request flow (OAuthV2's GenerateResponse) is the answer
                if ctx.response is None:
                    ctx.response = echo(ctx.request)
            else:
                if target.endpoint:
                    rules = target.fault_rules
                await run_target(program, target, ctx)
                rules = program.fault_rules
        except Respond as answer:
            rules = program.fault_rules
            behind = answer.behind
            ctx.response = answer.message
            ctx.in_response = True
            if not answer.flows:
                return answer.message
            target = target_behind(program, ctx, behind)
            if target is not None:
                behind = ""
                rules = target.fault_rules
                enter_target(target, ctx)
                await run_target_response(program, target, ctx, answer.behind)
                rules = program.fault_rules
        ctx.phase = PROXY_RESPONSE
        ctx.in_response = True
        if not program.response.empty:
            await run_segment(ctx, program.response, behind)
        if program.post_proxy_hook:
            await run_steps(ctx, program.post_proxy_hook)
    except Fault as fault:
        return await run_error_flow(ctx, fault, rules)
    except Exception as error:
        logger.exception("Transaction failed unexpectedly")
        return await run_error_flow(
            ctx,
            Fault("messaging.runtime.InternalError", f"{type(error).__name__}: {error}", category="System"),
            rules,
        )
    assert ctx.response is not None
    return ctx.response


async def run_segment(ctx: MessageContext, segment: Segment, behind: str = "") -> None:
    """PreFlow, the first conditional flow that holds, PostFlow. The choice is made afresh in every segment.

    With `behind`, only what comes behind the step of that policy, if the segment attaches it.
    """
    if behind and segment.attaches(behind):
        segment = segment.behind(behind, lambda flow: flow.condition is None or flow.condition(ctx))
    if segment.pre:
        enter_flow(ctx, "PreFlow", segment.pre_description, segment.of_target)
        await run_steps(ctx, segment.pre)
    for flow in segment.flows:
        if flow.condition is None or flow.condition(ctx):
            enter_flow(ctx, flow.name, flow.description, segment.of_target)
            if flow.steps:
                await run_steps(ctx, flow.steps)
            break
    enter_flow(ctx, "PostFlow", segment.post_description, segment.of_target)
    if segment.post:
        await run_steps(ctx, segment.post)


def enter_flow(ctx: MessageContext, name: str, description: str, of_target: bool) -> None:
    ctx.flow_name = name
    ctx.flow_description = description or None
    if of_target:
        ctx.target_flow_name = name
    else:
        ctx.proxy_flow_name = name
    if ctx.observer is not None:
        ctx.observer.flow_begins(ctx, name)


def choose_route(program: EndpointProgram, ctx: MessageContext) -> Route:
    """The first rule that holds. Raises Fault `messaging.runtime.RouteFailed` when none does."""
    for route in program.routes:
        if route.condition is None or route.condition(ctx):
            ctx.route_name = route.name
            if route.target is not None:
                ctx.route_target = route.target.name
            if ctx.observer is not None:
                ctx.observer.route_chosen(ctx, route)
            return route
    raise Fault(
        "messaging.runtime.RouteFailed",
        "Unable to route the message to a Target Endpoint",
        500,
        category="Messaging",
    )


def echo(request: Message) -> Message:
    """What a null route answers: the request's headers and body, status 200. Source: Edge debug sessions."""
    response = Message(False, request.headers.copy(), request.body)
    response.stream = request.stream
    return response


async def run_target(program: EndpointProgram, target: TargetProgram, ctx: MessageContext) -> None:
    """The target's request flows, the call and the response flows. Raises the Fault that ends them."""
    enter_target(target, ctx)
    behind = ""
    try:
        if target.request_filter is not None:
            target.request_filter(ctx)
        if program.pre_target_hook:
            await run_steps(ctx, program.pre_target_hook)
        if not target.request.empty:
            await run_segment(ctx, target.request)
        if ctx.deadline and ctx.world.monotonic() > ctx.deadline:
            raise timed_out(ctx)
        response = await target.connection.call_target(ctx)
    except CallFailed as failure:
        raise call_fault(failure, ctx) from failure
    except Respond as answer:
        if not answer.flows or (answer.behind and program.response.attaches(answer.behind)):
            raise
        response, behind = answer.message, answer.behind
        ctx.response = response
    else:
        ctx.response = response
        failed = not target.is_success(response.status)
        if response.stream is not None and (failed or reads_response(program, target)):
            await hold(response, target.response_limit)
        if failed:
            ctx.phase = TARGET_RESPONSE
            ctx.in_response = True
            raise error_status_fault(response)
    await run_target_response(program, target, ctx, behind)


def reads_response(program: EndpointProgram, target: TargetProgram) -> bool:
    """Whether any step could look at a streamed response."""
    return not (target.response.empty and program.response.empty and not program.post_client)


def enter_target(target: TargetProgram, ctx: MessageContext) -> None:
    call = TargetCall(target.name, target.connection.url_of)
    call.base_path = target.base_path
    call.scheme = target.scheme
    ctx.target = call
    ctx.phase = TARGET_REQUEST


async def run_target_response(
    program: EndpointProgram, target: TargetProgram, ctx: MessageContext, behind: str
) -> None:
    """What a response passes on its way back from a target: all of it, or what comes behind the step of a policy."""
    response = ctx.response
    assert response is not None
    ctx.phase = TARGET_RESPONSE
    ctx.in_response = True
    if not target.response.empty:
        await run_segment(ctx, target.response, behind)
    if program.post_target_hook:
        await run_steps(ctx, program.post_target_hook)
    if target.response_filter is not None:
        target.response_filter(ctx)
    if target.events and (response.stream is not None or response.content_type() == "text/event-stream"):
        stream = response.stream if response.stream is not None else once(response.body)
        response.stream = EventStream(ctx, target.events).pass_events(stream)


def target_behind(program: EndpointProgram, ctx: MessageContext, policy: str) -> TargetProgram | None:
    """The target whose response flows attach a policy: the one of this call's route, else the first that does.

    None without a policy, when the ProxyEndpoint attaches it itself, or when the answer came from the target's request.
    """
    if not policy or ctx.phase != PROXY_REQUEST or program.response.attaches(policy):
        return None
    targets = [route.target for route in program.routes if route.target is not None]
    found = [target for target in targets if target.endpoint and target.response.attaches(policy)]
    if len(found) > 1:
        route = choose_route(program, ctx)
        if route.target in found:
            return route.target
    return found[0] if found else None


async def run_error_flow(ctx: MessageContext, fault: Fault, rules: FaultRules) -> Message:
    """Run the fault rules and return the error response.

    The first rule whose condition holds is taken; the default rule runs when none holds, or in addition when it is
    always enforced, unless the chosen rule raised. A fault inside a rule ends the rule and replaces the pending
    error; the headers the error already had stay. Source: fault handling page.
    """
    begin_error(ctx, fault)
    chosen = next((rule for rule in rules.rules if rule.condition is None or rule.condition(ctx)), None)
    raised = False
    if chosen is not None:
        raised = not await run_fault_rule(ctx, chosen)
    default = rules.default
    if (
        default is not None
        and (chosen is None or (rules.always_enforce and not raised))
        and (default.condition is None or default.condition(ctx))
    ):
        await run_fault_rule(ctx, default)
    assert ctx.error is not None
    return ctx.error


def begin_error(ctx: MessageContext, fault: Fault) -> None:
    """Enter the error state: from here on `message` is the pending error."""
    if fault.state is None:
        fault.state = ctx.phase
        fault.flow = ctx.flow_name
    ctx.error = fault.message if fault.message is not None else default_error(fault, ctx.request)
    ctx.fault = fault
    if ctx.observer is not None:
        ctx.observer.fault_raised(ctx, fault)


async def run_fault_rule(ctx: MessageContext, rule: FaultRule) -> bool:
    """Run a rule's steps; False when one of them raised, which ends the rule."""
    enter_flow(ctx, rule.name, "", False)
    try:
        await run_steps(ctx, rule.steps)
    except Fault as fault:
        previous = ctx.error
        begin_error(ctx, fault)
        if previous is not None and ctx.error is not None:
            for name, value in previous.headers:
                if name not in ctx.error.headers and name.lower() not in ("content-length", "content-type"):
                    ctx.error.headers.add(name, value)
        return False
    return True


async def run_post_client(program: EndpointProgram, ctx: MessageContext) -> None:
    """PostClientFlow, after the response was sent; it runs after errors too. What fails in it is logged."""
    ctx.phase = POST_CLIENT
    ctx.deadline = 0.0
    enter_flow(ctx, "PostClientFlow", "", False)
    try:
        await run_steps(ctx, program.post_client)
    except Fault as fault:
        logger.warning("PostClientFlow of %s failed: %s", ctx.deployment.proxy, fault)


__all__ = ["PROXY_REQUEST", "run_error_flow", "run_post_client", "run_segment", "run_transaction"]

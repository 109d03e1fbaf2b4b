"""The compiled form of a bundle: flat lists of steps, ready to run."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.policy.egress import HTTPTarget, LocalTarget
from apiproxy_runtime.program.step import Step

Predicate = Callable[[MessageContext], bool]
Steps = tuple[Step, ...]

MEGABYTE = 1024 * 1024


class ConditionalFlow(Struct, frozen=True):
    """A `<Flow>` in one direction; it is chosen even when it has no steps in that direction."""

    name: str
    description: str
    condition: Predicate | None
    steps: Steps


class Segment(Struct, frozen=True):
    """PreFlow, the conditional flows and PostFlow of one endpoint in one direction.

    `empty` is true when there is nothing to run or to choose.
    """

    pre: Steps
    flows: tuple[ConditionalFlow, ...]
    post: Steps
    of_target: bool
    pre_description: str = ""
    post_description: str = ""

    @property
    def empty(self) -> bool:
        return not (self.pre or self.flows or self.post)

    def attaches(self, policy: str) -> bool:
        """Whether any of its flows has a step for the policy."""
        flows = (self.pre, self.post, *(flow.steps for flow in self.flows))
        return any(step.policy == policy for steps in flows for step in steps)

    def behind(self, policy: str, holds: Callable[[ConditionalFlow], bool]) -> Segment:
        """What comes behind the step for a policy.

        Where conditional flows attach it, `holds` picks the one that runs; all of it when none of these does.
        """
        if (rest := _behind(self.pre, policy)) is not None:
            return replace(self, pre=rest)
        chosen = next(filter(holds, self.flows), None)
        if chosen is not None and (rest := _behind(chosen.steps, policy)) is not None:
            return replace(self, pre=(), flows=(replace(chosen, condition=None, steps=rest),))
        if (rest := _behind(self.post, policy)) is not None:
            return replace(self, pre=(), flows=(), post=rest)
        return self


def _behind(steps: Steps, policy: str) -> Steps | None:
    for position, step in enumerate(steps):
        if step.policy == policy:
            return steps[position + 1 :]
    return None


class FaultRule(Struct, frozen=True):
    name: str
    condition: Predicate | None
    steps: Steps


class FaultRules(Struct, frozen=True):
    """The rules of one endpoint, in the order in which they are tried."""

    rules: tuple[FaultRule, ...] = ()
    default: FaultRule | None = None
    always_enforce: bool = False

    def __bool__(self) -> bool:
        return bool(self.rules) or self.default is not None


class TargetProgram(Struct, frozen=True):
    """A TargetEndpoint, or the bare URL of a RouteRule (then `endpoint` is False and the proxy's rules apply).

    is_success  whether a status is one of the success codes
    """

    name: str
    endpoint: bool
    connection: HTTPTarget | LocalTarget
    request: Segment
    response: Segment
    events: Steps
    has_event_flow: bool
    fault_rules: FaultRules
    is_success: Callable[[int], bool]
    base_path: str | None = None
    scheme: str | None = None
    request_filter: Callable[[MessageContext], None] | None = None
    response_filter: Callable[[MessageContext], None] | None = None
    response_limit: int = 10 * MEGABYTE


class Route(Struct, frozen=True):
    """A RouteRule; `target` None is the null route, `place` the file and line it stands at."""

    name: str
    condition: Predicate | None
    target: TargetProgram | None
    place: str = ""


class EndpointProgram(Struct, frozen=True):
    """A ProxyEndpoint.

    api_timeout  seconds for the whole transaction, 0.0 for none
    body_limit   bytes a buffered request body may have after decompression
    reads_request  whether there are steps that could read a streamed request
    """

    name: str
    base_path: str
    deployment: Deployment
    request: Segment
    response: Segment
    post_client: Steps
    routes: tuple[Route, ...]
    fault_rules: FaultRules
    pre_proxy_hook: Steps = ()
    pre_target_hook: Steps = ()
    post_target_hook: Steps = ()
    post_proxy_hook: Steps = ()
    api_timeout: float = 0.0
    body_limit: int = 10 * MEGABYTE
    stream_request: bool = False
    reads_request: bool = True
    properties: dict[str, str] = field(default_factory=dict)


class ProxyProgram(Struct, frozen=True):
    """An API proxy, ready to run."""

    bundle: Bundle
    deployment: Deployment
    endpoints: tuple[EndpointProgram, ...]

    def endpoint(self, name: str) -> EndpointProgram | None:
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)


class SharedFlowProgram(Struct, frozen=True):
    """A shared flow, ready to be called."""

    bundle: Bundle
    deployment: Deployment
    steps: Steps

    @property
    def name(self) -> str:
        return self.bundle.name

"""The steps of a flow in the order in which Apigee runs them, shared flows and flow hooks put in their place."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from apiproxy_runtime.bundle.model import Bundle, Condition, PolicySource, StepRef
from apiproxy_runtime.expression.condition.nodes import Node
from apiproxy_runtime.kong.convert.condition import read_condition
from apiproxy_runtime.kong.convert.outcome import Landscape, Phase

_DEEPEST = 8


class Conditional(Struct, frozen=True):
    """A condition that a step stands under: parsed, and as written with its place."""

    node: Node | None
    source: Condition


class Placed(Struct, frozen=True):
    """A step where it stands. `bundle` holds its policy; `via` are the shared flows it came through."""

    step: StepRef
    policy: PolicySource | None
    bundle: Bundle
    phase: Phase
    under: tuple[Conditional, ...]
    via: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        return self.step.node.file


def under(conditions: tuple[Conditional, ...], condition: Condition | None) -> tuple[Conditional, ...]:
    if condition is None or not condition.text:
        return conditions
    return (*conditions, Conditional(read_condition(condition.text), condition))


def placed(
    steps: tuple[StepRef, ...],
    bundle: Bundle,
    phase: Phase,
    landscape: Landscape,
    conditions: tuple[Conditional, ...] = (),
    via: tuple[str, ...] = (),
) -> Iterator[Placed]:
    """The steps with those of the shared flows they call. A shared flow that is not at hand stays a FlowCallout."""
    for step in steps:
        mine = under(conditions, step.condition)
        policy = bundle.policies.get(step.policy)
        if policy is not None and policy.element == "FlowCallout" and policy.enabled:
            name = policy.node.child_text("SharedFlowBundle", "")
            shared = landscape.shared_flows.get(name)
            if shared is not None and name not in via and len(via) < _DEEPEST:
                yield Placed(step, policy, bundle, phase, mine, via)
                for flow in shared.shared_flows[:1]:
                    yield from placed(flow.steps, shared, phase, landscape, mine, (*via, name))
                continue
        yield Placed(step, policy, bundle, phase, mine, via)


def hook(point: str, phase: Phase, landscape: Landscape) -> Iterator[Placed]:
    """The steps of the shared flow that a flow hook of the environment calls."""
    attached = landscape.environment.flow_hooks.get(point)
    shared = landscape.shared_flows.get(attached.shared_flow) if attached is not None else None
    if attached is not None and shared is not None:
        for flow in shared.shared_flows[:1]:
            yield from placed(flow.steps, shared, phase, landscape, (), (attached.shared_flow,))

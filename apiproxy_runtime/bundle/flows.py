"""Flows, steps, conditions and fault rules, as endpoints and shared flows hold them."""

from __future__ import annotations

from apiproxy_runtime.bundle.elements import (
    boolean,
    check_children,
    child_boolean,
    only_child,
    text_of,
)
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Condition, FaultRule, Flow, StepRef
from apiproxy_runtime.bundle.xml import Node

_STEP = ("Name", "Condition", "FaultRules", "Description")
_FLOW = ("Description", "Request", "Response", "Condition")
_FAULT_RULE = ("Description", "Step", "Condition", "Name")


def read_condition(node: Node, findings: Findings) -> Condition | None:
    """The `<Condition>` of a step, flow or rule; None if it is missing or empty, which both mean "always"."""
    condition = only_child(node, "Condition", findings)
    text = text_of(condition)
    return Condition(text, condition) if condition is not None and text else None


def read_steps(node: Node | None, findings: Findings) -> tuple[StepRef, ...]:
    """The `<Step>`s directly in an element, in order. A step without a name is an error and left out."""
    if node is None:
        return ()
    steps = (_read_step(step, findings) for step in node.all("Step"))
    return tuple(step for step in steps if step is not None)


def _read_step(node: Node, findings: Findings) -> StepRef | None:
    check_children(node, _STEP, findings)
    policy = text_of(only_child(node, "Name", findings))
    if not policy:
        findings.error(
            node,
            "MissingName",
            "<Step> names no policy",
            "Write <Name>the policy's name attribute</Name> in it.",
        )
        return None
    return StepRef(policy, read_condition(node, findings), node, _old_fault_rules(node, findings))


def _old_fault_rules(node: Node, findings: Findings) -> tuple[FaultRule, ...]:
    """Fault rules below a step: Edge's form before there were fault rules of the endpoint."""
    rules = tuple(
        read_fault_rule(rule, findings) for group in node.all("FaultRules") for rule in group.all("FaultRule")
    )
    if rules:
        findings.warning(
            rules[0].node,
            "StepFaultRules",
            "fault rules of a single step never run",
            "Move them to the <FaultRules> of the endpoint.",
        )
    return rules


def read_flow(node: Node, name: str, findings: Findings, extra: tuple[str, ...] = ()) -> Flow:
    """One flow; `extra` names further children that the caller reads itself."""
    check_children(node, (*_FLOW, *extra), findings)
    for child in ("Request", "Response"):
        for direction in node.all(child):
            check_children(direction, ("Step", "Description"), findings)
    return Flow(
        name=node.name or name,
        description=text_of(node.child("Description")),
        condition=read_condition(node, findings),
        request=_direction(node, "Request", findings),
        response=_direction(node, "Response", findings),
        node=node,
    )


def _direction(node: Node, tag: str, findings: Findings) -> tuple[StepRef, ...]:
    return tuple(step for part in node.all(tag) for step in read_steps(part, findings))


def read_named_flow(endpoint: Node, tag: str, findings: Findings) -> Flow | None:
    """PreFlow, PostFlow, PostClientFlow or EventFlow of an endpoint. It is always called by its element's name."""
    node = only_child(endpoint, tag, findings)
    if node is None:
        return None
    flow = read_flow(node, tag, findings)
    return Flow(tag, flow.description, flow.condition, flow.request, flow.response, node)


def flow_or_empty(endpoint: Node, tag: str, findings: Findings) -> Flow:
    """Like read_named_flow; an empty flow placed at the endpoint if the file leaves it out."""
    return read_named_flow(endpoint, tag, findings) or Flow(tag, "", None, (), (), endpoint)


def read_conditional_flows(endpoint: Node, findings: Findings) -> tuple[Flow, ...]:
    """The `<Flow>`s of `<Flows>` in order. A nameless one is called by its position: "Flow-1", …"""
    flows: list[Flow] = []
    for group in endpoint.all("Flows"):
        check_children(group, ("Flow", "Description"), findings)
        for node in group.all("Flow"):
            if not node.name:
                findings.warning(
                    node,
                    "MissingName",
                    "<Flow> has no name attribute",
                    "Traces and current.flow.name show it.",
                )
            flow = read_flow(node, f"Flow-{len(flows) + 1}", findings)
            if any(flow.name == other.name for other in flows):
                findings.warning(
                    node,
                    "DuplicateName",
                    f"<{endpoint.tag}> has more than one flow {flow.name!r}",
                    "Rename one.",
                )
            flows.append(flow)
    return tuple(flows)


def read_fault_rule(node: Node, findings: Findings) -> FaultRule:
    check_children(node, _FAULT_RULE, findings)
    return FaultRule(node.name or "", read_condition(node, findings), read_steps(node, findings), False, node)


def read_fault_rules(endpoint: Node, findings: Findings) -> tuple[FaultRule, ...]:
    """The `<FaultRule>`s of an endpoint in the order of the file, whichever way they will be evaluated."""
    rules: list[FaultRule] = []
    for group in endpoint.all("FaultRules"):
        check_children(group, ("FaultRule", "Description"), findings)
        for node in group.all("FaultRule"):
            rule = read_fault_rule(node, findings)
            if not rule.name:
                findings.warning(node, "MissingName", "<FaultRule> has no name attribute", "Traces show it.")
            elif any(rule.name == other.name for other in rules):
                findings.warning(
                    node,
                    "DuplicateName",
                    f"<{endpoint.tag}> has more than one fault rule {rule.name!r}",
                    "Rename one.",
                )
            rules.append(rule)
    return tuple(rules)


def read_default_fault_rule(endpoint: Node, findings: Findings) -> FaultRule | None:
    node = only_child(endpoint, "DefaultFaultRule", findings)
    if node is None:
        return None
    check_children(node, (*_FAULT_RULE, "AlwaysEnforce"), findings)
    return FaultRule(
        name=node.name or "DefaultFaultRule",
        condition=read_condition(node, findings),
        steps=read_steps(node, findings),
        always_enforce=child_boolean(node, "AlwaysEnforce", False, findings),
        node=node,
    )


def read_flag(node: Node, attribute: str, default: bool, findings: Findings) -> bool:
    """A boolean attribute such as enabled or continueOnError."""
    return boolean(node.attributes.get(attribute), default, node, f"the attribute {attribute}", findings)

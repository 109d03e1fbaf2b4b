"""`flowhooks.json`: shared flows that run at fixed points of every proxy of an environment."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Findings, Placed
from apiproxy_runtime.bundle.jsonfile import JsonNode

FLOW_HOOKS = ("PreProxyFlowHook", "PreTargetFlowHook", "PostTargetFlowHook", "PostProxyFlowHook")
_FIELDS = ("sharedFlow", "continueOnError", "description", "flowHookPoint")


class FlowHook(Struct, frozen=True):
    """`shared_flow` is the name of a shared flow bundle.

    `continue_on_error` is true unless said otherwise. Source: docs.cloud.google.com/apigee, REST resource
    organizations.environments.flowhooks.
    """

    shared_flow: str
    continue_on_error: bool
    place: Placed


def read_flow_hooks(node: JsonNode, findings: Findings) -> dict[str, FlowHook]:
    """By hook point, from an object by point or a list of objects with `flowHookPoint`.

    A point's value is an object with `sharedFlow`, or the shared flow's name alone; without a name nothing is hooked.
    """
    hooks: dict[str, FlowHook] = {}
    for point, value in _points(node, findings):
        if point not in FLOW_HOOKS:
            cure = suggestion(point, FLOW_HOOKS)
            findings.error(value, "InvalidFlowHook", f"there is no flow hook {point!r}", cure)
            continue
        if isinstance(value.value, str):
            hook = FlowHook(value.value.strip(), True, value)
        else:
            entry = Entry(value, f"the flow hook {point}", findings)
            entry.check_fields(_FIELDS)
            shared_flow = entry.text("sharedFlow", "sharedflow").strip()
            hook = FlowHook(shared_flow, entry.boolean("continueOnError", default=True), value)
        if hook.shared_flow:
            hooks[point] = hook
    return hooks


def _points(node: JsonNode, findings: Findings) -> list[tuple[str, JsonNode]]:
    if isinstance(node.value, dict):
        return list(node.value.items())
    if isinstance(node.value, list):
        named = ((Entry(item, "the flow hook", findings).name("flowHookPoint"), item) for item in node.value)
        return [(point, item) for point, item in named if point]
    findings.error(node, "InvalidValue", "flowhooks.json must hold an object with the hook points")
    return []

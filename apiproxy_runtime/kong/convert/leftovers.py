"""Parts of a bundle that no converted route reaches: each gets its row, and a TODO where something is lost."""

from __future__ import annotations

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.model import Bundle, Flow
from apiproxy_runtime.kong.convert.consumers import at
from apiproxy_runtime.kong.convert.draft import Draft
from apiproxy_runtime.kong.convert.outcome import Attachment, Row, Verdict
from apiproxy_runtime.kong.convert.registry import outcome_of


def note_leftovers(bundle: Bundle, document: Draft) -> None:
    """Policies that no flow runs, resources, and targets that nothing leads to: each gets its row."""
    seen = {(row.proxy, row.name) for row in document.coverage.of_kind("policy")}
    for policy in bundle.policies.values():
        if (bundle.name, policy.name) in seen:
            continue
        if policy.name in _shared_steps(bundle):
            site = Attachment(policy, bundle, bundle, "request", document.landscape, {})
            found = outcome_of(site)
            kong = tuple(f"plugin {plugin.name}" for plugin in found.plugins)
            document.coverage.note(
                Row(
                    "policy",
                    policy.name,
                    policy.element,
                    policy.node,
                    found.verdict,
                    found.reason,
                    kong,
                    found.lost,
                    found.differences,
                    found.cases,
                    bundle.name,
                )
            )
        else:
            attached = policy.name in _steps(bundle)
            reason = "no flow names it"
            if attached:
                reason = (
                    "it runs in a flow or target that no route leads to, for a condition no route can ask"
                )
            verdict: Verdict = "manual" if attached else "drop"
            lost = (f"{policy.name}: {reason}",) if attached else ()
            document.loose_notes += [f"TODO {at(policy.node)}: {text}" for text in lost]
            document.coverage.note(
                Row(
                    "policy",
                    policy.name,
                    policy.element,
                    policy.node,
                    verdict,
                    reason,
                    (),
                    lost,
                    proxy=bundle.name,
                )
            )
    for target in bundle.targets.values():
        if f"{bundle.name}\0{target.name}" not in document.services:
            document.coverage.note(
                Row(
                    "target",
                    target.name,
                    "TargetEndpoint",
                    target.node,
                    "drop",
                    "no route leads to it",
                    proxy=bundle.name,
                )
            )
    for resource in bundle.resources.values():
        inline = resource.type == "properties"
        reason = (
            "its values are written in where they are used"
            if inline
            else f"{resource.type} has no home on Kong"
        )
        place = Place(resource.file)
        document.coverage.note(
            Row(
                "resource",
                f"{resource.type}://{resource.name}",
                resource.type,
                place,
                "exact" if inline else "manual",
                reason,
                proxy=bundle.name,
            )
        )


def _steps(bundle: Bundle) -> set[str]:
    """The policies that any flow of the endpoints runs."""
    flows: list[Flow | None] = []
    for proxy in bundle.proxies:
        flows += [proxy.pre_flow, *proxy.flows, proxy.post_flow, proxy.post_client_flow]
    for target in bundle.targets.values():
        flows += [target.pre_flow, *target.flows, target.post_flow, target.event_flow]
    return {step.policy for flow in flows if flow for step in (*flow.request, *flow.response)}


def _shared_steps(bundle: Bundle) -> set[str]:
    """The policies that the shared flows of the bundle run, whoever calls them."""
    return {step.policy for flow in bundle.shared_flows for step in flow.steps}

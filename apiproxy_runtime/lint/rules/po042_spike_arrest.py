from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.children import not_boolean, repeated_children, unknown_children
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_TOP = (
    "Description",
    "DisplayName",
    "Identifier",
    "IgnoreUnresolvedVariables",
    "MessageWeight",
    "Properties",
    "Rate",
    "UseEffectiveCount",
)


class SpikeArrestHygiene(Rule):
    """A rate limit with parts that Apigee ignores, or without a rate."""

    id = "PO042"
    name = "SpikeArrest hygiene"
    severity = "error"
    elements = ("SpikeArrest", "PromptTokenLimit")
    bad = "<SpikeArrest name='SA-1'><Rates>30ps</Rates></SpikeArrest>"
    good = "<SpikeArrest name='SA-1'><Rate>30ps</Rate></SpikeArrest>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/spike-arrest-policy"
    supersedes = ("UnknownElement", "RepeatedElement")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        root = policy.node
        prompt = policy.element == "PromptTokenLimit" and bundle.profile == "apigeex"
        known = (*_TOP, "UserPromptSource") if prompt else _TOP
        yield from unknown_children(root, known)
        yield from repeated_children(root, known)
        if not root.all("Rate"):
            yield Match(root, f"the {policy.element} has no <Rate>", "Add <Rate>30ps</Rate>.")
        for tag in ("IgnoreUnresolvedVariables", "UseEffectiveCount"):
            for node in root.all(tag)[:1]:
                yield from not_boolean(node)

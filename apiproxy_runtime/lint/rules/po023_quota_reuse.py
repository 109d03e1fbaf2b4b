from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode

_Place = tuple[str, str, str, str, str]


class QuotaReuse(Rule):
    """One Quota policy on several steps of a flow, under the same condition, counts a call several times."""

    id = "PO023"
    name = "Quota used twice in a flow"
    severity = "error"
    bad = "<Step><Name>Q-1</Name></Step> … <Step><Name>Q-1</Name></Step>"
    good = "<Step><Name>Q-1</Name></Step> … <Step><Name>Q-2</Name></Step>"
    cure = "Remove a step, or use another policy."
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/quota-policy"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        first: dict[_Place, StepNode] = {}
        told: set[_Place] = set()
        for step in bundle.steps:
            policy = step.policy
            if policy is None or policy.element != "Quota":
                continue
            place = _place(step)
            other = first.setdefault(place, step)
            if other is not step and place not in told:
                told.add(place)
                message = f"the quota {step.policy_name!r} counts here and on line {other.node.line} for the same call"
                yield Match(policy.node, message, trail=((other.node, "counts"), (step.node, "counts again")))


def _place(step: StepNode) -> _Place:
    """Where a step stands and when it runs: steps of one place run for the same calls."""
    owner = step.flow or step.rule
    condition = " ".join(step.condition.text.split()) if step.condition is not None else ""
    kind = "rule" if step.rule is not None else owner.tag if owner is not None else ""
    return (
        step.policy_name,
        step.endpoint.file,
        step.phase,
        f"{kind} {owner.name if owner else ''}",
        condition,
    )

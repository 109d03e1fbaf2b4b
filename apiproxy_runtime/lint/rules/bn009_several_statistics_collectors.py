from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class SeveralStatisticsCollectors(Rule):
    """Of several StatisticsCollector policies only the last one of a request counts.

    So each needs a condition that keeps it apart from the others, and two must not collect the same.
    """

    id = "BN009"
    name = "Several StatisticsCollector policies"
    elements = ("StatisticsCollector",)
    bad = """<Step><Name>SC-Stats1</Name></Step>
  <Step><Name>SC-Stats2</Name></Step>"""
    good = """<Step><Name>SC-Stats1</Name><Condition>request.verb = "GET"</Condition></Step>
  <Step><Name>SC-Stats2</Name><Condition>request.verb != "GET"</Condition></Step>"""
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/statistics-collector-policy"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        collectors = bundle.table(_collectors)
        position = collectors.index(policy)
        twins = [other.called for other in collectors[position + 1 :] if _markup(other) == _markup(policy)]
        if twins:
            yield Match(
                policy.node,
                f"{' and '.join(repr(name) for name in twins)} collects the same as {policy.called!r}",
                "Keep one, and attach it where each is attached.",
            )
        unconditional = not all(step.conditional for step in policy.steps)
        if unconditional and (len(collectors) > 1 or len(policy.steps) > 1):
            why = (
                "beside other StatisticsCollector policies"
                if len(collectors) > 1
                else "to more than one step"
            )
            yield Match(
                policy.node,
                f"{policy.called!r} is attached without a condition {why}",
                "Give each of its steps a condition, since only the last one that runs counts.",
            )


def _collectors(bundle: LintBundle) -> list[PolicyFile]:
    return [policy for policy in bundle.policies if policy.element == "StatisticsCollector"]


def _markup(policy: PolicyFile) -> str:
    statistics = policy.node.child("Statistics")
    return statistics.outer_xml().strip() if statistics is not None else ""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class UnconditionalFlows(Rule):
    """A flow without condition takes every request, so those after it never run.

    There may be one, as the last. An empty condition is none.
    """

    id = "FL001"
    name = "Unconditional flows"
    severity = "error"
    bad = (
        '<Flows><Flow name="all"/><Flow name="get"><Condition>request.verb = "GET"</Condition></Flow></Flows>'
    )
    good = (
        '<Flows><Flow name="get"><Condition>request.verb = "GET"</Condition></Flow><Flow name="all"/></Flows>'
    )
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/what-are-flows"

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        flows = endpoint.conditional_flows
        unconditional = [flow for flow in flows if not flow.conditional]
        if not unconditional:
            return
        first, last = unconditional[0], unconditional[-1]
        if first is not last:
            yield Match(
                last.node,
                f"the flow {last.name!r} has no condition, as {first.name!r} before it, and never runs",
                "Give each but the last flow a condition.",
            )
        if last is not flows[-1]:
            yield Match(
                last.node,
                f"the flow {last.name!r} has no condition, so no flow after it ever runs",
                "Give it a condition, or make it the last flow.",
            )

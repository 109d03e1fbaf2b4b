from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.bodycheck import content_variables, unguarded
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode


class ExtractJsonUnguarded(Rule):
    """ExtractVariables that reads JSON raises a fault when the message has no content.

    So its step, or the flow or fault rule around, should ask for the content. In the request flow `message` and
    `request` are the same, in the response flow `message` and `response`.
    """

    id = "ST003"
    name = "ExtractVariables from JSON without check"
    bad = "<Step><Name>EV-Body</Name></Step>"
    good = "<Step><Name>EV-Body</Name><Condition>message.content != null</Condition></Step>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy"
    )

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        policy = step.policy
        if policy is None or policy.element != "ExtractVariables":
            return
        payload = policy.node.child("JSONPayload")
        if payload is not None and payload.children:
            yield from unguarded(step, content_variables(policy, step), "JSON from the content")

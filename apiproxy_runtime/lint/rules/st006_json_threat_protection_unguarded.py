from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.bodycheck import content_variables, unguarded
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode


class JsonThreatProtectionUnguarded(Rule):
    """JSONThreatProtection has nothing to check when the message has no content, and may fail then.

    So its step, or the flow or fault rule around, should ask for the content. In the request flow `message` and
    `request` are the same, in the response flow `message` and `response`.
    """

    id = "ST006"
    name = "JSONThreatProtection without check"
    bad = "<Step><Name>JTP-Body</Name></Step>"
    good = "<Step><Name>JTP-Body</Name><Condition>message.content != null</Condition></Step>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/json-threat-protection-policy"

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        policy = step.policy
        if policy is not None and policy.element == "JSONThreatProtection":
            yield from unguarded(step, content_variables(policy, step), "the content")

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.bodycheck import form_variables, unguarded
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode


class ExtractFormUnguarded(Rule):
    """ExtractVariables that reads form parameters should run only when there is a form.

    Its step, or the flow or fault rule around, asks for the form or for one of the parameters.
    """

    id = "ST005"
    name = "ExtractVariables from a form without check"
    bad = "<Step><Name>EV-Form</Name></Step>"
    good = "<Step><Name>EV-Form</Name><Condition>message.formstring != null</Condition></Step>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy"
    )

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        policy = step.policy
        if policy is None or policy.element != "ExtractVariables":
            return
        forms = [form for form in policy.node.all("FormParam") if form.children]
        if forms:
            names = [form.name for form in forms if form.name]
            yield from unguarded(step, form_variables(policy, names, step), "form parameters")

"""AssertCondition: evaluates a condition and keeps the result in a variable."""

from __future__ import annotations

from apiproxy_runtime.policy.api import (
    MessageContext,
    Policy,
    RegexTimeout,
    Site,
    StepFunction,
    child,
    fault_table,
)


class AssertCondition(Policy):
    """Evaluate a condition and record whether it holds.

    A condition that does not hold is no fault: ask `assertcondition.{policy}.truthValue` in a later step.
    """

    tag = "AssertCondition"
    family = "extension"
    # with capitals, unlike the variable of the result (reference page, fault variables)
    prefix = "AssertCondition"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/assert-condition-policy"
    profiles = ("apigeex",)
    faults = fault_table(
        "steps.assertcondition",
        (
            "ConditionEvaluationFailed",
            500,
            "Condition of AssertCondition {policy} cannot be evaluated: {reason}",
            "the condition cannot be evaluated with the values at hand",
        ),
    )
    deploy_errors = {"InvalidCondition": "AssertCondition {policy}: the condition is missing or malformed"}
    variables = {"assertcondition.{policy}.truthValue": "true or false: whether the condition holds"}
    example = """
<AssertCondition name="AC-IsWrite">
  <Condition>(request.verb = "POST") or (request.verb = "PUT")</Condition>
</AssertCondition>"""

    condition: str = child("Condition", default="", doc="as in flows and steps: every operator")

    def compile(self, site: Site) -> StepFunction:
        node = self.node.child("Condition") or self.node
        holds = site.condition(self.condition, node)
        if holds is None:
            if not self.condition:
                site.error(node, "InvalidCondition", "Write the condition in <Condition>.")
            return lambda ctx: None
        put = site.setter(f"assertcondition.{self.name}.truthValue")

        def assert_condition(ctx: MessageContext) -> None:
            try:
                result = holds(ctx)
            except RegexTimeout as error:
                raise self.fault("ConditionEvaluationFailed", reason=str(error)) from None
            put(ctx, result)

        return assert_condition

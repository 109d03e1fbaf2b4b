from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.expression.condition.nodes import variables_of
from apiproxy_runtime.lint.dataflow import dataflow, flows_only
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule

_OF_FAULTS = ("fault.", "error.")


class FaultOutsideFaultHandling(Rule):
    """`fault.…` and `error.…` are set once a fault is being handled; in the flows before, they are always unset.

    Told are conditions and policies of request and response flows. A bundle with policies that continue on error is
    left alone, since such a policy sets them too.
    """

    id = "AR204"
    name = "Fault read outside of fault handling"
    cure = "Move the step to a fault rule."
    bad = '<PreFlow><Response><Step><Condition>fault.name = "SpikeArrestViolation"</Condition>…'
    good = '<FaultRule><Condition>fault.name = "SpikeArrestViolation"</Condition>…'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/fault-handling"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        flow = bundle.table(dataflow)
        if flow.opaque or any(
            policy.node.attributes.get("continueOnError", "").strip().lower() == "true"
            for policy in bundle.policies
        ):
            return
        if flow.known & {"error", "fault"}:
            return
        for step in bundle.steps:
            if step.flow is None or step.flow.tag == "PostClientFlow" or step.condition is None:
                continue
            for name in variables_of(step.condition.tree):
                if name.startswith(_OF_FAULTS):
                    yield Match(step.condition.node, f"{name} is read where no fault is handled")
        files = {policy.file: policy for policy in bundle.policies if flows_only(policy)}
        for name, places in flow.reads.items():
            for place in places if name.startswith(_OF_FAULTS) else ():
                policy = files.get(place.file)
                if policy is not None:
                    trail = tuple((step.node, f"{policy.called} runs in a flow") for step in policy.steps[:1])
                    message = f"{name} is read, and {policy.called!r} runs where no fault is handled"
                    yield Match(place, message, trail=(*trail, (place, f"{name} is read")))

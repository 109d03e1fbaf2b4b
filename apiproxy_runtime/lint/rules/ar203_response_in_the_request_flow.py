from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition.nodes import variables_of
from apiproxy_runtime.lint.dataflow import dataflow, request_only
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule


class ResponseInTheRequestFlow(Rule):
    """A variable of the response is read while there is none yet: it is always unset.

    Told are conditions of steps in request flows, and policies that run in request flows only, unless a policy makes a
    response of its own there.
    """

    id = "AR203"
    name = "Response read in the request flow"
    cure = "Move the step to the response flow, or read the request."
    bad = "<Request><Step><Condition>response.status.code = 200</Condition>…"
    good = "<Response><Step><Condition>response.status.code = 200</Condition>…"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/variables-reference#response"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        flow = bundle.table(dataflow)
        if flow.opaque or bundle.table(_makes_response):
            return
        for step in bundle.steps:
            if step.flow is None or step.phase != "Request" or step.condition is None:
                continue
            for name in variables_of(step.condition.tree):
                if name.startswith("response."):
                    yield Match(
                        step.condition.node, f"{name} is read in the request flow, where there is no response"
                    )
        files = {policy.file: policy for policy in bundle.policies if request_only(policy)}
        for name, places in flow.reads.items():
            for place in places if name.startswith("response.") else ():
                policy = files.get(place.file)
                if policy is not None:
                    trail = tuple(
                        (step.node, f"{policy.called} runs in the request flow") for step in policy.steps[:1]
                    )
                    message = f"{name} is read, and {policy.called!r} runs in the request flow, where there is no response"
                    yield Match(place, message, trail=(*trail, (place, f"{name} is read")))


def _makes_response(bundle: LintBundle) -> bool:
    """Whether some policy makes or fills a message called `response`, wherever it runs."""
    return any(_is_response(node) for policy in bundle.policies for node in policy.node.walk())


def _is_response(node: Node) -> bool:
    if node.tag == "AssignTo":
        return node.attributes.get("type", "") == "response" or node.text.strip() == "response"
    return node.tag in ("Response", "OutputVariable") and node.text.strip() == "response"

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class CorsAttachment(Rule):
    """CORS belongs once into the request of a proxy endpoint.

    Of several CORS policies only the last one counts, so each needs a condition. In a target endpoint a preflight
    request never arrives.
    """

    id = "EP001"
    name = "CORS attachment"
    severity = "error"
    bad = "<Step><Name>CORS-1</Name></Step> <Step><Name>CORS-2</Name></Step>"
    good = "<Step><Name>CORS-1</Name></Step>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/cors-policy"

    def on_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        steps = [step for step in endpoint.steps if step.policy is not None and step.policy.element == "CORS"]
        if endpoint.tag == "TargetEndpoint":
            for step in steps:
                yield Match(
                    step.node,
                    f"the CORS policy {step.policy_name!r} is attached to a target endpoint",
                    "Attach it to the PreFlow request of the proxy endpoint.",
                )
        elif len(steps) > 1:
            for step in steps:
                if step.condition is None:
                    yield Match(
                        step.node,
                        f"{step.policy_name!r} is one of {len(steps)} attached CORS policies and has no condition",
                        "Attach one only, or give each a condition: the last one that runs counts.",
                    )

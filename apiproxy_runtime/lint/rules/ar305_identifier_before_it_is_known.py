from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule, StepNode

_COUNTING = frozenset(("Quota", "SpikeArrest", "ConcurrentRatelimit", "LLMTokenQuota", "PromptTokenLimit"))
_KNOWING = frozenset(
    ("VerifyAPIKey", "OAuthV2", "VerifyJWT", "DecodeJWT", "BasicAuthentication", "GetOAuthV2Info")
)
_ORDER = ("PreFlow", "Flow", "PostFlow")


class IdentifierBeforeItIsKnown(Rule):
    """A quota or rate counts by what a policy finds out that runs only later, so all clients share one counter."""

    id = "AR305"
    name = "Counting before the client is known"
    cure = "Attach the policy that identifies the client first."
    bad = "<Step><Name>Q-Client</Name></Step><Step><Name>VA-Key</Name></Step>"
    good = "<Step><Name>VA-Key</Name></Step><Step><Name>Q-Client</Name></Step>"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/quota-policy"

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        known: dict[str, list[tuple[int, int, StepNode]]] = {}
        counting: list[tuple[int, int, StepNode]] = []
        for position, step in enumerate(endpoint.steps):
            policy = step.policy
            if policy is None or step.flow is None or step.phase != "Request" or step.flow.tag not in _ORDER:
                continue
            at = (_ORDER.index(step.flow.tag), position, step)
            if policy.element in _KNOWING:
                known.setdefault(policy.called, []).append(at)
            elif policy.element in _COUNTING:
                counting.append(at)
        for flow, position, step in counting:
            yield from _too_early(step, flow, position, known)


def _too_early(
    step: StepNode, flow: int, position: int, known: dict[str, list[tuple[int, int, StepNode]]]
) -> Iterator[Match]:
    policy = step.policy
    identifier = policy.node.child("Identifier") if policy is not None else None
    parts = identifier.attributes.get("ref", "").split(".") if identifier is not None else []
    for name in {".".join(parts[1:end]) for end in range(2, len(parts))}:
        runs = known.get(name, [])
        if runs and all((other, at) > (flow, position) for other, at, _ in runs):
            later = runs[0][2]
            message = f"{step.policy_name!r} counts by what {name!r} finds out, which runs later"
            yield Match(step.node, message, trail=((step.node, "counted here"), (later.node, "known here")))

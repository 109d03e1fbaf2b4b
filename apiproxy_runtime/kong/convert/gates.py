"""Gates: steps that keep callers out on Apigee. A route that lost one answers 503, until somebody decides.

What Apigee refuses and Kong lets in is the worst that a migration can bring, so that it must not come from the
converter. Steps that fail on broken input alone (scripts, transformations) are no gates: they are TODO comments.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.kong.convert.emit import emit
from apiproxy_runtime.kong.convert.flows import Placed
from apiproxy_runtime.kong.convert.outcome import Config, Outcome
from apiproxy_runtime.kong.convert.registry import canonical

_GATES = frozenset(
    (
        "AccessControl", "ConcurrentRatelimit", "ExternalCallout", "GraphQL", "JSONThreatProtection", "LDAP",
        "LLMTokenQuota", "MessageValidation", "MonetizationLimitsCheck", "OASValidation", "OAuthV1",
        "PromptTokenLimit", "Quota", "RaiseFault", "RegularExpressionProtection", "SanitizeUserPrompt",
        "SpikeArrest", "ValidateSAMLAssertion", "VerifyAPIKey", "VerifyIAM", "VerifyJWS",
        "VerifyJWT", "XMLThreatProtection",
    )
)  # fmt: skip


class Gate(Struct, frozen=True):
    """A step that keeps callers out, and that no plugin stands for."""

    policy: PolicySource


def refusal(gates: Sequence[Gate], instead_of: Config | None) -> tuple[Config, str]:
    """What refuses everybody, and the comment that says why; `instead_of` is the answer that has to give way."""
    policies = list(dict.fromkeys(gate.policy.name for gate in gates))
    first = gates[0].policy
    names = " and ".join(filter(None, (", ".join(policies[:-1]), policies[-1])))
    keeps = "keep" if len(policies) > 1 else "keeps"
    note = (
        f"TODO {first.file}:{first.node.line}: {names} {keeps} callers out and got no plugin: everybody is refused here "
        "until somebody decides (--let-pass leaves this plugin out)"
    )
    if instead_of is not None:
        note += f"; then answer with\n{emit({'name': 'request-termination', 'config': instead_of}).rstrip()}"
    return {"status_code": 503, "message": f"{first.name} is not converted"}, note


def gate_of(step: Placed, policy: PolicySource, outcome: Outcome, *, certain: bool) -> Gate | None:
    """The gate that the step is; `certain` says that it runs for every request of the route.

    A fault that is raised in a response comes after the target did its work: a gate only where it is certain.
    """
    if not policy.enabled or policy.continue_on_error or outcome.verdict == "drop":
        return None
    if step.phase == "response" and canonical(policy.element) == "RaiseFault":
        return Gate(policy) if certain else None
    return Gate(policy) if step.phase == "request" and _keeps_out(policy) else None


def _keeps_out(policy: PolicySource) -> bool:
    element, node = canonical(policy.element), policy.node
    if element == "OAuthV2":
        return node.child_text("Operation", "").startswith("Verify")
    if element == "ServiceCallout":
        # without <Response> nobody waits for it
        return node.child("Response") is not None
    if element == "HMAC":
        return node.child("VerificationValue") is not None
    if element == "BasicAuthentication":
        return node.child_text("Operation", "Encode") == "Decode"
    return element in _GATES

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule
from apiproxy_runtime.policy.registry import all_policies


class KnownType(Rule):
    """A root element that is no policy: Apigee refuses the bundle."""

    id = "PO029"
    name = "Known type of policy"
    severity = "error"
    bad = "<AsignMessage name='AM-1'/>"
    good = "<AssignMessage name='AM-1'/>"
    supersedes = ("UnknownPolicyType",)

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if policy.name and policy.declaration is None:
            known = [declared.tag for declared in all_policies()]
            cure = suggestion(policy.element, known) or "Use a policy of the platform."
            yield Match(policy.node, f"<{policy.element}> is no policy", cure)

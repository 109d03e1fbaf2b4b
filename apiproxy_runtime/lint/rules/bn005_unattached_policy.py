from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule
from apiproxy_runtime.lint.unreadable import has_unreadable_endpoint


class UnattachedPolicy(Rule):
    """A policy that no step names never runs.

    It costs time at each deploy, and readers take it for part of the proxy. Steps of every flow count, those of
    EventFlow and of fault rules too. Nothing is told while an endpoint cannot be read, since it may hold the step.
    """

    id = "BN005"
    name = "Unattached policy"
    cure = "Attach it with a <Step>, or remove the file."
    bad = '<AssignMessage name="AM-Old"/>  <!-- and no <Step> with <Name>AM-Old</Name> -->'
    good = "<Step><Name>AM-Old</Name></Step>"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if not policy.steps and not bundle.table(has_unreadable_endpoint):
            yield Match(policy.node, f"no step names the policy {policy.called!r}")

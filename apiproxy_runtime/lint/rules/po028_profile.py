from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_PLATFORMS = {"apigeex": "Apigee X and hybrid", "apigee": "Apigee Edge"}


class Profile(Rule):
    """A policy that the platform does not have cannot be deployed there."""

    id = "PO028"
    name = "Policy of another platform"
    severity = "error"
    bad = "--profile apigeex: <StatisticsCollector name='Stats-1'/>"
    good = "--profile apigeex: <DataCapture name='DC-1'/>"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        declared = policy.declaration
        if declared is not None and bundle.profile not in declared.profiles:
            yield Match(
                policy.node,
                f"{_PLATFORMS[bundle.profile]} has no {policy.element}",
                f"It is a policy of {' and '.join(_PLATFORMS[each] for each in declared.profiles)}; use another.",
            )

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class ConcurrentRateLimit(Rule):
    """ConcurrentRateLimit is deprecated on Edge and does not exist on Apigee X."""

    id = "DC001"
    name = "Deprecated: ConcurrentRateLimit"
    elements = ("ConcurrentRateLimit",)
    cure = "Use SpikeArrest or Quota instead."
    bad = '<ConcurrentRateLimit name="CRL-Backend"/>'
    good = '<SpikeArrest name="SA-Backend"><Rate>30ps</Rate></SpikeArrest>'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        yield Match(policy.node, "ConcurrentRateLimit is deprecated")

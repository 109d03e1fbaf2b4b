from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Option, Rule


class PolicyCount(Rule):
    """A bundle of very many policies is hard to understand, and slow to deploy."""

    id = "BN006"
    name = "Policy count"
    cure = "Split the proxy, or move what several proxies share to shared flows."
    bad = "apiproxy/policies/ with 101 files"
    good = "apiproxy/policies/ with 30 files"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/best-practices-api-proxy-design-and-development"

    policies = Option(100, "most policies that a bundle may have")

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        count = sum(1 for _ in bundle.in_folder("policies"))
        if count > self.policies:
            yield Match(bundle.place, f"the bundle has {count} policies, more than {self.policies}")

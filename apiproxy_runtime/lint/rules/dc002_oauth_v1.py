from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class OAuthV1(Rule):
    """The policies for OAuth 1.0a are deprecated on Edge and do not exist on Apigee X."""

    id = "DC002"
    name = "Deprecated: OAuth 1.0a"
    elements = ("OAuthV1", "GetOAuthV1Info", "DeleteOAuthV1Info")
    cure = "Move to OAuth 2.0 (OAuthV2)."
    bad = '<OAuthV1 name="OA-Verify">'
    good = '<OAuthV2 name="OA-Verify">'
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        yield Match(policy.node, f"{policy.element} is deprecated")

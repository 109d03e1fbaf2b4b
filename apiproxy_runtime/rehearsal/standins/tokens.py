"""An access token, where policies verify some: not every bundle issues those that it verifies."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.generate.pairs import pairs_of
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns

TOKEN = "stand-in-access-token"


def make(asked: Asked, made: StandIns) -> None:
    """A token of the first key that may call the proxies, for all scopes of its products."""
    verified = any(
        policy.enabled and policy.node.child_text("Operation", "").lower() in ("", "verifyaccesstoken")
        for policy in asked.policies("OAuthV2")
    )
    keys = [pair.key for pair in pairs_of(asked.test_data, asked.bundles, asked.environment)]
    if not verified or not keys or any(token.consumer_key in keys for token in asked.test_data.tokens):
        return
    made.add("accesstokens.json", {"token": TOKEN, "consumerKey": keys[0]})
    made.told.append(f"the access token {TOKEN}")

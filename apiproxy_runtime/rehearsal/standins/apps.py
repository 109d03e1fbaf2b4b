"""An app with an approved key and secret, where policies ask for one and none may call these proxies."""

from __future__ import annotations

import re
from typing import Any

from apiproxy_runtime.rehearsal.generate.pairs import pairs_of
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns

KEY, SECRET = "stand-in-key", "stand-in-secret"
CALLBACK = "https://client.example/callback"
_NAME = "stand-in"
_DEVELOPER = "stand-in@example.com"
_QUOTA = re.compile(r"\.(quota|llmQuota)\.(?:limit|interval|timeunit)\b")
#: So many calls a minute: more than the cases make, few enough to be used up by one that shall be.
QUOTA = "20"


def make(asked: Asked, made: StandIns) -> None:
    """A product for all proxies with every scope that is asked for, a developer, and the app."""
    if not _wanted(asked) or any(
        pair.fits for pair in pairs_of(asked.test_data, asked.bundles, asked.environment)
    ):
        return
    scopes, quotas = sorted(_scopes(asked)), sorted(_quotas(asked))
    made.add("products.json", _product(asked, scopes, quotas))
    made.add(
        "developers.json",
        {"email": _DEVELOPER, "firstName": "Stand", "lastName": "In", "userName": _NAME},
    )
    made.add(
        "developerapps.json",
        {
            "name": _NAME,
            "developerEmail": _DEVELOPER,
            "callbackUrl": CALLBACK,
            "apiProducts": [_NAME],
            "scopes": scopes,
            "credentials": [
                {
                    "consumerKey": KEY,
                    "consumerSecret": SECRET,
                    "status": "approved",
                    "apiProducts": [{"apiproduct": _NAME, "status": "approved"}],
                }
            ],
        },
    )
    more = f" and a quota of {QUOTA} a minute" if quotas else ""
    made.told.append(f"an app with the key {KEY}, whose product has all proxies{more}")


def _product(asked: Asked, scopes: list[str], quotas: list[str]) -> dict[str, Any]:
    product: dict[str, Any] = {
        "name": _NAME,
        "displayName": "Stand-in",
        "approvalType": "auto",
        "environments": [asked.environment.name],
        "proxies": asked.proxies,
        "apiResources": ["/", "/**"],
        "scopes": scopes,
        "attributes": [{"name": "access", "value": "public"}],
    }
    for kind in quotas:
        product |= {kind: QUOTA, f"{kind}Interval": "1", f"{kind}TimeUnit": "minute"}
    return product


def _wanted(asked: Asked) -> bool:
    """Whether a policy asks who calls; decoded Basic credentials mostly are a key and its secret."""
    for policy in asked.policies("VerifyAPIKey", "OAuthV2", "OAuthV1", "AccessEntity"):
        if policy.enabled:
            return True
    return any(
        policy.enabled and policy.node.child_text("Operation", "") == "Decode"
        for policy in asked.policies("BasicAuthentication")
    )


def _scopes(asked: Asked) -> set[str]:
    """What verifying policies want; elsewhere the element names a variable."""
    return {
        scope
        for policy in asked.policies("OAuthV2")
        if policy.node.child_text("Operation", "").lower().startswith("verify")
        for scope in policy.node.child_text("Scope", "").replace(",", " ").split()
    }


def _quotas(asked: Asked) -> set[str]:
    """The kinds of quota whose limits policies take from the product."""
    return {
        match[1]
        for policy in asked.policies("Quota", "SpikeArrest", "LLMTokenQuota", "AssignMessage")
        for match in _QUOTA.finditer(policy.node.outer_xml())
    }

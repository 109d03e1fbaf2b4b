"""The platform whose ways policies follow where platforms differ."""

from __future__ import annotations

from apiproxy_runtime.policy.api import Setting, one_of

PROFILE = Setting(
    "profile",
    one_of("apigeex", "apigee"),
    "apigeex",
    "`apigeex`: as on Apigee X and hybrid; `apigee`: as on Edge (AccessControl heeds True-Client-IP, refresh tokens do not expire unless told to)",
)

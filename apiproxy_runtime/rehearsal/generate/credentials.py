"""Credentials that let generated requests in: keys of the test data's apps, where the bundle looks for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.scene import Scene, basic
from apiproxy_runtime.rehearsal.generate.tokens import SignedToken, signed_tokens


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where keys, Basic credentials and tokens are looked for, and the pairs of key and secret that there are.

    missing  what cannot be given, for people
    signed   JSON Web Tokens, whose secret is known
    """

    keys: tuple[Origin, ...] = ()
    basics: bool = False
    tokens: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    signed: tuple[SignedToken, ...] = ()

    def present(self, scene: Scene, token: str = "") -> None:
        """Put credentials into a scene wherever the bundle looks for some."""
        if self.pairs:
            key, secret = self.pairs[0]
            for origin in self.keys:
                if origin.kind == "header":
                    scene.headers.setdefault(origin.name, key)
                elif origin.kind == "query":
                    scene.query.setdefault(origin.name, key)
                elif origin.kind == "form":
                    scene.form.setdefault(origin.name, key)
            if self.basics and not token:
                scene.headers.setdefault("Authorization", basic(key, secret))
        for each in self.signed:
            each.put(scene, each.text())
        if token:
            scene.headers["Authorization"] = f"Bearer {token}"


def credentials_of(bundles: Sequence[Bundle], test_data: TestData, origins: Origins) -> Credentials:
    """What the bundles' policies ask for, and what the test data has."""
    keys: list[Origin] = []
    basics = tokens = False
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element == "VerifyAPIKey":
                node = policy.node.child("APIKey")
                ref = node.attributes.get("ref", "").strip() if node is not None else ""
                keys += origins.of(ref)[:1]
            elif policy.element == "BasicAuthentication":
                basics |= (policy.node.child_text("Operation", "") or "").strip() == "Decode"
            elif policy.element == "OAuthV2":
                operation = (policy.node.child_text("Operation", "") or "").strip()
                tokens |= operation == "VerifyAccessToken"
                basics |= operation.startswith(("Generate", "Refresh"))
    pairs = tuple(
        (credential.consumer_key, credential.consumer_secret)
        for app in test_data.apps
        if app.status in ("", "approved")
        for credential in app.credentials
        if credential.status in ("", "approved")
    )
    missing = []
    if (keys or tokens) and not pairs:
        missing.append(
            "the test data has no app with an approved key: nothing behind its verification is reached"
        )
    signed, unsigned = signed_tokens(bundles, origins)
    if unsigned:
        missing.append(
            f"tokens for {', '.join(unsigned)} cannot be signed (no secret of an HS algorithm in test data, property sets "
            "or the bundle): nothing behind them is reached"
        )
    return Credentials(tuple(dict.fromkeys(keys)), basics, tokens, pairs, tuple(missing), tuple(signed))


def token_requests(scene: Scene, credentials: Credentials) -> Iterable[Scene]:
    """A scene as a request for a token, in the ways in which clients ask for one."""
    if not credentials.pairs:
        return
    key, secret = credentials.pairs[0]
    for grant, more in (
        ("client_credentials", {}),
        ("password", {"username": "jane", "password": "pass-1234"}),
    ):
        for where in ("form", "query"):
            changed = scene.copy()
            changed.method, changed.document, changed.text = "POST", None, None
            changed.content_type = "application/x-www-form-urlencoded"
            changed.headers["Authorization"] = basic(key, secret)
            fields = {"grant_type": grant, **more}
            changed.form = {**changed.form, **fields} if where == "form" else changed.form
            if where == "query":
                changed.query |= fields
            yield changed

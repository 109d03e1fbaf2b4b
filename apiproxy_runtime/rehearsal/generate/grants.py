"""Requests for access tokens, and for the codes that are exchanged for them, the way clients of OAuth 2.0 make them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.rehearsal.exchange import Response
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.pairs import Pair
from apiproxy_runtime.rehearsal.generate.scene import Scene, basic

_REDIRECTION = "https://client.example/callback"
#: The element that names the variable of each parameter.
_ELEMENTS = {
    "grant_type": "GrantType",
    "client_id": "ClientId",
    "username": "UserName",
    "password": "PassWord",
    "code": "Code",
    "refresh_token": "RefreshToken",
    "redirect_uri": "RedirectUri",
    "response_type": "ResponseType",
    "state": "State",
}
_EXCHANGING = ("GenerateAccessToken", "GenerateJWTAccessToken")
_REFRESHING = ("RefreshAccessToken", "RefreshJWTAccessToken")
_IMPLICIT = ("GenerateAccessTokenImplicitGrant", "GenerateJWTAccessTokenImplicitGrant")


class Issuer(Struct, frozen=True):
    """A policy that issues tokens (`grants` says for what) or codes, and where it looks for parameters."""

    policy: str
    grants: tuple[str, ...]
    places: dict[str, Origin]

    def request(self, scene: Scene, pair: Pair, **parameters: str) -> Scene:
        """A scene with the parameters where the policy looks for them, and the client's own in all usual places."""
        changed = scene.copy()
        changed.document = changed.text = None
        changed.headers["Authorization"] = basic(pair.key, pair.secret)
        for name, value in ({"client_id": pair.key} | parameters).items():
            origin = self.places.get(name) or Origin("form", name=name)
            changed.parts(origin.kind)[origin.name] = origin.text(value)
        if changed.form:
            changed.content_type = "application/x-www-form-urlencoded"
            changed.form.setdefault("client_secret", pair.secret)
            changed.method = "POST" if changed.method == "GET" else changed.method
        return changed


def issuers_of(bundles: Sequence[Bundle], origins: Origins) -> list[Issuer]:
    """The policies that issue tokens, and those that issue codes (grant `code`)."""
    found = []
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element == "OAuthV2" and policy.enabled and (grants := _grants(policy)):
                found.append(Issuer(policy.name, grants, _places(policy, grants, origins)))
    return found


def _grants(policy: PolicySource) -> tuple[str, ...]:
    operation = policy.node.child_text("Operation", "") or "GenerateAccessToken"
    if operation == "GenerateAuthorizationCode":
        return ("code",)
    if operation in _IMPLICIT:
        return ("implicit",)
    if operation in _REFRESHING:
        return ("refresh_token",)
    if operation not in _EXCHANGING:
        return ()
    listed = policy.node.child("SupportedGrantTypes")
    named = tuple(node.text.strip() for node in listed.all("GrantType")) if listed is not None else ()
    return named or ("authorization_code",)


def _places(policy: PolicySource, grants: tuple[str, ...], origins: Origins) -> dict[str, Origin]:
    # an authorization request has its parameters in the query, a token request in the form
    kind = "query" if grants[0] in ("code", "implicit") else "form"
    places = {}
    for name, element in _ELEMENTS.items():
        variable = policy.node.child_text(element, "")
        known = [origin for origin in origins.of(variable) if origin.placeable] if variable else []
        places[name] = known[0] if known else Origin(kind, name=name)
    return places


def direct_requests(scene: Scene, issuer: Issuer, pair: Pair) -> Iterator[Scene]:
    """Requests that a token answers at once."""
    if "client_credentials" in issuer.grants:
        yield issuer.request(scene, pair, grant_type="client_credentials")
    if "password" in issuer.grants:
        yield issuer.request(scene, pair, grant_type="password", username="jane", password="pass-1234")
    if "implicit" in issuer.grants:
        yield issuer.request(scene, pair, response_type="token", **_callback(pair))


def code_requests(scene: Scene, issuer: Issuer, pair: Pair) -> Iterator[Scene]:
    """A request that a code answers."""
    yield issuer.request(scene, pair, response_type="code", state="state-1", **_callback(pair))


def exchange_requests(scene: Scene, issuer: Issuer, pair: Pair, code: str) -> Iterator[Scene]:
    """A request that exchanges a code for a token."""
    yield issuer.request(scene, pair, grant_type="authorization_code", code=code, **_callback(pair))


def refresh_requests(scene: Scene, issuer: Issuer, pair: Pair, refresh_token: str) -> Iterator[Scene]:
    """A request that exchanges a refresh token for a new one."""
    yield issuer.request(scene, pair, grant_type="refresh_token", refresh_token=refresh_token)


def _callback(pair: Pair) -> dict[str, str]:
    return {"redirect_uri": pair.callback or _REDIRECTION}


def issued(response: Response | None, names: Iterable[str]) -> dict[str, str]:
    """What an answer issues under these names, in its JSON body or in the address that it leads to."""
    if response is None or response.status >= 400:
        return {}
    found: dict[str, object] = {}
    with contextlib.suppress(ValueError):
        location = urlsplit(response.header("location") or "")
        found |= dict((*parse_qsl(location.query), *parse_qsl(location.fragment)))
    with contextlib.suppress(ValueError):
        body = json.loads(response.body)
        found |= body if isinstance(body, dict) else {}
    return {name: str(found[name]) for name in names if isinstance(found.get(name), (str, int))}

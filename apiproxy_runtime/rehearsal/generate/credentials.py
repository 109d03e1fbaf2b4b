"""Credentials that let generated requests in: keys of the test data's apps, tokens, names of entries, where a bundle looks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.generate.lookups import lookups_of
from apiproxy_runtime.rehearsal.generate.origins import Origin, Origins
from apiproxy_runtime.rehearsal.generate.pairs import Pair, pairs_of
from apiproxy_runtime.rehearsal.generate.scene import Scene, basic
from apiproxy_runtime.rehearsal.generate.tokens import SignedToken, jwt_access_tokens, signed_tokens

_VERIFYING = ("VerifyAccessToken", "VerifyJWTAccessToken")


class Credentials(Struct, frozen=True):
    """Where keys, Basic credentials and tokens are looked for, and the pairs of key and secret that there are.

    tokens   where access tokens are looked for
    given    an access token that the test data gives; empty when there is none
    entries  what names an entry of a key value map, and a name that one has
    missing  what cannot be given, for people
    signed   JSON Web Tokens; some can only be made wrong
    """

    keys: tuple[Origin, ...] = ()
    basics: bool = False
    tokens: tuple[Origin, ...] = ()
    pairs: tuple[Pair, ...] = ()
    given: str = ""
    entries: tuple[tuple[Origin, str], ...] = ()
    missing: tuple[str, ...] = ()
    signed: tuple[SignedToken, ...] = ()

    def present(self, scene: Scene, token: str = "") -> None:
        """Put credentials into a scene wherever the bundle looks for some; what it has there already stays."""
        for origin, name in self.entries:
            scene.parts(origin.kind).setdefault(origin.name, origin.text(name))
        if self.pairs:
            pair = self.pairs[0]
            for origin in self.keys:
                scene.parts(origin.kind).setdefault(origin.name, origin.text(pair.key))
            if self.basics and not token:
                scene.headers.setdefault("Authorization", basic(pair.key, pair.secret))
        for each in self.signed:
            if each.sign is not None:
                each.put(scene, each.text())
        if token:
            for origin in self.tokens:
                scene.parts(origin.kind)[origin.name] = origin.text(token)


def credentials_of(
    bundles: Sequence[Bundle], environment: Environment, test_data: TestData, origins: Origins
) -> Credentials:
    """What the bundles' policies ask for, and what the test data has."""
    keys, tokens, basics = _places(bundles, origins)
    pairs = pairs_of(test_data, bundles, environment)
    missing = []
    if (keys or tokens) and not pairs:
        missing.append(
            "the test data has no app with an approved key: nothing behind its verification is reached"
        )
    signed, reasons = signed_tokens(bundles, origins)
    missing += reasons
    if pairs and not _issues_jwts(bundles):
        more, reasons = jwt_access_tokens(bundles, origins, pairs[0])
        signed += more
        missing += reasons
    known = {pair.key for pair in pairs}
    return Credentials(
        tuple(dict.fromkeys(keys)),
        basics,
        tuple(dict.fromkeys(tokens)),
        tuple(pairs),
        next((token.value for token in test_data.tokens if token.consumer_key in known), ""),
        tuple(_entries(bundles, test_data, origins)),
        tuple(missing),
        tuple(signed),
    )


def _places(bundles: Sequence[Bundle], origins: Origins) -> tuple[list[Origin], list[Origin], bool]:
    """Where policies look for keys, where for access tokens, and whether any looks for Basic credentials."""
    keys: list[Origin] = []
    tokens: list[Origin] = []
    basics = False
    for bundle in bundles:
        for policy in bundle.policies.values():
            operation = policy.node.child_text("Operation", "")
            if not policy.enabled:
                continue
            if policy.element in ("VerifyAPIKey", "AccessEntity"):
                keys += [
                    origin for ref in _key_refs(policy) for origin in origins.of(ref)[:1] if origin.placeable
                ]
            elif policy.element == "BasicAuthentication":
                basics |= operation == "Decode"
            elif policy.element == "OAuthV2":
                if operation in _VERIFYING:
                    tokens += _token_places(policy, origins)
                basics |= operation.startswith(("Generate", "Refresh"))
    return keys, tokens, basics


def _key_refs(policy: PolicySource) -> Iterator[str]:
    """The variables in which a policy looks for a key."""
    for node in policy.node.walk():
        identifies = (
            node.tag == "EntityIdentifier" and node.attributes.get("type", "").lower() == "consumerkey"
        )
        if node.tag == "APIKey" or identifies:
            yield node.attributes.get("ref", "").strip()


def _issues_jwts(bundles: Sequence[Bundle]) -> bool:
    """Whether a policy issues access tokens that are JSON Web Tokens: then there is no need to sign any."""
    return any(
        policy.element == "OAuthV2" and policy.node.child_text("Operation", "").startswith("GenerateJWT")
        for bundle in bundles
        for policy in bundle.policies.values()
    )


def _token_places(policy: PolicySource, origins: Origins) -> list[Origin]:
    """Where a policy looks for the access token; behind its prefix in the Authorization header by default."""
    variable = policy.node.child_text("AccessToken", "")
    if variable:
        return [origin for origin in origins.of(variable)[:1] if origin.placeable]
    prefix = policy.node.child_text("AccessTokenPrefix", "") or "Bearer"
    return [Origin("header", name="Authorization", pattern=f"{prefix} {{}}")]


def _entries(
    bundles: Sequence[Bundle], test_data: TestData, origins: Origins
) -> Iterator[tuple[Origin, str]]:
    """Names of entries that are there, for the parts of requests that say which one to read."""
    for lookup in lookups_of(bundles):
        name = origins.constant(lookup.map)
        parts = [origins.constant(part) for part in lookup.key]
        if lookup.writes or name is None or None not in parts:
            continue
        shape = "__".join("(.+?)" if part is None else re.escape(part) for part in parts)
        found = (re.fullmatch(shape, key) for key in lookup.entries(test_data, name) or ())
        match = next((each for each in found if each is not None), None)
        if match is None:
            continue
        unknown = [part for part, value in zip(lookup.key, parts, strict=True) if value is None]
        for part, value in zip(unknown, match.groups(), strict=True):
            origin = next((origin for origin in origins.of(part.ref) if origin.placeable), None)
            if origin is not None:
                yield origin, value

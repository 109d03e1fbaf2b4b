"""Sets of public keys (RFC 7517): from a text, from a variable, or fetched from an address and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from apiproxy_policies.security.jose.compact import read_object
from apiproxy_policies.security.jose.crypto import Key, jwk_key
from apiproxy_policies.security.jose.keys import FindKey, Jwks
from apiproxy_policies.security.jose.refused import Refused
from apiproxy_policies.security.jose.settings import resolver
from apiproxy_runtime.policy.api import (
    Answer,
    Call,
    CallFailed,
    Egress,
    Message,
    MessageContext,
    Site,
    World,
    text_of,
    then,
)

#: For how long fetched keys are used (VerifyJWT reference).
CACHED_SECONDS = 300.0
#: Addresses that one policy remembers keys of, where a variable names them.
MOST_ADDRESSES = 64


class KeySet:
    """The keys of a JWKS by id; each is parsed when it is first needed."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.by_id: dict[str, list[dict[str, Any]]] = {}
        for data in keys:
            if isinstance(data.get("kid"), str):
                self.by_id.setdefault(data["kid"], []).append(data)
        self.parsed: dict[tuple[str, str, str], Key] = {}

    def sole_id(self) -> str | None:
        """The id of the only key there is."""
        only = [data for keys in self.by_id.values() for data in keys]
        return str(only[0]["kid"]) if len(only) == 1 else None

    def find(self, kid: object, key_type: str, use: str) -> Key:
        """The key of an id; of several the one of that type and use.

        Raises Refused: KeyIdMissing, NoMatchingPublicKey, WrongKeyType, KeyParsingFailed.
        """
        if not isinstance(kid, str) or not kid:
            raise Refused("KeyIdMissing")
        key = self.parsed.get((kid, key_type, use))
        if key is not None:
            return key
        candidates = [data for data in self.by_id.get(kid, ()) if data.get("use", use) == use]
        if not candidates:
            raise Refused("NoMatchingPublicKey")
        data = next((data for data in candidates if data.get("kty") == key_type), None)
        if data is None:
            raise Refused("WrongKeyType")
        key = self.parsed[kid, key_type, use] = jwk_key(data)
        return key


@lru_cache(64)
def read_keys(text: str) -> KeySet:
    """A JWKS, or a single JWK. Raises Refused: KeyParsingFailed."""
    try:
        data = read_object(text)
    except ValueError:
        raise Refused("KeyParsingFailed") from None
    keys = data.get("keys", [data] if "kty" in data else None)
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise Refused("KeyParsingFailed")
    return KeySet(keys)


class RemoteKeys:
    """The keys at an address. Requests that come while they are fetched wait for the same answer."""

    def __init__(self, url: str, egress: Egress, world: World) -> None:
        self.url = url
        self.egress = egress
        self.world = world
        self.keys: KeySet | None = None
        self.stale_at = 0.0
        self.fetching: asyncio.Task[KeySet] | None = None

    def get(self) -> Answer[KeySet]:
        """The keys, fetched when there are none or they are old. Raises Refused: KeyParsingFailed."""
        if self.keys is not None and self.world.monotonic() < self.stale_at:
            return self.keys
        return self._fetched()

    async def _fetched(self) -> KeySet:
        if self.fetching is None or self.fetching.done():
            self.fetching = asyncio.get_running_loop().create_task(self._fetch())
        # a client that goes away must not end the fetch for the others
        return await asyncio.shield(self.fetching)

    async def _fetch(self) -> KeySet:
        request = Message.request("GET")
        request.headers.set("Accept", "application/json")
        try:
            answer = await self.egress.send(Call(self.url, request, purpose="keys"))
        except CallFailed:
            raise Refused("KeyParsingFailed") from None
        if answer.status != 200:
            raise Refused("KeyParsingFailed")
        self.keys = read_keys(answer.content)
        self.stale_at = self.world.monotonic() + CACHED_SECONDS
        return self.keys


def jwks_finder(jwks: Jwks, site: Site, *, lenient: bool, key_type: str, use: str) -> FindKey:
    """What finds the key that a token's `kid` names. Raises as `KeySet.find` and `read_keys` do."""
    egress, world = site.egress, site.world
    if jwks.uri:
        remote = RemoteKeys(jwks.uri, egress, world)

        def find_fetched(ctx: MessageContext, header: Mapping[str, Any]) -> Answer[Key]:
            kid = header.get("kid")
            if not kid:
                raise Refused("KeyIdMissing")
            return then(remote.get(), lambda keys: keys.find(kid, key_type, use))

        return find_fetched
    if jwks.uri_ref:
        name, get_address = jwks.uri_ref, site.getter(jwks.uri_ref)
        remotes: dict[str, RemoteKeys] = {}

        def find_at(ctx: MessageContext, header: Mapping[str, Any]) -> Answer[Key]:
            url = text_of(get_address(ctx)).strip()
            if not url:
                raise Refused("FailedToResolveVariable", variable=name)
            kid = header.get("kid")
            if not kid:
                raise Refused("KeyIdMissing")
            remote = remotes.get(url)
            if remote is None:
                if len(remotes) >= MOST_ADDRESSES:
                    remotes.pop(next(iter(remotes)))
                remote = remotes[url] = RemoteKeys(url, egress, world)
            return then(remote.get(), lambda keys: keys.find(kid, key_type, use))

        return find_at
    get = resolver(jwks.value, site, lenient=lenient) or (lambda ctx: None)

    def find(ctx: MessageContext, header: Mapping[str, Any]) -> Key:
        keys = read_keys(text_of(get(ctx)))
        kid = header.get("kid")
        if kid is None and use == "sig":
            # against the reference page, Apigee verifies with a set of one key what names none: the tokens of
            # oidc-mock (apigee/devrel) have no kid, and its identity-facade verifies them on the platform
            kid = keys.sole_id()
        return keys.find(kid, key_type, use)

    return find

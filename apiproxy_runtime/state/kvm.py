"""Key value maps: named maps from a key to one or several values, in four scopes.

Writes are durable and seen by every worker at once; there is no copy in the process that could be stale, so a
policy's `ExpiryTimeInSecs` needs no counterpart here. A map comes into being with its first entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property

from apiproxy_runtime.state.secret import SecretKey, secret_key
from apiproxy_runtime.state.store import Answer, Store, StoreError, Value, settled, then

SCOPES = ("organization", "environment", "apiproxy", "policy")
_PLAIN, _ENCRYPTED = "plain", "encrypted"


class KeyValueMap:
    """One map. Keys of several parts are joined with `__` by the policy (KeyValueMapOperations reference page)."""

    __slots__ = ("_directory", "_maps", "_space", "_store", "name")

    def __init__(self, maps: KeyValueMaps, directory: str, name: str) -> None:
        self.name = name
        self._maps = maps
        self._store = maps.store
        self._directory = f"kvm-maps/{directory}"
        self._space = f"kvm/{directory}/{name}"

    def get(self, key: str) -> Answer[list[str] | None]:
        """The values of a key in order; None when the map has no such entry."""
        stored = self._store.get(self._space, key)
        if stored is None or isinstance(stored, (str, bytes)):  # at once, as most stores answer
            return self._found(stored, key)
        return then(stored, self._found, key)

    def _found(self, stored: Value | None, key: str) -> list[str] | None:
        if stored is None:
            return None
        # a single value in the clear, which is the rule
        return [stored[1:]] if stored.__class__ is str and stored[0] == "=" else self._read(key, stored)

    def put(self, key: str, values: Sequence[str], *, override: bool = True) -> Answer[bool]:
        """Set an entry; without `override` an entry that is there stays. Whether anything was written."""
        return self._store.finish(self._put(key, values, override))

    async def _put(self, key: str, values: Sequence[str], override: bool) -> bool:
        content = self._written(key, values, await self._kind(_PLAIN))
        if override:
            await settled(self._store.put(self._space, key, content, durable=True))
            return True
        return await settled(self._store.compare_and_set(self._space, key, None, content, durable=True))

    def delete(self, key: str) -> Answer[bool]:
        """Forget an entry; whether there was one. The map stays, even when empty."""
        return self._store.delete(self._space, key, durable=True)

    def entries(self, after: str = "", limit: int | None = None) -> Answer[list[tuple[str, list[str]]]]:
        """Entries in order of their keys; pass a page's last key as `after` to read the next page."""
        return then(
            self._store.entries(self._space, after=after, limit=limit),
            lambda found: [(key, self._read(key, stored)) for key, stored in found],
        )

    def create(self, *, encrypted: bool = False) -> Answer[bool]:
        """Make the map without entries; False when it exists already (then `encrypted` stays as it was)."""
        kind = _ENCRYPTED if encrypted else _PLAIN
        return self._store.compare_and_set(self._directory, self.name, None, kind, durable=True)

    def encrypted(self) -> Answer[bool]:
        """Whether its values are encrypted; False for a map that does not exist yet."""
        return then(self._store.get(self._directory, self.name), lambda kind: kind == _ENCRYPTED)

    def drop(self) -> Answer[bool]:
        """Delete the map and its entries; whether it existed."""
        return self._store.finish(self._drop())

    async def _drop(self) -> bool:
        await settled(self._store.delete_prefix(self._space, durable=True))
        return await settled(self._store.delete(self._directory, self.name, durable=True))

    def seed(self, entries: Mapping[str, str | Sequence[str]], *, encrypted: bool = False) -> Answer[int]:
        """Write entries from test data or a policy's `InitialEntries`, all at once; how many were new or different.

        Entries under other keys stay. Seeding again with the same entries writes nothing.
        """
        return self._store.finish(self._seed(entries, encrypted))

    async def _seed(self, entries: Mapping[str, str | Sequence[str]], encrypted: bool) -> int:
        kind = await self._kind(_ENCRYPTED if encrypted else _PLAIN)
        there = dict(await settled(self.entries()))
        changed = {
            key: self._written(key, values, kind)
            for key, given in entries.items()
            if there.get(key) != (values := [given] if isinstance(given, str) else list(given))
        }
        if changed:
            await settled(self._store.put_many(self._space, changed, durable=True))
        return len(changed)

    async def _kind(self, wanted: str) -> Value:
        """Whether values are encrypted; makes the map if need be."""
        kind = await settled(self._store.get(self._directory, self.name))
        if kind is not None:
            return kind
        await settled(self._store.compare_and_set(self._directory, self.name, None, wanted, durable=True))
        return await settled(self._store.get(self._directory, self.name)) or wanted

    def _written(self, key: str, values: Sequence[str], kind: Value) -> Value:
        """`=text` for a single value, a JSON list for several; bytes are a sealed one of these."""
        text = f"={values[0]}" if len(values) == 1 else json.dumps(list(values))
        secret = self._maps.secret if kind == _ENCRYPTED else None
        return text if secret is None else secret.seal(text, f"{self._space}\0{key}")

    def _read(self, key: str, stored: Value) -> list[str]:
        if isinstance(stored, bytes):
            secret = self._maps.secret
            if secret is None:
                raise StoreError(
                    f"an encrypted entry of key value map {self.name} was stored with a key that is gone"
                )
            stored = secret.unseal(stored, f"{self._space}\0{key}")
        if stored[0] == "=":
            return [stored[1:]]
        values: list[str] = json.loads(stored)
        return values


class KeyValueMaps:
    """The key value maps that proxies of one environment can reach."""

    def __init__(self, store: Store, organization: str, environment: str) -> None:
        self.store = store
        self.organization = organization
        self.environment = environment

    def map(self, scope: str, name: str, *, proxy: str = "", policy: str = "") -> KeyValueMap:
        """The map of that name in a scope; it need not exist yet.

        Proxies share the maps of scope `organization` and `environment`; those of scope `apiproxy` belong to
        `proxy` in all environments, those of scope `policy` to one policy of it.
        Raises ValueError for another scope.
        """
        return KeyValueMap(self, self._directory(scope, proxy, policy), name)

    def names(self, scope: str, *, proxy: str = "", policy: str = "") -> Answer[dict[str, bool]]:
        """The names of the existing maps of a scope, sorted, each with whether it is encrypted."""
        directory = f"kvm-maps/{self._directory(scope, proxy, policy)}"
        return then(
            self.store.entries(directory),
            lambda found: {name: kind == _ENCRYPTED for name, kind in found},
        )

    @cached_property
    def secret(self) -> SecretKey | None:
        """The key of encrypted maps, looked for when first needed. Raises `StoreError` as `secret_key` does."""
        return secret_key(self.store)

    def _directory(self, scope: str, proxy: str, policy: str) -> str:
        # Only a map's name, which comes last, may contain a slash: one path never means two maps.
        if scope == "environment":
            return f"environment/{self.organization}/{self.environment}"
        if scope == "organization":
            return f"organization/{self.organization}"
        if scope == "apiproxy":
            return f"apiproxy/{self.organization}/{proxy}"
        if scope == "policy":
            return f"policy/{self.organization}/{self.environment}/{proxy}/{policy}"
        raise ValueError(f'"{scope}" is not a scope of key value maps: use {", ".join(SCOPES)}')

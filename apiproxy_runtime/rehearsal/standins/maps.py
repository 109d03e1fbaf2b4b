"""Key value maps that a bundle reads and the environment does not have."""

from __future__ import annotations

from apiproxy_runtime.rehearsal.generate.lookups import Lookup, lookups_of
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns
from apiproxy_runtime.rehearsal.standins.uses import Uses

#: The part of a key that a request names; generated requests do.
NAMED = "stand-in"

_Map = tuple[str, str, str]


def make(asked: Asked, made: StandIns) -> None:
    """A map as a whole: one that is there is left as it is. What the bundle writes itself is left to it."""
    uses = Uses(asked.bundles, asked.origins)
    written: set[tuple[_Map, str]] = set()
    maps: dict[_Map, dict[str, str]] = {}
    for lookup in sorted(lookups_of(asked.bundles), key=lambda lookup: not lookup.writes):
        name, key = asked.origins.constant(lookup.map), _key(asked, lookup)
        if not name or not key:
            continue
        place = (lookup.scope, lookup.proxy, name)
        if lookup.writes:
            written.add((place, key))
        elif (place, key) not in written and lookup.entries(asked.test_data, name) is None:
            maps.setdefault(place, {}).setdefault(key, uses.value((lookup.variable,), key))
    for (scope, proxy, name), entries in maps.items():
        owner = {"apiproxy": proxy} if proxy else {}
        made.add("maps.json", {"name": name, "scope": scope, **owner, "entries": entries})
        made.told.append(f"the key value map {name} ({', '.join(entries)})")


def _key(asked: Asked, lookup: Lookup) -> str:
    """The key, with a stand-in for what a request says; empty when a part of it cannot be foreseen."""
    parts = []
    for part in lookup.key:
        value = asked.origins.constant(part)
        if value is None and any(origin.placeable for origin in asked.origins.of(part.ref)):
            value = NAMED
        if not value:
            return ""
        parts.append(value)
    return "__".join(parts)

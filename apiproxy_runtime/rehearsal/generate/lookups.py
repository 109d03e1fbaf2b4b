"""What KeyValueMapOperations policies read: which entry of which map goes into which variable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.bundle.xml import Node


class Part(Struct, frozen=True):
    """A part of a key, or the name of a map: the variable `ref`, else `text`."""

    ref: str
    text: str


class Lookup(Struct, frozen=True):
    """One entry that is read or written (`writes`); `proxy` is empty unless the scope is `apiproxy`."""

    policy: str
    scope: str
    proxy: str
    map: Part
    key: tuple[Part, ...]
    variable: str = ""
    writes: bool = False

    def entries(self, test_data: TestData, map_name: str) -> dict[str, str] | None:
        """The entries of the map in test data; None when the map is not there."""
        found = [
            table.entries
            for table in test_data.maps
            if (table.scope, table.api_proxy or "", table.name) == (self.scope, self.proxy, map_name)
        ]
        return (
            {name: value for entries in reversed(found) for name, value in entries.items()} if found else None
        )


def lookups_of(bundles: Sequence[Bundle]) -> Iterator[Lookup]:
    """All reads and writes of maps that test data can fill; those of the scope `policy` are not."""
    proxies = [bundle.name for bundle in bundles if bundle.kind == "apiproxy"]
    for bundle in bundles:
        for policy in bundle.policies.values():
            if policy.element != "KeyValueMapOperations":
                continue
            scope = policy.node.child_text("Scope", "").lower() or "environment"
            if scope == "apiproxy":
                # a shared flow reads the maps of the proxy that calls it
                for name in [bundle.name] if bundle.kind == "apiproxy" else proxies:
                    yield from _lookups(policy, scope, name)
            elif scope in ("environment", "organization"):
                yield from _lookups(policy, scope, "")


def _lookups(policy: PolicySource, scope: str, proxy: str) -> Iterator[Lookup]:
    node = policy.node
    named = node.child("MapName")
    default = node.attributes.get("mapIdentifier", "kvmap").strip()
    map_ = _part(named, default) if named is not None else Part("", default)
    for entry in node.walk():
        if entry.tag not in ("Get", "Put", "Entry"):
            continue
        key = entry.child("Key")
        parts = tuple(_part(part) for part in key.all("Parameter")) if key is not None else ()
        if parts:
            variable = entry.attributes.get("assignTo", "").strip()
            yield Lookup(policy.name, scope, proxy, map_, parts, variable, writes=entry.tag != "Get")


def _part(node: Node, default: str = "") -> Part:
    return Part(node.attributes.get("ref", "").strip(), node.text.strip() or default)

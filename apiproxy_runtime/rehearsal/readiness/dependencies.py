"""What a bundle needs from outside: it has to be there on the other side too."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.rehearsal.readiness.subject import Subject
from apiproxy_runtime.state.operation import rules_of


class Dependencies(Struct, frozen=True):
    """Names, sorted; `products` are those of the test data that cover the proxy."""

    shared_flows: tuple[str, ...]
    target_servers: tuple[str, ...]
    kvms: tuple[str, ...]
    caches: tuple[str, ...]
    keystores: tuple[str, ...]
    products: tuple[str, ...]
    proxies: tuple[str, ...]


def dependencies_of(subject: Subject) -> Dependencies:
    """Everything the bundle names that is not in it."""
    flows = {policy.node.child_text("SharedFlowBundle", "") for policy in subject.policies("FlowCallout")}
    flows |= {hook.shared_flow for hook in subject.environment.flow_hooks.values()}
    maps, caches = set[str](), set[str]()
    for policy in subject.policies("KeyValueMapOperations"):
        node = policy.node.child("MapName")
        named = (node.attributes.get("ref") or node.text.strip()) if node is not None else ""
        maps.add(policy.node.attributes.get("mapIdentifier", "") or named or "kvmap")
    for policy in subject.policies("ResponseCache", "PopulateCache", "LookupCache", "InvalidateCache"):
        caches.add(policy.node.child_text("CacheResource", "") or "(shared cache)")
    stores = {
        name.removeprefix("ref://")
        for info, _ in subject.ssl_infos
        for name in (info.key_store, info.trust_store)
        if name
    }
    products = {
        product.name
        for product in subject.test_data.products
        if any(True for _ in rules_of(product, subject.bundle.name))
    }
    proxies = {
        node.child_text("APIProxy", "") or node.child_text("Path", "")
        for policy in subject.policies("ServiceCallout")
        if (node := policy.node.child("LocalTargetConnection")) is not None
    }
    for target in subject.bundle.targets.values():
        local = target.node.child("LocalTargetConnection")
        if local is not None:
            proxies.add(local.child_text("APIProxy", "") or local.child_text("Path", ""))
    return Dependencies(
        _sorted(flows),
        _sorted(subject.target_servers),
        _sorted(maps),
        _sorted(caches),
        _sorted(stores),
        _sorted(products),
        _sorted(proxies),
    )


def _sorted(names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name))

"""InvalidateCache: removes entries from a cache."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.cache_entry import (
    NOT_FOUND_TEXT,
    SCOPE,
    CacheContext,
    CacheKey,
    compile_key,
    open_cache,
)
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    then,
)


class InvalidateCache(Policy):
    """Remove an entry from a cache, and with `<PurgeChildEntries>` all whose keys go on behind its key.

    A key of a prefix alone names all entries under it. An entry that is not there is no fault. `<CacheContext>` names
    the proxy and the endpoint whose entries are meant, where they are not this flow's own.
    """

    tag = "InvalidateCache"
    family = "traffic"
    prefix = "invalidatecache"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/invalidate-cache-policy"
    faults = fault_table(
        "policies.invalidatecache",
        ("CacheNotFound", 500, NOT_FOUND_TEXT, "Edge only; here a cache comes into being when it is used"),
    )
    variables = {
        "invalidatecache.{policy}.cachename": "name of the cache",
        "invalidatecache.{policy}.cachekey": "the whole key",
        "invalidatecache.{policy}.failed": "true when the policy failed",
    }
    example = """
<InvalidateCache name="IC-Tokens">
  <CacheResource>tokens</CacheResource>
  <CacheKey>
    <Prefix>backend</Prefix>
    <KeyFragment ref="client_id"/>
  </CacheKey>
  <PurgeChildEntries>true</PurgeChildEntries>
</InvalidateCache>"""

    cache_resource: str | None = child("CacheResource", doc="name of the cache; without it all share one")
    cache_key: CacheKey | None = nested("CacheKey", CacheKey, required=True, doc="which entry")
    scope: str = child("Scope", SCOPE, default="Exclusive", doc="what the key begins with without <Prefix>")
    cache_context: CacheContext | None = nested(
        "CacheContext", CacheContext, doc="whose entries are meant, where not this flow's own"
    )
    purge_children: bool = child(
        "PurgeChildEntries", BOOLEAN, default=False, doc="true: entries below the key go too"
    )

    def compile(self, site: Site) -> StepFunction:
        cache = open_cache(self.cache_resource, self.node, site)
        key_of = compile_key(self.cache_key, self.scope, site, self.cache_context)
        children = self.purge_children
        names = (f"invalidatecache.{self.name}.cachename", f"invalidatecache.{self.name}.cachekey")

        def invalidate_cache(ctx: MessageContext) -> Awaitable[object] | None:
            key = key_of(ctx)
            ctx.variables.update({names[0]: cache.name, names[1]: key})
            return then(cache.invalidate(key, children=children), lambda gone: None)

        return invalidate_cache

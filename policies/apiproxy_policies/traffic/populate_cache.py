"""PopulateCache: puts the value of a variable into a cache."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.cache_entry import (
    NOT_FOUND_TEXT,
    SCOPE,
    CacheKey,
    ExpirySettings,
    compile_key,
    compile_ttl,
    open_cache,
)
from apiproxy_runtime.policy.api import (
    VARIABLE,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    text_of,
    then,
)


class PopulateCache(Policy):
    """Put the value of a variable into a cache, where LookupCache finds it.

    Texts and bytes keep their type, every other value is kept as the text it prints as: a message as its content. A
    variable that is not set puts nothing. There is no limit for the size (Apigee X: 256 KB).
    """

    tag = "PopulateCache"
    family = "traffic"
    prefix = "populatecache"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/populate-cache-policy"
    faults = fault_table(
        "policies.populatecache",
        (
            "EntryCannotBeCached",
            500,
            "Entry cannot be cached: {source} in step definition {policy}",
            "Edge only; here everything can be cached, a message by its content",
        ),
        ("CacheNotFound", 500, NOT_FOUND_TEXT, "Edge only; here a cache comes into being when it is used"),
    )
    variables = {
        "populatecache.{policy}.cachename": "name of the cache",
        "populatecache.{policy}.cachekey": "the whole key",
        "populatecache.{policy}.failed": "true when the value could not be cached",
    }
    example = """
<PopulateCache name="PC-Token">
  <CacheResource>tokens</CacheResource>
  <CacheKey>
    <Prefix>backend</Prefix>
    <KeyFragment ref="client_id"/>
  </CacheKey>
  <ExpirySettings><TimeoutInSeconds>600</TimeoutInSeconds></ExpirySettings>
  <Source>backend.token</Source>
</PopulateCache>"""

    cache_resource: str | None = child("CacheResource", doc="name of the cache; without it all share one")
    cache_key: CacheKey | None = nested("CacheKey", CacheKey, required=True, doc="under which key")
    scope: str = child("Scope", SCOPE, default="Exclusive", doc="what the key begins with without <Prefix>")
    expiry: ExpirySettings | None = nested("ExpirySettings", ExpirySettings, doc="for how long; 30 days")
    source: str = child("Source", VARIABLE, required=True, default="", doc="variable whose value is cached")

    def compile(self, site: Site) -> StepFunction:
        cache = open_cache(self.cache_resource, self.node, site)
        key_of = compile_key(self.cache_key, self.scope, site)
        ttl_of = compile_ttl(self.expiry, cache.name, site)
        get = site.getter(self.source)
        names = (f"populatecache.{self.name}.cachename", f"populatecache.{self.name}.cachekey")

        def populate_cache(ctx: MessageContext) -> Awaitable[object] | None:
            key = key_of(ctx)
            ctx.variables.update({names[0]: cache.name, names[1]: key})
            value = get(ctx)
            if value is None:
                return None
            if not isinstance(value, (str, bytes)):
                value = text_of(value)
            return then(cache.put(key, value, ttl_of(ctx)), lambda done: None)

        return populate_cache

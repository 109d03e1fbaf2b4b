"""LookupCache: reads a value that PopulateCache has put into a cache."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.cache_entry import (
    NOT_FOUND_TEXT,
    SCOPE,
    CacheKey,
    compile_key,
    open_cache,
)
from apiproxy_runtime.policy.api import (
    INTEGER,
    VARIABLE,
    MessageContext,
    Node,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    then,
)


def check_timeout(seconds: int | None, node: Node, site: Site) -> None:
    """`<CacheLookupTimeoutInSeconds>` must be above zero (troubleshooting page InvalidTimeout)."""
    if seconds is not None and seconds < 1:
        site.error(node, "InvalidTimeout", "Write an integer from 1, or remove the element.", value=seconds)


INVALID_TIMEOUT = "CacheLookupTimeoutInSeconds {value} value should be greater than zero."


class LookupCache(Policy):
    """Read a cached value into a variable.

    A miss is no fault: the variable stays as it was, and `cachehit` is false. Resource, prefix or scope, and fragments
    must be those of the PopulateCache policy.
    """

    tag = "LookupCache"
    family = "traffic"
    prefix = "lookupcache"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/lookup-cache-policy"
    faults = fault_table(
        "policies.lookupcache",
        ("CacheNotFound", 500, NOT_FOUND_TEXT, "Edge only; here a cache comes into being when it is used"),
    )
    deploy_errors = {"InvalidTimeout": INVALID_TIMEOUT}
    variables = {
        "lookupcache.{policy}.cachename": "name of the cache",
        "lookupcache.{policy}.cachekey": "the whole key",
        "lookupcache.{policy}.cachehit": "whether there was a value",
        "lookupcache.{policy}.assignto": "name of the variable that got the value",
        "lookupcache.{policy}.failed": "true when the policy failed",
        "{assignTo}": "the value, if there was one",
    }
    example = """
<LookupCache name="LC-Token">
  <CacheResource>tokens</CacheResource>
  <CacheKey>
    <Prefix>backend</Prefix>
    <KeyFragment ref="client_id"/>
  </CacheKey>
  <AssignTo>backend.token</AssignTo>
</LookupCache>"""

    cache_resource: str | None = child("CacheResource", doc="name of the cache; without it all share one")
    cache_key: CacheKey | None = nested("CacheKey", CacheKey, required=True, doc="under which key")
    scope: str = child("Scope", SCOPE, default="Exclusive", doc="what the key begins with without <Prefix>")
    assign_to: str = child(
        "AssignTo", VARIABLE, required=True, default="", doc="variable that gets the value"
    )
    timeout: int | None = child(
        "CacheLookupTimeoutInSeconds", INTEGER, doc="how long Edge waits for the cache; no effect here"
    )

    def check(self, site: Site) -> None:
        check_timeout(self.timeout, self.place("CacheLookupTimeoutInSeconds"), site)

    def compile(self, site: Site) -> StepFunction:
        cache = open_cache(self.cache_resource, self.node, site)
        key_of = compile_key(self.cache_key, self.scope, site)
        variable, assign_to = self.assign_to, site.setter(self.assign_to)
        prefix = f"lookupcache.{self.name}."
        named, keyed, hit, assigned = (
            prefix + name for name in ("cachename", "cachekey", "cachehit", "assignto")
        )

        def found(value: str | bytes | None, ctx: MessageContext, key: str) -> None:
            ctx.variables.update({named: cache.name, keyed: key, hit: value is not None, assigned: variable})
            if value is not None:
                assign_to(ctx, value)

        def lookup_cache(ctx: MessageContext) -> Awaitable[object] | None:
            key = key_of(ctx)
            value = cache.get(key)
            if value is None or isinstance(value, (str, bytes)):  # at once, as most stores answer
                found(value, ctx, key)
                return None
            return then(value, found, ctx, key)

        return lookup_cache

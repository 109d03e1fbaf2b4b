"""What the cache policies share: which cache, under which key, for how long.

Keys (Working with cache keys): the text of `<Prefix>`, else what the scope makes of organization, environment, proxy,
revision and endpoint, then the key fragments, joined by two underscores. A fragment that does not resolve is an empty
text, so that the others keep their places.

Expiry: `<TimeoutInSeconds>` before `<TimeoutInSec>`, `<ExpiryDate>` and `<TimeOfDay>`; then what `caches.json` says of
the cache, then 30 days. A timeout of zero or less says nothing.

Caches come into being when something is put into them. If the environment has a `caches.json`, a cache that is not
in it gets a warning, since Edge refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.policy.api import (
    INTEGER,
    SHARED_CACHE,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    Cache,
    CacheDescriptor,
    Caches,
    Element,
    Expiry,
    Getter,
    MessageContext,
    Site,
    Value,
    after_seconds,
    at_time_of_day,
    attribute,
    cache_key,
    child,
    key_prefix,
    many,
    on_date,
    one_of,
    text,
    text_of,
)

SCOPE = one_of("Exclusive", "Global", "Application", "Proxy", "Target", ignore_case=True)
#: How long an entry lives when nothing says so: the longest that Apigee X allows (limits page), in seconds.
LONGEST = 30 * 86400

NOT_FOUND_TEXT = "Cache : {cache}, not found in organization : {org}__{env}"
INVALID_REFERENCE = (
    "Invalid cache resource reference {cache} in Step definition {policy}. "
    "Context Revision:{rev};APIProxy:{proxy};Organization:{org};Environment:{env}"
)


class KeyFragment(Element):
    """A part of the key: the variable of `ref`, else the text."""

    value: Value[str] = text(ref=True)
    type: str | None = attribute("type", doc="deprecated, no effect")


class CacheKey(Element):
    """A prefix in place of the scope's, and fragments in order."""

    prefix: str | None = child("Prefix", doc="takes the place of what the scope puts in front")
    fragments: tuple[KeyFragment, ...] = many("KeyFragment", KeyFragment, doc="a part of the key")


class ExpirySettings(Element):
    """For how long an entry lives."""

    timeout: Value[int] | None = child("TimeoutInSeconds", INTEGER, ref=True, doc="seconds")
    old_timeout: int | None = child("TimeoutInSec", INTEGER, doc="seconds; deprecated")
    time_of_day: Value[str] | None = child("TimeOfDay", ref=True, doc="HH:mm:ss in the server's time zone")
    expiry_date: Value[str] | None = child("ExpiryDate", ref=True, doc="mm-dd-yyyy")


class CacheContext(Element):
    """Whose entries are meant, where not this proxy's own."""

    proxy: str | None = child("APIProxyName", doc="name of a proxy")
    proxy_endpoint: str | None = child("ProxyName", doc="name of its ProxyEndpoint")
    target_endpoint: str | None = child("TargetName", doc="name of its TargetEndpoint")


#: The key of an entry.
FindKey = Callable[[MessageContext], str]


def open_cache(resource: str | None, policy_node: Any, site: Site) -> Cache:
    """The cache of a policy: the one it names, else the one that all share."""
    environment = site.environment
    name = resource or SHARED_CACHE
    if resource and environment.caches and resource not in environment.caches:
        message = INVALID_REFERENCE
        for key, value in {
            "cache": resource,
            "policy": site.policy.name if site.policy is not None else "",
            "rev": site.deployment.revision,
            "proxy": site.deployment.proxy,
            "org": environment.organization,
            "env": environment.name,
        }.items():
            message = message.replace("{" + key + "}", value)
        site.warning(
            policy_node,
            "InvalidCacheResourceReference",
            message,
            f'Add {{"name": "{resource}"}} to caches.json; Edge refuses the policy without it.',
        )
    return Caches(site.store, environment.organization, environment.name).cache(name)


def compile_key(key: CacheKey | None, scope: str, site: Site, context: CacheContext | None = None) -> FindKey:
    """What makes the key of a message."""
    parts = [_fragment(fragment, site) for fragment in key.fragments] if key is not None else []
    prefix = key.prefix if key is not None else None
    prefix_of = (lambda ctx: prefix) if prefix else _scope_prefix(scope, site, context)
    if len(parts) == 1:
        only = parts[0]

        def find_key(ctx: MessageContext) -> str:
            part = only(ctx)
            fragment = part if part.__class__ is str else text_of(part)
            return f"{prefix or prefix_of(ctx)}__{fragment}"

        return find_key
    return lambda ctx: cache_key(prefix_of(ctx), [text_of(part(ctx)) for part in parts])


def _fragment(fragment: KeyFragment, site: Site) -> Getter:
    literal, ref = fragment.value.text, fragment.value.ref
    if ref is None:
        return lambda ctx: literal
    get = site.getter(ref)
    if literal is None:
        return get

    def resolve(ctx: MessageContext) -> Any:
        found = get(ctx)
        return literal if found is None else found

    return resolve


def _scope_prefix(scope: str, site: Site, context: CacheContext | None) -> FindKey:
    """Proxy and revision are the transaction's: a shared flow's entries are those of the proxy that calls it."""
    organization, environment = site.environment.organization, site.environment.name
    other_proxy = context.proxy if context is not None else None
    endpoint_of = _endpoint(
        scope,
        context.proxy_endpoint if context is not None else None,
        context.target_endpoint if context is not None else None,
    )

    def prefix(ctx: MessageContext) -> str:
        deployment = ctx.deployment
        proxy = other_proxy or deployment.proxy
        return key_prefix(scope, organization, environment, proxy, deployment.revision, endpoint_of(ctx))

    return prefix


def _endpoint(scope: str, proxy_endpoint: str | None, target_endpoint: str | None) -> FindKey:
    """The endpoint in the key: Exclusive is the one whose flow the policy runs in, or the one that is named."""

    def proxy(ctx: MessageContext) -> str:
        return proxy_endpoint or ctx.endpoint_name

    def target(ctx: MessageContext) -> str:
        return target_endpoint or (ctx.target.name if ctx.target is not None else ctx.endpoint_name)

    if scope == "Proxy" or (scope == "Exclusive" and proxy_endpoint):
        return proxy
    if scope == "Target" or (scope == "Exclusive" and target_endpoint):
        return target
    return lambda ctx: target(ctx) if ctx.phase in (TARGET_REQUEST, TARGET_RESPONSE) else proxy(ctx)


# ---- expiry

#: The time to live of an entry made now, seconds.
FindTTL = Callable[[MessageContext], float]


def compile_ttl(settings: ExpirySettings | None, cache: str, site: Site) -> FindTTL:
    """How long an entry lives that is made now."""
    now, default = site.world.now, _default(site.environment.caches.get(cache))
    if settings is None:
        return lambda ctx: default(now())
    choices = [
        _setting(settings.timeout, site, lambda found: _timeout(found)),
        _constant(_timeout(settings.old_timeout)),
        _setting(settings.expiry_date, site, on_date),
        _setting(settings.time_of_day, site, at_time_of_day),
    ]

    def ttl(ctx: MessageContext) -> float:
        for choose in choices:
            expiry = choose(ctx)
            if expiry is not None:
                return expiry(now())
        return default(now())

    return ttl


FindExpiry = Callable[[MessageContext], Expiry | None]


def _timeout(seconds: int | None) -> Expiry | None:
    return after_seconds(seconds) if seconds is not None and seconds > 0 else None


def _constant(expiry: Expiry | None) -> FindExpiry:
    return lambda ctx: expiry


def _setting(value: Value[Any] | None, site: Site, read: Callable[[Any], Expiry | None]) -> FindExpiry:
    """One setting; a text that cannot be read gets a warning, a variable that cannot be read says nothing."""
    if value is None:
        return _constant(None)
    if value.ref is None:
        try:
            return _constant(read(value.literal) if value.literal is not None else None)
        except ValueError as error:
            site.warning(value.node, "InvalidExpiry", f"<{value.node.tag}>: {error}", "Apigee ignores it.")
            return _constant(None)
    resolve = site.value(value)

    def setting(ctx: MessageContext) -> Expiry | None:
        try:
            found = resolve(ctx)
            return read(found) if found is not None else None
        except ValueError:
            return None

    return setting


def _default(described: CacheDescriptor | None) -> Expiry:
    if described is not None:
        if described.timeout_in_sec:
            return after_seconds(described.timeout_in_sec)
        try:
            if described.expiry_date:
                return on_date(described.expiry_date)
            if described.time_of_day:
                return at_time_of_day(described.time_of_day)
        except ValueError:
            # what cannot be read says nothing
            return after_seconds(LONGEST)
    return after_seconds(LONGEST)

"""ResponseCache: answers from a cache what a target has answered before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from apiproxy_policies.traffic.cache_entry import (
    NOT_FOUND_TEXT,
    SCOPE,
    CacheKey,
    ExpirySettings,
    FindKey,
    compile_key,
    compile_ttl,
    open_cache,
)
from apiproxy_policies.traffic.http_caching import (
    ACCEPT_HEADERS,
    bypasses,
    fits,
    forbids_storing,
    has_it,
    time_to_live,
    varying,
)
from apiproxy_policies.traffic.lookup_cache import INVALID_TIMEOUT, check_timeout
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    CachedResponse,
    ConditionSyntaxError,
    Element,
    Headers,
    Message,
    MessageContext,
    Policy,
    Predicate,
    ProxyEndpoint,
    Respond,
    Site,
    StepFunction,
    TargetEndpoint,
    cache_key,
    child,
    compile_condition,
    fault_table,
    nested,
    text,
    then,
)

_ERROR_CODES = {
    "SkipCacheLookup": "steps.cache.InvalidSkipCacheLookUpCondition.",
    "SkipCachePopulation": "steps.cache.InvalidSkipCachePopulationCondition.",
}


class SkipCondition(Element):
    """A condition; while it holds the cache is left alone."""

    condition: str | None = text(doc="a condition")


class ResponseCache(Policy):
    """Keep responses and answer from the cache, without calling the target.

    The policy is attached twice: in a request flow it looks up, in a response flow it keeps what comes. On a hit the
    response flows are taken up behind the second attachment, also when that stands in the TargetEndpoint; without one,
    at the beginning of the response flows of the endpoint that looked up.

    The key is made where the policy looks up, and the same key is used to keep the response. Any verb is cached. Request
    headers `Cache-Control: no-cache`, `no-store` and `max-age=0` lead past the cache, and If-None-Match with the ETag of a
    cached response is answered with 304. Vary counts with `<UseResponseCacheHeaders>` only. Streamed responses
    are not kept. `<ExcludeErrorResponse>` is true by default, as on Apigee X (Edge: false).
    """

    tag = "ResponseCache"
    family = "traffic"
    prefix = "responsecache"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/response-cache-policy"
    faults = fault_table(
        "policies.responsecache",
        ("CacheNotFound", 500, NOT_FOUND_TEXT, "Edge only; here a cache comes into being when it is used"),
    )
    deploy_errors = {
        "InvalidTimeout": INVALID_TIMEOUT,
        "ResponseCacheStepAttachmentNotAllowedReq": "Response cache step definition {policy} can not be attached more than once in the request path.",
        "ResponseCacheStepAttachmentNotAllowedResp": "Response cache step definition {policy} can not be attached more than once in the response path.",
        "InvalidMessagePatternForErrorCode": "Invalid message pattern found for error code {code}",
    }
    variables = {
        "responsecache.{policy}.cachename": "name of the cache",
        "responsecache.{policy}.cachekey": "the whole key",
        "responsecache.{policy}.cachehit": "whether the response is from the cache",
        "responsecache.{policy}.invalidentry": "whether what was under the key could not be used",
        "responsecache.{policy}.failed": "true when the policy failed",
    }
    example = """
<ResponseCache name="RC-Uri">
  <CacheKey><KeyFragment ref="request.uri"/></CacheKey>
  <Scope>Application</Scope>
  <ExpirySettings><TimeoutInSeconds>300</TimeoutInSeconds></ExpirySettings>
  <ExcludeErrorResponse>true</ExcludeErrorResponse>
  <SkipCacheLookup>request.header.bypass-cache = "true"</SkipCacheLookup>
</ResponseCache>"""

    cache_resource: str | None = child("CacheResource", doc="name of the cache; without it all share one")
    cache_key: CacheKey | None = nested("CacheKey", CacheKey, required=True, doc="under which key")
    scope: str = child("Scope", SCOPE, default="Exclusive", doc="what the key begins with without <Prefix>")
    expiry: ExpirySettings | None = nested("ExpirySettings", ExpirySettings, doc="for how long; 30 days")
    exclude_errors: bool = child(
        "ExcludeErrorResponse", BOOLEAN, default=True, doc="true: only statuses 200 to 205 are kept"
    )
    skip_lookup: SkipCondition | None = nested("SkipCacheLookup", SkipCondition, doc="when not to look up")
    skip_population: SkipCondition | None = nested(
        "SkipCachePopulation", SkipCondition, doc="when not to keep the response"
    )
    use_accept: bool = child(
        "UseAcceptHeader", BOOLEAN, default=False, doc="true: what the client accepts is part of the key"
    )
    use_response_headers: bool = child(
        "UseResponseCacheHeaders",
        BOOLEAN,
        default=False,
        doc="true: Cache-Control, Expires and Vary of the response count; the shorter time holds",
    )
    timeout: int | None = child(
        "CacheLookupTimeoutInSeconds", INTEGER, doc="how long Edge waits for the cache; no effect here"
    )

    def check(self, site: Site) -> None:
        check_timeout(self.timeout, self.place("CacheLookupTimeoutInSeconds"), site)
        for request, response in _paths(site, self.name):
            if request > 1:
                site.error(self.node, "ResponseCacheStepAttachmentNotAllowedReq", "Keep one of the steps.")
            if response > 1:
                site.error(self.node, "ResponseCacheStepAttachmentNotAllowedResp", "Keep one of the steps.")
            if request > 1 or response > 1:
                break

    def compile(self, site: Site) -> StepFunction:
        cache = open_cache(self.cache_resource, self.node, site)
        key_of = _accepting(compile_key(self.cache_key, self.scope, site), self.use_accept)
        ttl_of = self._ttl(compile_ttl(self.expiry, cache.name, site), site)
        skip_lookup = self._condition(self.skip_lookup, site)
        skip_population = self._condition(self.skip_population, site)
        now, name = site.world.now, self.name
        prefix = f"responsecache.{name}."
        named, keyed, hit, invalid = (
            prefix + each for each in ("cachename", "cachekey", "cachehit", "invalidentry")
        )
        exclude, heed = self.exclude_errors, self.use_response_headers

        def look_up(ctx: MessageContext) -> Awaitable[object] | None:
            key = key_of(ctx)
            ctx.variables.update({named: cache.name, keyed: key, hit: False, invalid: False})
            if (skip_lookup is not None and skip_lookup(ctx)) or bypasses(ctx.request):
                return None

            def found(value: str | bytes | None) -> None:
                if value is None:
                    return
                cached = CachedResponse.unpack(value)
                if cached is None or not fits(cached, ctx.request):
                    ctx.variables.update({invalid: True})
                    return
                ctx.variables.update({hit: True})
                raise Respond(_response(cached, ctx.request), behind=name)

            return then(cache.get(key), found)

        def keep(ctx: MessageContext) -> Awaitable[object] | None:
            variables, response = ctx.variables, ctx.response
            if variables.get(hit) is True or response is None or response.stream is not None:
                return None
            key = variables.get(keyed)
            if not isinstance(key, str):
                key = key_of(ctx)
                ctx.variables.update({named: cache.name, keyed: key, hit: False, invalid: False})
            if exclude and not 200 <= response.status <= 205:
                return None
            if (skip_population is not None and skip_population(ctx)) or forbids_storing(ctx.request):
                return None
            ttl = ttl_of(ctx, response)
            if ttl <= 0:
                return None
            vary = varying(response, ctx.request) if heed else ()
            cached = CachedResponse(
                response.status, response.reason or "", tuple(response.headers), response.body, now(), vary
            )
            return then(cache.put_response(key, cached, ttl), lambda done: None)

        def response_cache(ctx: MessageContext) -> Awaitable[object] | None:
            if ctx.fault is not None:
                return None
            return keep(ctx) if ctx.in_response else look_up(ctx)

        return response_cache

    def _ttl(
        self, ttl_of: Callable[[MessageContext], float], site: Site
    ) -> Callable[[MessageContext, Message], float]:
        """The policy's time to live, or the response's own where that is heeded and shorter."""
        if not self.use_response_headers:
            return lambda ctx, response: ttl_of(ctx)
        now = site.world.now

        def shorter(ctx: MessageContext, response: Message) -> float:
            own, said = ttl_of(ctx), time_to_live(response, now())
            return own if said is None else min(own, said)

        return shorter

    def _condition(self, skip: SkipCondition | None, site: Site) -> Predicate | None:
        if skip is None or not (skip.condition or "").strip():
            return None
        try:
            return compile_condition(skip.condition or "", site.getter)
        except ConditionSyntaxError as error:
            site.error(
                skip.node, "InvalidMessagePatternForErrorCode", str(error), code=_ERROR_CODES[skip.node.tag]
            )
            return None


def _accepting(key_of: FindKey, use_accept: bool) -> FindKey:
    """The key, with what the client accepts where that is wanted."""
    if not use_accept:
        return key_of

    def accepting(ctx: MessageContext) -> str:
        headers = ctx.request.headers
        return cache_key(key_of(ctx), [headers.get(name) or "" for name in ACCEPT_HEADERS])

    return accepting


def _response(cached: CachedResponse, request: Message) -> Message:
    headers = Headers(cached.headers)
    if has_it(request, cached):
        response = Message(False, headers)
        response.status = 304
        for name in ("Content-Length", "Content-Encoding"):
            headers.remove(name)
        return response
    response = Message(False, headers, cached.body)
    response.status = cached.status
    response.reason = cached.reason or None
    return response


def _paths(site: Site, policy: str) -> Iterator[tuple[int, int]]:
    """How often the policy is attached on each way through the bundle: in the request, in the response."""
    bundle = site.bundle
    for proxy in bundle.proxies:
        request, response = _attached(proxy, policy)
        yield request, response
        named = {rule.target_endpoint for rule in proxy.route_rules}
        for target in (target for name, target in bundle.targets.items() if name in named):
            at_target = _attached(target, policy)
            yield request + at_target[0], response + at_target[1]


def _attached(endpoint: ProxyEndpoint | TargetEndpoint, policy: str) -> tuple[int, int]:
    flows = (endpoint.pre_flow, *endpoint.flows, endpoint.post_flow)
    return (
        sum(step.policy == policy for flow in flows for step in flow.request),
        sum(step.policy == policy for flow in flows for step in flow.response),
    )

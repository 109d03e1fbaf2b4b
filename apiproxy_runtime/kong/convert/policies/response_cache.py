"""ResponseCache → proxy-cache."""

from __future__ import annotations

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import header_of

#: What Apigee keeps without `<ExcludeErrorResponse>`. Source: "ResponseCache policy".
_SUCCESSES = range(200, 206)
#: Kong caches no other types than those that are listed.
_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/xml",
    "text/plain",
    "text/html",
)
#: Seconds that are written where the policy's own are not known beforehand.
_LIFETIME = 300


def response_cache(site: Attachment) -> Outcome:
    """Stands in the request and in the response flow on Apigee, once on Kong."""
    if site.phase == "response":
        return Outcome("partial", "proxy-cache stores the answer by itself")
    root = site.policy.node
    lost: list[str] = []
    if root.child_text("ExcludeErrorResponse", "").lower() == "false":
        lost.append("<ExcludeErrorResponse> false: list the statuses that Kong may keep")
    config: Config = {
        "strategy": "memory",
        "request_method": ["GET", "HEAD"],
        "response_code": list(_SUCCESSES),
        "content_type": list(_TYPES),
        "cache_ttl": _lifetime(root, lost),
        **_key(root, lost),
        "cache_control": root.child_text("UseResponseCacheHeaders", "").lower() == "true",
    }
    for tag in ("SkipCacheLookup", "SkipCachePopulation"):
        condition = root.child_text(tag)
        if condition:
            lost.append(f"<{tag}> {condition}: Kong bypasses its cache only on Cache-Control")
    return Outcome(
        "partial",
        f"proxy-cache for {config['cache_ttl']} seconds",
        (Plugin("proxy-cache", config),),
        tuple(lost),
        (
            "Kong caches GET and HEAD with the content types listed; Apigee the answers to all methods and of all types",
            "Kong's lookup comes after authentication and rate limits",
            "Kong's key holds method, path, query and consumer, whatever the policy's key is",
        ),
        (
            "the same call twice",
            "the same call with another Accept header",
            "a call with Cache-Control: no-cache",
        ),
    )


def _lifetime(root: Node, lost: list[str]) -> int:
    """How many seconds an entry lives."""
    settings = root.child("ExpirySettings")
    seconds = ""
    if settings is not None:
        for tag in ("TimeoutInSec", "TimeoutInSeconds"):
            seconds = seconds or settings.child_text(tag, "")
        for tag in ("TimeOfDay", "ExpiryDate"):
            if settings.child(tag) is not None:
                lost.append(f"<{tag}>: Kong's entries live a fixed number of seconds")
    if not seconds.isdigit():
        lost.append(f"how long an entry lives is only known at run time; {_LIFETIME} seconds are written")
        return _LIFETIME
    return int(seconds) or _LIFETIME


def _key(root: Node, lost: list[str]) -> Config:
    """The headers and query parameters that the key holds."""
    headers, parameters, of_path = [], [], False
    key = root.child("CacheKey")
    for fragment in key.all("KeyFragment") if key is not None else ():
        ref = fragment.attributes.get("ref", "").strip()
        header = header_of(ref)
        if header is not None:
            headers.append(header)
        elif ref.startswith("request.queryparam.") and ref.count(".") == 2 and ref[-1] != ".":
            parameters.append(ref.rpartition(".")[2])
        elif ref in ("request.uri", "proxy.pathsuffix", "request.path", "request.querystring"):
            of_path |= ref != "request.querystring"
        elif ref:
            lost.append(f"the key fragment {ref}: Kong's key is made of path, query, headers and consumer")
    if not of_path:
        lost.append(
            "the key holds no path: Kong's always holds method and path, and keeps an answer for each"
        )
    if root.child_text("UseAcceptHeader", "").lower() == "true":
        headers.append("accept")
    found = {"vary_headers": headers, "vary_query_params": parameters}
    return {name: sorted(dict.fromkeys(names)) for name, names in found.items() if names}


CONVERTERS = {"ResponseCache": response_cache}

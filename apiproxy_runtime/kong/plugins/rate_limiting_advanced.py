"""rate-limiting-advanced: several limits over windows of any length, fixed or sliding.

A sliding window counts the present one, and of the one before the share that still lies within the window's length.
Refused requests count too, unless `disable_penalty`. Counters are kept in the runtime's store, whatever `strategy`
says. Source: plugin reference, Rate Limiting Advanced (Enterprise).
"""

from __future__ import annotations

import math

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.formats import check_path
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.plugins.rate_limiting import identifier_of
from apiproxy_runtime.kong.schema import Config, anything, array, boolean, header_name, number, set_of, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.state.store import settled

SPACE = "kong/rate-limiting-advanced"
_NAMES = {1: "Second", 60: "Minute", 3600: "Hour", 86400: "Day", 2592000: "Month", 31536000: "Year"}


def compile_rate_limiting_advanced(config: Config, site: KongSite) -> Phases:
    limits = list(zip(config["limit"], config["window_size"], strict=True))
    identify = identifier_of({**config, "limit_by": config["identifier"]})
    space = f"{SPACE}/{config['namespace'] or site.instance.id}"
    slides = config["window_type"] == "sliding"
    penalty: bool = not config["disable_penalty"]
    hidden: bool = config["hide_client_headers"]
    store, world = site.store, site.world

    async def used(who: str, size: float, now: float, amount: int) -> float:
        """What is used of a window once `amount` is added."""
        begin = now // size * size
        # the present window is asked for again as the one before
        count = await settled(
            store.count(space, f"{who}:{size:g}:{begin:.0f}", amount, None, begin + 2 * size)
        )
        if not slides:
            return count.used
        before = await settled(
            store.count(space, f"{who}:{size:g}:{begin - size:.0f}", 0, None, begin + size)
        )
        return count.used + before.used * (1 - (now - begin) / size)

    async def access(ctx: KongContext) -> None:
        now, who = world.now(), identify(ctx)
        amount = 1 if penalty else 0
        usage = [await used(who, size, now, amount) + (1 - amount) for _, size in limits]
        exceeded = any(count > limit for count, (limit, _) in zip(usage, limits, strict=True))
        if not penalty and not exceeded:
            for _, size in limits:
                await used(who, size, now, 1)
        if not hidden:
            tell(ctx, limits, usage, now, exceeded)
        if exceeded:
            raise error(ctx, int(config["error_code"]), config["error_message"])

    return Phases(access=access)


def tell(
    ctx: KongContext, limits: list[tuple[float, float]], usage: list[float], now: float, exceeded: bool
) -> None:
    """Set the headers about each window, and about the tightest."""
    tightest: tuple[int, float, int] | None = None
    for (limit, size), count in zip(limits, usage, strict=True):
        remaining = max(math.floor(limit - count), 0)
        name = _NAMES.get(int(size), f"{size:g}")
        ctx.set_response_header(f"X-RateLimit-Limit-{name}", f"{limit:.0f}")
        ctx.set_response_header(f"X-RateLimit-Remaining-{name}", str(remaining))
        if tightest is None or remaining < tightest[0]:
            tightest = (remaining, limit, max(1, math.ceil(size - now % size)))
    assert tightest is not None
    left, limit, reset = tightest
    ctx.set_response_header("RateLimit-Limit", f"{limit:.0f}")
    ctx.set_response_header("RateLimit-Remaining", str(left))
    ctx.set_response_header("RateLimit-Reset", str(reset))
    if exceeded:
        ctx.set_response_header("Retry-After", str(reset))


def check(config: Config) -> list[tuple[str, str]]:
    wrong = []
    if len(config["limit"]) != len(config["window_size"]):
        wrong.append(("window_size", "You must provide the same number of windows and limits"))
    for by, name in (("header", "header_name"), ("path", "path")):
        if config["identifier"] == by and not config[name]:
            wrong.append((name, f"required field missing: identifier is {by}"))
    return wrong


PLUGIN = Plugin(
    "rate-limiting-advanced",
    910,
    {
        "limit": array(number(above=0), "requests, a limit for each window", len_min=1).needs(),
        "window_size": array(number(above=0), "seconds, a window for each limit", len_min=1).needs(),
        "window_type": string("", "sliding", one_of=("fixed", "sliding")),
        "identifier": string(
            "who is counted",
            "consumer",
            one_of=("ip", "credential", "consumer", "service", "header", "path", "consumer-group"),
        ),
        "header_name": header_name("header that tells who, for identifier header"),
        "path": string("path that is counted, for identifier path", rule=check_path),
        "namespace": string("instances with the same one count together"),
        "hide_client_headers": boolean("do not tell the client its limits", False),
        "disable_penalty": boolean("do not count refused requests", False),
        "error_code": number("status of a refusal", 429, above=0),
        "error_message": string("message of a refusal", "API rate limit exceeded"),
        "retry_after_jitter_max": number("not used", 0),
        "strategy": string("where Kong would count", "local", one_of=("cluster", "redis", "local")),
        "sync_rate": number("how often Kong would synchronise counters"),
        "dictionary_name": string("not used", "kong_rate_limiting_counters"),
        "lock_dictionary_name": string("not used", "kong_locks"),
        "consumer_groups": set_of(string(), "deprecated: bind instances to consumer groups"),
        "enforce_consumer_groups": boolean("deprecated", False),
        "compound_identifier": array(string(), "not used"),
        "throttling": anything("not used"),
        "redis": anything("where Kong would keep the counters; here it is the runtime's store"),
    },
    compile_rate_limiting_advanced,
    "Limits requests in windows of any length.",
    "enterprise",
    check=check,
)

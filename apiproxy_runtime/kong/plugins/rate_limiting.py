"""rate-limiting: how many requests a caller may make in each calendar window (UTC).

Counters are kept in the runtime's store, whatever `policy` says: `local` ones are those of one process with
`--state memory`, and shared by workers otherwise. A refused request does not count.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.formats import check_path
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, Field, boolean, header_name, integer, number, record, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.state.store import StoreError, settled

SPACE = "kong/rate-limiting"
#: Windows and their lengths in seconds, as headers count them.
PERIODS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "month": 2592000,
    "year": 31536000,
}


def window(period: str, now: float) -> tuple[float, float]:
    """Begin and end of the calendar window that a moment lies in, seconds since the epoch."""
    length = PERIODS[period]
    if length <= 86400:
        begin = now // length * length
        return begin, begin + length
    moment = time.gmtime(now)
    month = moment.tm_mon if period == "month" else 1
    begin = float(calendar.timegm((moment.tm_year, month, 1, 0, 0, 0)))
    year, month = (moment.tm_year, month + 1) if period == "month" else (moment.tm_year + 1, 1)
    if month > 12:
        year, month = year + 1, 1
    return begin, float(calendar.timegm((year, month, 1, 0, 0, 0)))


def identifier_of(config: Config) -> Callable[[KongContext], str]:
    """Who is counted: what `limit_by` names, else the client's address."""
    by: str = config["limit_by"]
    name: str = config.get("header_name") or ""
    path: str = config.get("path") or ""

    def identifier(ctx: KongContext) -> str:
        found: str | None = None
        if by == "consumer":
            found = ctx.consumer.id if ctx.consumer else ctx.credential.id if ctx.credential else None
        elif by == "credential":
            found = ctx.credential.id if ctx.credential else None
        elif by == "consumer-group":
            found = ctx.consumer.groups[0] if ctx.consumer and ctx.consumer.groups else None
        elif by == "service":
            found = ctx.service.id if ctx.service else None
        elif by == "header":
            found = ctx.request.headers.get(name)
        elif by == "path" and ctx.request.path == path:
            found = path
        return found or ctx.client.ip

    return identifier


def compile_rate_limiting(config: Config, site: KongSite) -> Phases:
    limits = [(period, config[period]) for period in PERIODS if config[period] is not None]
    identify = identifier_of(config)
    store, world = site.store, site.world
    instance = site.instance
    scope = ":".join(
        each.id if each is not None else "" for each in (instance.route, instance.service, instance.consumer)
    )
    hidden: bool = config["hide_client_headers"]

    async def access(ctx: KongContext) -> None:
        now = world.now()
        who = f"{scope}:{identify(ctx)}"
        windows = [(period, limit, *window(period, now)) for period, limit in limits]
        try:
            used = [
                (await settled(store.count(SPACE, f"{who}:{period}", 0, None, end))).used
                for period, _, _, end in windows
            ]
        except StoreError:
            if config["fault_tolerant"]:
                return
            raise
        stop = ""
        for (period, limit, _, _), count in zip(windows, used, strict=True):
            if limit - count <= 0:
                stop = period
        if not hidden:
            reset = tell(ctx, now, windows, used, stop)
            if stop:
                ctx.set_response_header("Retry-After", str(reset))
        if stop:
            raise error(ctx, int(config["error_code"]), config["error_message"])
        for period, _, _, end in windows:
            await settled(store.count(SPACE, f"{who}:{period}", 1, None, end))

    return Phases(access=access)


def tell(
    ctx: KongContext,
    now: float,
    windows: list[tuple[str, float, float, float]],
    used: list[int],
    stop: str,
) -> int:
    """Set the headers about each window, and about the tightest; seconds until that one begins anew."""
    tightest: tuple[float, int, float, int] | None = None
    for (period, limit, begin, _), count in zip(windows, used, strict=True):
        remaining = limit - count - (1 if not stop or stop == period else 0)
        remaining = max(0, remaining)
        reset = max(1, PERIODS[period] - int(now - begin))
        candidate = (remaining, -PERIODS[period], limit, reset)
        if tightest is None or candidate[:2] < tightest[:2]:
            tightest = candidate
        name = period.capitalize()
        ctx.set_response_header(f"X-RateLimit-Limit-{name}", f"{limit:g}" if limit < 1e6 else str(int(limit)))
        ctx.set_response_header(f"X-RateLimit-Remaining-{name}", str(int(remaining)))
    assert tightest is not None
    remaining, _, limit, reset = tightest
    ctx.set_response_header("RateLimit-Limit", str(int(limit)))
    ctx.set_response_header("RateLimit-Remaining", str(int(remaining)))
    ctx.set_response_header("RateLimit-Reset", str(reset))
    return reset


def check(config: Config) -> list[tuple[str, str]]:
    wrong = []
    given = [(period, config[period]) for period in PERIODS if config[period] is not None]
    if not given:
        listed = ", ".join(f"'{period}'" for period in PERIODS)
        wrong.append(("", f"at least one of these fields must be non-empty: {listed}"))
    for index, (lower, small) in enumerate(given):
        for upper, great in given[index + 1 :]:
            if great < small:
                told = f"The limit for {upper}({great:.1f}) cannot be lower than the limit for {lower}({small:.1f})"
                wrong.append((upper, told))
    for by, name in (("header", "header_name"), ("path", "path")):
        if config["limit_by"] == by and not config[name]:
            wrong.append((name, f"required field missing: limit_by is {by}"))
    if config["policy"] == "redis" and not ((config["redis"] or {}).get("host") or config["redis_host"]):
        wrong.append(("redis", "host: required field missing: policy is redis"))
    if config["policy"] != "redis" and config["sync_rate"] != -1:
        wrong.append(("sync_rate", "sync_rate can only be used with the redis policy"))
    return wrong


def redis_fields() -> dict[str, Field]:
    """Where Kong would keep counters. They are accepted, and not used: see `--state`."""
    return {
        "redis": record(
            {
                "host": string(),
                "port": integer("", 6379, between=(0, 65535)),
                "timeout": integer("milliseconds", 2000, between=(0, 2**31 - 2)),
                "username": string(),
                "password": string(len_min=0),
                "database": integer("", 0),
                "ssl": boolean("", False),
                "ssl_verify": boolean("", False),
                "server_name": string(),
                "extras": record({}, optional=True),
            },
            "where Kong would keep the counters; here it is the runtime's store",
        ),
        "redis_host": string("deprecated"),
        "redis_port": integer("deprecated"),
        "redis_password": string("deprecated", len_min=0),
        "redis_username": string("deprecated"),
        "redis_ssl": boolean("deprecated"),
        "redis_ssl_verify": boolean("deprecated"),
        "redis_server_name": string("deprecated"),
        "redis_timeout": integer("deprecated"),
        "redis_database": integer("deprecated"),
    }


PLUGIN = Plugin(
    "rate-limiting",
    910,
    {
        **{period: number(f"requests in a {period}", above=0) for period in PERIODS},
        "limit_by": string(
            "who is counted",
            "consumer",
            one_of=("consumer", "credential", "ip", "service", "header", "path"),
        ),
        "header_name": header_name("header that tells who, for limit_by header"),
        "path": string("path that is counted, for limit_by path", rule=check_path),
        "policy": string("where Kong would count", "local", one_of=("local", "cluster", "redis")),
        "fault_tolerant": boolean("let requests pass when counters are out of reach", True),
        "hide_client_headers": boolean("do not tell the client its limits", False),
        "error_code": number("status of a refusal", 429, above=0),
        "error_message": string("message of a refusal", "API rate limit exceeded"),
        "sync_rate": number("how often Kong would synchronise counters", -1),
        **redis_fields(),
    },
    compile_rate_limiting,
    "Limits requests in calendar windows.",
    check=check,
)

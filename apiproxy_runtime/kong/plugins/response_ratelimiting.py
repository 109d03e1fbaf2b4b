"""response-ratelimiting: the upstream tells by a header how much a request costs of limits that have names.

Source: plugin reference; the header is `X-Kong-Limit: name=amount, …` by default. A request whose limit is used up is
refused before it reaches the upstream.
"""

from __future__ import annotations

from apiproxy_runtime.kong.answer import error, exit_text
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.plugins.rate_limiting import PERIODS, identifier_of, redis_fields, window
from apiproxy_runtime.kong.schema import Config, boolean, header_name, map_of, number, record, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.state.store import settled

SPACE = "kong/response-ratelimiting"


def compile_response_ratelimiting(config: Config, site: KongSite) -> Phases:
    limits = [
        (name, period, periods[period])
        for name, periods in config["limits"].items()
        for period in PERIODS
        if periods[period] is not None
    ]
    identify = identifier_of(config)
    store, world = site.store, site.world
    instance = site.instance
    scope = ":".join(each.id if each else "" for each in (instance.route, instance.service))
    header: str = config["header_name"]
    hidden: bool = config["hide_client_headers"]
    mine = f"response-ratelimiting:{instance.id}"

    async def access(ctx: KongContext) -> None:
        who = f"{scope}:{identify(ctx)}"
        used: dict[tuple[str, str], int] = {}
        stop = False
        left: dict[str, float] = {}
        for name, period, limit in limits:
            end = window(period, world.now())[1]
            count = await settled(store.count(SPACE, f"{who}:{name}:{period}", 0, None, end))
            used[name, period] = count.used
            stop = stop or count.used >= limit
            left[name] = min(left.get(name, limit), max(limit - count.used, 0))
        if stop:
            if config["block_on_first_violation"]:
                raise error(ctx, 429, "API rate limit exceeded for '" + ", ".join(sorted(left)) + "'")
            for name, period, limit in limits:
                tell(ctx, name, period, limit, used[name, period])
            raise exit_text(429)
        ctx.plugin[mine] = (who, used)
        for name, amount in left.items():
            ctx.request.headers.set(f"X-RateLimit-Remaining-{name}", str(int(amount)))

    def tell(ctx: KongContext, name: str, period: str, limit: float, used: int) -> None:
        if not hidden:
            shown = period.capitalize()
            ctx.set_response_header(f"X-RateLimit-Limit-{name}-{shown}", str(int(limit)))
            remaining = str(int(max(limit - used, 0)))
            ctx.set_response_header(f"X-RateLimit-Remaining-{name}-{shown}", remaining)

    async def header_filter(ctx: KongContext) -> None:
        response, known = ctx.response, ctx.plugin.get(mine)
        if response is None or known is None:
            return
        who, used = known
        costs = costs_of(response.headers.get(header))
        response.headers.remove(header)
        for name, period, limit in limits:
            cost = costs.get(name, 0)
            if cost:
                end = window(period, world.now())[1]
                await settled(store.count(SPACE, f"{who}:{name}:{period}", cost, None, end))
            if not hidden:
                shown = period.capitalize()
                response.headers.set(f"X-RateLimit-Limit-{name}-{shown}", str(int(limit)))
                remaining = max(limit - used[name, period] - cost, 0)
                response.headers.set(f"X-RateLimit-Remaining-{name}-{shown}", str(int(remaining)))

    return Phases(access=access, header_filter=header_filter)


def costs_of(header: str | None) -> dict[str, int]:
    """What a response says that it costs: `video=2, image`, where a name alone costs 1."""
    costs: dict[str, int] = {}
    for part in (header or "").split(","):
        name, equals, amount = part.strip().partition("=")
        if name:
            number_text = amount.strip()
            costs[name.strip()] = int(number_text) if equals and number_text.isdecimal() else 1
    return costs


def check(config: Config) -> list[tuple[str, str]]:
    empty = [name for name, periods in config["limits"].items() if not any(periods.values())]
    return [("limits", f"{name}: at least one period must be set") for name in empty]


PLUGIN = Plugin(
    "response-ratelimiting",
    900,
    {
        "limits": map_of(
            record({period: number(f"amount in a {period}", above=0) for period in PERIODS}),
            "limits by name",
        ).needs(),
        "header_name": header_name("header of the upstream that tells the costs", "x-kong-limit"),
        "limit_by": string("who is counted", "consumer", one_of=("consumer", "credential", "ip")),
        "policy": string("where Kong would count", "local", one_of=("local", "cluster", "redis")),
        "fault_tolerant": boolean("let requests pass when counters are out of reach", True),
        "block_on_first_violation": boolean("refuse with a message", False),
        "hide_client_headers": boolean("do not tell the client its limits", False),
        **redis_fields(),
    },
    compile_response_ratelimiting,
    "Limits what requests cost, as the upstream tells it.",
    check=check,
)

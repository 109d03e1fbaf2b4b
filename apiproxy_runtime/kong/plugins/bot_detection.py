"""bot-detection: refuses clients by their User-Agent.

Kong brings a list of some hundred robots of its own; here only the names that stand for robots as such are known, and
what `deny` adds.
"""

from __future__ import annotations

import regex

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, string
from apiproxy_runtime.kong.site import KongSite

_PATIENCE = 1.0
_ROBOTS = regex.compile(
    r"(?i:\b(?:bot|crawler|spider|slurp)\b|[a-z]bot\b|Baiduspider|facebookexternalhit|archiver|scrapy|"
    r"HTTrack|Yandex|ia_archiver|WebReaper|sitemapx|Nutch)"
)


def compile_bot_detection(config: Config, site: KongSite) -> Phases:
    allow = [regex.compile(text) for text in config["allow"]]
    deny = [*(regex.compile(text) for text in config["deny"]), _ROBOTS]
    known: dict[str, bool] = {}

    def is_refused(agent: str) -> bool:
        if any(pattern.search(agent, timeout=_PATIENCE) for pattern in allow):
            return False
        return any(pattern.search(agent, timeout=_PATIENCE) for pattern in deny)

    def access(ctx: KongContext) -> None:
        field = ctx.request.headers.fields.get("user-agent")
        if field is None:
            return
        if len(field) > 2:
            raise error(ctx, 400, "Only one User-Agent header allowed")
        agent = field[1].strip()
        refused = known.get(agent)
        if refused is None:
            if len(known) > 4096:
                known.clear()
            refused = known[agent] = is_refused(agent)
        if refused:
            raise error(ctx, 403)

    return Phases(access=access)


def check_pattern(text: str) -> str:
    try:
        regex.compile(text)
    except regex.error as error:
        return f"not a regex: {text} ({error})"
    return ""


PLUGIN = Plugin(
    "bot-detection",
    2500,
    {
        "allow": array(string(rule=check_pattern), "regular expressions of agents that may call", []),
        "deny": array(string(rule=check_pattern), "regular expressions of agents that may not", []),
    },
    compile_bot_detection,
    "Refuses robots.",
    no_scope=frozenset(("consumer", "consumer_group")),
)

"""acl: which groups of consumers may call."""

from __future__ import annotations

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, boolean, string
from apiproxy_runtime.kong.site import KongSite

_REFUSED = "You cannot consume this service"


def compile_acl(config: Config, site: KongSite) -> Phases:
    deny = bool(config["deny"])
    named = frozenset(config["deny"] if deny else config["allow"] or ())
    show: bool = not config["hide_groups_header"]
    prefer_told: bool = config["always_use_authenticated_groups"]

    def access(ctx: KongContext) -> None:
        consumer = ctx.consumer
        header = "X-Consumer-Groups"
        if consumer is None:
            if ctx.authenticated_groups is None:
                raise error(ctx, 403, _REFUSED) if ctx.credential is not None else error(ctx, 401)
            groups, header = ctx.authenticated_groups, "X-Authenticated-Groups"
        else:
            groups = consumer.acls
            if ctx.authenticated_groups is not None and (ctx.credential is None or prefer_told):
                groups, header = ctx.authenticated_groups, "X-Authenticated-Groups"
            elif not groups and not deny:
                raise error(ctx, 403, _REFUSED) if ctx.credential is not None else error(ctx, 401)
        if (not named.isdisjoint(groups)) == deny:
            raise error(ctx, 403, _REFUSED)
        if show:
            ctx.request.headers.set(header, ", ".join(groups))

    return Phases(access=access)


def check(config: Config) -> list[tuple[str, str]]:
    if config["allow"] and config["deny"]:
        return [("", "only one of these fields must be set: 'allow', 'deny'")]
    if not config["allow"] and not config["deny"]:
        return [("", "at least one of these fields must be non-empty: 'allow', 'deny'")]
    return []


PLUGIN = Plugin(
    "acl",
    950,
    {
        "allow": array(string(), "groups that may call; all others may not"),
        "deny": array(string(), "groups that may not call; all others may"),
        "hide_groups_header": boolean("do not tell the upstream the groups", False),
        "always_use_authenticated_groups": boolean("prefer groups that authentication told", False),
    },
    compile_acl,
    "Lets callers in by their groups.",
    check=check,
    no_scope=frozenset(("consumer", "consumer_group")),
)

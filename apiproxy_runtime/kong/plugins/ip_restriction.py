"""ip-restriction: which client addresses may call. Those that are denied are looked at first."""

from __future__ import annotations

import ipaddress

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, number, string
from apiproxy_runtime.kong.site import KongSite

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def compile_ip_restriction(config: Config, site: KongSite) -> Phases:
    allow = [ipaddress.ip_network(text, strict=False) for text in config["allow"] or ()]
    deny = [ipaddress.ip_network(text, strict=False) for text in config["deny"] or ()]
    status = int(config["status"] or 403)
    message: str | None = config["message"]
    known: dict[str, bool] = {}

    def may_call(client: str) -> bool:
        address = ipaddress.ip_address(client)
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return not within(address, deny) and (not allow or within(address, allow))

    def access(ctx: KongContext) -> None:
        client = ctx.client.ip
        allowed = known.get(client)
        if allowed is None:
            if len(known) > 4096:
                known.clear()
            allowed = known[client] = may_call(client)
        if not allowed:
            raise error(ctx, status, message or f"IP address not allowed: {client}")

    return Phases(access=access)


def within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: list[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"invalid ip or cidr range: '{text}'"
    return ""


def check(config: Config) -> list[tuple[str, str]]:
    if config["allow"] or config["deny"]:
        return []
    return [("", "at least one of these fields must be non-empty: 'allow', 'deny'")]


PLUGIN = Plugin(
    "ip-restriction",
    990,
    {
        "allow": array(string(rule=check_network), "addresses and CIDR ranges that may call"),
        "deny": array(string(rule=check_network), "those that may not"),
        "status": number("status of a refusal, 403 by default"),
        "message": string("message of a refusal, `IP address not allowed: …` by default"),
    },
    compile_ip_restriction,
    "Lets callers in by their addresses.",
    check=check,
)

"""AccessControl: lets requests in or keeps them out by the client's address."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from apiproxy_policies.profile import PROFILE
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    one_of,
    text,
    text_of,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Test = Callable[[MessageContext, Address], bool]
_ACTION = one_of("ALLOW", "DENY", ignore_case=True)


class SourceAddress(Element):
    """An address; `mask` says how many of its leading bits count."""

    address: str = text(PAYLOAD, default="", doc="IPv4 or IPv6 address; template")
    mask: str | None = attribute("mask", doc="number of bits that count; template")


class MatchRule(Element):
    action: str = attribute("action", _ACTION, default="ALLOW", doc="what happens when an address matches")
    sources: tuple[SourceAddress, ...] = many("SourceAddress", SourceAddress)


class IPRules(Element):
    no_match_action: str = attribute(
        "noRuleMatchAction", _ACTION, default="ALLOW", doc="what happens when no rule matches"
    )
    rules: tuple[MatchRule, ...] = many("MatchRule", MatchRule)


class AccessControl(Policy):
    """Allow or deny a request by its client's IP address.

    The rules are tried in document order and the first that matches decides. With X_FORWARDED_FOR_ALL_IP each address
    of X-Forwarded-For is judged so, and one denial denies the request. Without that header the address of whoever
    connected counts.
    """

    tag = "AccessControl"
    family = "security"
    prefix = "acl"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/access-control-policy"
    faults = fault_table(
        "steps.accesscontrol",
        ("IPDeniedAccess", 403, "Access Denied for client ip : {ip}"),
        ("accesscontrol.InvalidIPAddressInVariable", 500, "Invalid IP address in variable {variable}"),
        ("accesscontrol.ClientIpExtractionFailed", 500, "Failed to extract the client IP address"),
    )
    deploy_errors = {
        "InvalidIPAddress": "AccessControl[{policy}]: Invalid IP address {address}",
        "InvalidIPv4Address": "AccessControl[{policy}]: Invalid IPv4 address {address}",
        "InvalidIPv6Address": "AccessControl[{policy}]: Invalid IPv6 address {address}",
        "InvalidRulePattern": "AccessControl[{policy}]: Invalid rule pattern {address}/{mask}",
    }
    settings = (PROFILE,)
    example = """
<AccessControl name="AC-Office">
  <IPRules noRuleMatchAction="DENY">
    <MatchRule action="ALLOW"><SourceAddress mask="24">198.51.100.0</SourceAddress></MatchRule>
  </IPRules>
</AccessControl>"""

    client_ip_variable: str | None = child(
        "ClientIPVariable", doc="variable that holds the only address to check"
    )
    ignore_true_client_ip: bool = child("IgnoreTrueClientIPHeader", BOOLEAN, default=False)
    rules: IPRules | None = nested("IPRules", IPRules)
    based_on: str = child(
        "ValidateBasedOn",
        one_of("X_FORWARDED_FOR_ALL_IP", "X_FORWARDED_FOR_FIRST_IP", "X_FORWARDED_FOR_LAST_IP"),
        default="X_FORWARDED_FOR_ALL_IP",
        doc="which addresses of X-Forwarded-For count",
    )

    def compile(self, site: Site) -> StepFunction:
        compiled = [
            (rule.action == "ALLOW", [self._test(site, source) for source in rule.sources])
            for rule in (self.rules.rules if self.rules else ())
        ]
        otherwise = self.rules is None or self.rules.no_match_action == "ALLOW"
        variable, based_on = self.client_ip_variable, self.based_on
        get = site.getter(variable) if variable else None
        use_true_client = not self.ignore_true_client_ip and site.setting(PROFILE) == "apigee"

        def allows(ctx: MessageContext, address: Address) -> bool:
            for allow, tests in compiled:
                if any(test(ctx, address) for test in tests):
                    return allow
            return otherwise

        def access_control(ctx: MessageContext) -> None:
            if get is not None:
                found = text_of(get(ctx)).strip()
                address = parsed(found)
                if address is None:
                    raise self.fault("InvalidIPAddressInVariable", variable=variable)
                addresses = [(found, address)]
            else:
                addresses = [
                    (found, address)
                    for found in client_addresses(ctx, based_on, use_true_client)
                    if (address := parsed(found)) is not None
                ]
                if not addresses:
                    raise self.fault("ClientIpExtractionFailed")
            for found, address in addresses:
                if not allows(ctx, address):
                    raise self.fault("IPDeniedAccess", ip=found)

        return access_control

    def _test(self, site: Site, source: SourceAddress) -> Test:
        address, mask = source.node.text.strip(), (source.mask or "").strip()
        if "{" not in address and "{" not in mask:
            network = self._network(site, source, address, mask)
            return lambda ctx, candidate: network is not None and within(candidate, network)
        render, render_mask = site.template(address, source.node), site.template(mask, source.node)

        def test(ctx: MessageContext, candidate: Address) -> bool:
            network = network_of(render(ctx).strip(), render_mask(ctx).strip())
            return network is not None and within(candidate, network)

        return test

    def _network(self, site: Site, source: SourceAddress, address: str, mask: str) -> Network | None:
        network = network_of(address, mask)
        if network is None:
            if parsed(address) is None:
                kind = (
                    "InvalidIPv6Address"
                    if ":" in address
                    else "InvalidIPv4Address"
                    if "." in address
                    else "InvalidIPAddress"
                )
                site.error(source.node, kind, "Write an address such as 198.51.100.7.", address=address)
            else:
                site.error(
                    source.node,
                    "InvalidRulePattern",
                    "Write a mask from 1 to 32 (IPv4) or 128 (IPv6).",
                    address=address,
                    mask=mask,
                )
        return network


def parsed(address: str) -> Address | None:
    """An address, without the port that some proxies append to it."""
    if address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        found = ip_address(address.strip("[] "))
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return found if mapped is None else mapped


def network_of(address: str, mask: str) -> Network | None:
    """The addresses a rule covers; host bits do not matter. None when address or mask is invalid."""
    try:
        if mask == "0" and address != "0.0.0.0":
            return None
        return ip_network(f"{address}/{mask}" if mask else address, strict=False)
    except ValueError:
        return None


def within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network


def client_addresses(ctx: MessageContext, based_on: str, use_true_client: bool) -> list[str]:
    """The addresses to judge. Edge prefers a True-Client-IP header unless told to ignore it."""
    if use_true_client:
        true_client = ctx.request.headers.get("True-Client-IP")
        if true_client:
            return [true_client.strip()]
    forwarded = ctx.request.headers.values("X-Forwarded-For")
    if not forwarded:
        return [ctx.client.ip]
    if based_on == "X_FORWARDED_FOR_FIRST_IP":
        return forwarded[:1]
    if based_on == "X_FORWARDED_FOR_LAST_IP":
        return forwarded[-1:]
    return forwarded

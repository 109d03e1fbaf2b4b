"""AccessControl: rules by address."""

import pytest

from apiproxy_runtime.message.fault import Fault
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, request, run


def policy(rules: str, otherwise: str = "DENY", extra: str = "") -> str:
    return f'<AccessControl name="AC">{extra}<IPRules noRuleMatchAction="{otherwise}">{rules}</IPRules></AccessControl>'


def rule(action: str, address: str, mask: str = "32") -> str:
    return f'<MatchRule action="{action}"><SourceAddress mask="{mask}">{address}</SourceAddress></MatchRule>'


async def allowed(xml: str, forwarded: str | None, **variables: object) -> bool:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    ctx = context(request=request(headers=headers), variables=variables)
    step = compile_policy(xml)
    try:
        await run(step, ctx)
    except Fault as fault:
        return (fault.code, fault.status) != ("steps.accesscontrol.IPDeniedAccess", 403)
    return True


@pytest.mark.parametrize(
    ("rules", "otherwise", "address", "expected"),
    [
        (rule("ALLOW", "10.1.2.3"), "DENY", "10.1.2.3", True),
        (rule("ALLOW", "10.1.2.3"), "DENY", "10.1.2.4", False),
        (rule("ALLOW", "10.1.2.99", "24"), "DENY", "10.1.2.4", True),
        (rule("DENY", "10.1.2.0", "24"), "ALLOW", "10.1.2.4", False),
        (rule("DENY", "10.1.2.0", "24"), "ALLOW", "10.1.3.4", True),
        (rule("ALLOW", "10.1.2.3") + rule("DENY", "10.1.2.0", "24"), "ALLOW", "10.1.2.3", True),
        (rule("DENY", "10.1.2.0", "24") + rule("ALLOW", "10.1.2.3"), "ALLOW", "10.1.2.3", False),
        (rule("DENY", "0.0.0.0", "0"), "ALLOW", "1.2.3.4", False),
        (rule("ALLOW", "2001:db8::", "32"), "DENY", "2001:db8::1", True),
        (rule("ALLOW", "2001:db8::", "32"), "DENY", "10.0.0.1", False),
        (rule("ALLOW", "{good.ip}", "{good.mask}"), "DENY", "10.9.9.9", True),
    ],
)
async def test_the_first_rule_that_matches_decides(
    rules: str, otherwise: str, address: str, expected: bool
) -> None:
    variables = {"good.ip": "10.9.9.0", "good.mask": "24"}
    assert await allowed(policy(rules, otherwise), address, **variables) is expected


@pytest.mark.parametrize(
    ("based_on", "expected"),
    [
        ("X_FORWARDED_FOR_ALL_IP", False),
        ("X_FORWARDED_FOR_FIRST_IP", True),
        ("X_FORWARDED_FOR_LAST_IP", False),
    ],
)
async def test_which_forwarded_addresses_count(based_on: str, expected: bool) -> None:
    xml = policy(rule("ALLOW", "10.0.0.1"), extra=f"<ValidateBasedOn>{based_on}</ValidateBasedOn>")
    assert await allowed(xml, "10.0.0.1, 10.0.0.2") is expected


@pytest.mark.parametrize(
    ("profile", "extra", "heeded"),
    [
        ("apigee", "", True),
        ("apigee", "<IgnoreTrueClientIPHeader>true</IgnoreTrueClientIPHeader>", False),
        ("apigeex", "", False),
    ],
)
async def test_on_edge_the_header_true_client_ip_counts(profile: str, extra: str, heeded: bool) -> None:
    ctx = context(request=request(headers={"True-Client-IP": "10.0.0.9", "X-Forwarded-For": "10.0.0.1"}))
    xml = policy(rule("DENY", "10.0.0.9"), "ALLOW", extra)
    step = compile_policy(xml, settings={"profile": profile})
    if heeded:
        assert (await fault_of(step, ctx)).text == "Access Denied for client ip : 10.0.0.9"
    else:
        await run(step, ctx)


async def test_without_the_header_the_peer_counts() -> None:
    assert await allowed(policy(rule("ALLOW", "127.0.0.1")), None)


async def test_the_text_names_the_address() -> None:
    step = compile_policy(policy(rule("DENY", "10.0.0.1")))
    fault = await fault_of(step, context(request=request(headers={"X-Forwarded-For": "10.0.0.1"})))
    assert fault.text == "Access Denied for client ip : 10.0.0.1"


async def test_a_variable_may_hold_the_address() -> None:
    xml = policy(rule("ALLOW", "10.0.0.1"), extra="<ClientIPVariable>my.ip</ClientIPVariable>")
    assert await allowed(xml, "9.9.9.9", **{"my.ip": "10.0.0.1"})
    fault = await fault_of(compile_policy(xml), context(variables={"my.ip": "nowhere"}))
    assert (fault.code, fault.status) == ("accesscontrol.InvalidIPAddressInVariable", 500)


@pytest.mark.parametrize(
    ("address", "mask", "error"),
    [
        ("office", "32", "InvalidIPAddress"),
        ("10.0.0.300", "32", "InvalidIPv4Address"),
        ("2001::zz", "32", "InvalidIPv6Address"),
        ("10.0.0.1", "33", "InvalidRulePattern"),
        ("10.0.0.1", "0", "InvalidRulePattern"),
    ],
)
def test_deploy_errors(address: str, mask: str, error: str) -> None:
    assert deploy_errors(policy(rule("ALLOW", address, mask))) == [error]

"""Generated requests for access tokens: each grant of the bundle's own endpoints, and what comes behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.exchange import Response
from apiproxy_runtime.rehearsal.generate.conclusion import Generated
from apiproxy_runtime.rehearsal.generate.explore import generate
from apiproxy_runtime.rehearsal.generate.grants import issued
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for
from tests.house import mark, proxy, steps, target, write_bundle

ISSUE = """<OAuthV2 name="Issue"><Operation>GenerateAccessToken</Operation><ExpiresIn>{lifetime}</ExpiresIn>
<SupportedGrantTypes><GrantType>{grant}</GrantType></SupportedGrantTypes>{more}<GenerateResponse enabled="true"/></OAuthV2>"""
CODE = """<OAuthV2 name="Code"><Operation>GenerateAuthorizationCode</Operation><GenerateResponse enabled="true"/></OAuthV2>"""
REFRESH = """<OAuthV2 name="Refresh"><Operation>RefreshAccessToken</Operation><GrantType>request.queryparam.grant_type</GrantType>
<RefreshToken>request.queryparam.refresh_token</RefreshToken><GenerateResponse enabled="true"/></OAuthV2>"""
QUERY = """<GrantType>request.queryparam.grant_type</GrantType><UserName>request.queryparam.username</UserName>
<PassWord>request.queryparam.password</PassWord>"""
VERIFY = '<OAuthV2 name="Verify"><Operation>VerifyAccessToken</Operation>{more}</OAuthV2>'
JWT = """<OAuthV2 name="Verify"><Operation>VerifyJWTAccessToken</Operation><Algorithm>RS256</Algorithm>
<PublicKey><Value ref="private.propertyset.keys.public"/></PublicKey></OAuthV2>"""


def flow(path: str, policy: str) -> str:
    return f"""<Flow name="{path}"><Condition>proxy.pathsuffix MatchesPath "/{path}"</Condition>
<Request>{steps(policy)}</Request><Response/></Flow>"""


async def made(folder: Path, flows: dict[str, str], **policies: str) -> Generated:
    routes = """<RouteRule name="none"><Condition>proxy.pathsuffix != "/api"</Condition></RouteRule>
<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>"""
    path = write_bundle(
        folder,
        "granting",
        {
            "proxies/default.xml": proxy(
                "/o", flows="".join(flow(path, policy) for path, policy in flows.items()), routes=routes
            ),
            "targets/default.xml": target("http://up.test", request=steps("Behind")),
            "policies/Behind.xml": mark("Behind"),
            **{f"policies/{name}.xml": text for name, text in policies.items()},
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    stand_ins = stand_ins_for([bundle], Environment(), TestData())
    return await generate([bundle], *stand_ins.added_to(Environment(), TestData()))


def reached_behind(found: Generated) -> bool:
    """Whether the policy behind the verification is reached, with the recording as it is replayed."""
    return "Behind" not in {item.branch.name for item in found.unreached}


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
@pytest.mark.parametrize("more", ["", QUERY])
async def test_a_token_is_asked_for_at_the_bundles_own_endpoint(
    tmp_path: Path, grant: str, more: str
) -> None:
    issue = ISSUE.format(grant=grant, lifetime=1800000, more=more)
    found = await made(
        tmp_path, {"token": "Issue", "api": "Verify"}, Issue=issue, Verify=VERIFY.format(more="")
    )
    assert reached_behind(found)
    assert [case.name for case in found.exchanges if case.name.endswith(": a token")]
    sent = [
        header for case in found.exchanges for header in case.request.headers if header[0] == "Authorization"
    ]
    assert ("Authorization", "Bearer stand-in-access-token") not in sent


async def test_a_code_is_exchanged_for_a_token_and_that_is_refreshed(tmp_path: Path) -> None:
    issue = ISSUE.format(grant="authorization_code", lifetime=1800000, more="")
    found = await made(
        tmp_path,
        {"authorize": "Code", "token": "Issue", "refresh": "Refresh", "api": "Verify"},
        Code=CODE,
        Issue=issue,
        Refresh=REFRESH,
        Verify=VERIFY.format(more=""),
    )
    assert reached_behind(found)
    issued = [case for case in found.exchanges if case.name.endswith((": a code", ": a token"))]
    assert [(case.name.split()[1], case.response.status) for case in issued[:3] if case.response is not None] == [
        ("authorize:", 302),
        ("token:", 200),
        ("refresh:", 200),
    ]  # fmt: skip


async def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    issue = ISSUE.format(grant="client_credentials", lifetime=60000, more="")
    found = await made(
        tmp_path, {"token": "Issue", "api": "Verify"}, Issue=issue, Verify=VERIFY.format(more="")
    )
    assert len([case for case in found.exchanges if case.name.endswith(": a token")]) > 2
    expired = [
        case for case in found.exchanges if case.response is not None and b"expired" in case.response.body
    ]
    assert expired == []


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ("", ("Authorization", "Bearer stand-in-access-token")),
        ("<AccessTokenPrefix>Token</AccessTokenPrefix>", ("Authorization", "Token stand-in-access-token")),
        ("<AccessToken>request.header.x-token</AccessToken>", ("x-token", "stand-in-access-token")),
    ],
)
async def test_where_nobody_issues_tokens_the_given_one_is_sent(
    tmp_path: Path, more: str, header: tuple[str, str]
) -> None:
    found = await made(tmp_path, {"api": "Verify"}, Verify=VERIFY.format(more=more))
    assert reached_behind(found)
    assert header in {header for case in found.exchanges for header in case.request.headers}


async def test_access_tokens_that_are_json_web_tokens_are_signed(tmp_path: Path) -> None:
    found = await made(tmp_path, {"api": "Verify"}, Verify=JWT)
    assert found.remarks == ()
    assert reached_behind(found)


@pytest.mark.parametrize(
    ("location", "body", "found"),
    [
        ("https://client.example/callback?code=c1&state=s", b"", {"code": "c1"}),
        ("https://client.example/callback#access_token=t1", b"", {"access_token": "t1"}),
        ("", b'{"access_token": "t2"}', {"access_token": "t2"}),
        ("http://[no-address", b'{"access_token": "t3"}', {"access_token": "t3"}),
        ("", b"[1]", {}),
    ],
)
def test_what_is_issued_stands_in_the_body_or_in_the_address(
    location: str, body: bytes, found: dict[str, str]
) -> None:
    assert issued(Response(302, (("Location", location),), body), ("access_token", "code")) == found

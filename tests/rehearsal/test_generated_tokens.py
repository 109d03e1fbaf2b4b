"""Generated tokens: VerifyJWT lets in those that are right, and the recording holds those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.generate.conclusion import Generated
from apiproxy_runtime.rehearsal.generate.explore import generate
from tests.house import mark, proxy, steps, target, write_bundle

SECRET = "a secret that is long enough for HS512, which wants 64 bytes of it, they say"
VERIFY = """<VerifyJWT name="VJ"><Algorithm>{algorithm}</Algorithm>{source}
<SecretKey{encoding}><Value ref="{ref}"/></SecretKey><Issuer>urn://idp</Issuer><Audience>shop,desk</Audience>
<AdditionalClaims><Claim name="role" ref="propertyset.shop.role"/><Claim name="level" type="number">3</Claim>
</AdditionalClaims></VerifyJWT>"""
ASSIGN = f"""<AssignMessage name="AM"><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><AssignVariable><Name>private.secret</Name><Value>{SECRET}</Value></AssignVariable>
<AssignVariable><Name>private.kept</Name><Ref>propertyset.shop.key</Ref></AssignVariable></AssignMessage>"""


async def made(folder: Path, properties: str = "role=clerk", **parts: str) -> Generated:
    values = {"algorithm": "HS256", "source": "", "encoding": "", "ref": "private.secret", **parts}
    path = write_bundle(
        folder,
        "signed",
        {
            "proxies/default.xml": proxy("/s", request=steps("AM", "VJ", "Behind")),
            "targets/default.xml": target("http://up.test"),
            "policies/AM.xml": ASSIGN,
            "policies/VJ.xml": VERIFY.format(**values),
            "policies/Behind.xml": mark("Behind"),
            "resources/properties/shop.properties": properties,
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    return await generate([bundle], Environment(), TestData())


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"algorithm": "HS512"},
        {"source": "<Source>request.queryparam.jwt</Source>"},
        {"source": "<Source>request.header.x-token</Source>", "algorithm": "HS384"},
        {"ref": "private.kept", "properties": f"role=clerk\nkey={SECRET}"},
        {"ref": "private.kept", "encoding": ' encoding="hex"', "properties": f"role=x\nkey={'0af1' * 20}"},
        {"ref": "private.kept", "encoding": ' encoding="base64"', "properties": f"role=x\nkey={'ab+/' * 20}"},
    ],
)  # fmt: skip
async def test_a_token_that_is_right_goes_behind_the_verification(
    tmp_path: Path, parts: dict[str, str]
) -> None:
    found = await made(tmp_path, **parts)
    assert found.remarks == ()
    assert [item.branch.name for item in found.unreached if item.branch.kind == "policy"] == []


async def test_wrong_tokens_are_refused(tmp_path: Path) -> None:
    found = await made(tmp_path)
    refused = {
        case.name.partition(": ")[2].removesuffix(" for VJ"): case.response.status
        for case in found.exchanges
        if case.response is not None and " for VJ" in case.name
    }
    assert list(refused) == [
        "no token",
        "a token that is none",
        "an expired token",
        "a token signed by somebody else",
        "a token of another audience",
        "a token of another issuer",
    ]
    assert all(status == 401 for status in refused.values())


async def test_what_cannot_be_signed_is_told(tmp_path: Path) -> None:
    found = await made(tmp_path, ref="private.nobody.knows")
    assert "tokens for VJ cannot be signed" in found.remarks[0]

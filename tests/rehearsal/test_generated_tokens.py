"""Generated tokens: VerifyJWT lets in those that are right, and the recording holds those that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.rehearsal.generate.conclusion import Generated
from apiproxy_runtime.rehearsal.generate.explore import generate
from apiproxy_runtime.rehearsal.standins.keypair import key_pair, key_set
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for
from tests.house import mark, proxy, steps, target, write_bundle

SECRET = "a secret that is long enough for HS512, which wants 64 bytes of it, they say"
VERIFY = """<VerifyJWT name="VJ"><Algorithm>{algorithm}</Algorithm>{source}
<SecretKey{encoding}><Value ref="{ref}"/></SecretKey><Issuer>urn://idp</Issuer><Audience>shop,desk</Audience>
<AdditionalClaims><Claim name="role" ref="propertyset.shop.role"/><Claim name="level" type="number"{level}</Claim>
</AdditionalClaims></VerifyJWT>"""
ASSIGN = f"""<AssignMessage name="AM"><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables><AssignVariable><Name>private.secret</Name><Value>{SECRET}</Value></AssignVariable>
<AssignVariable><Name>private.kept</Name><Ref>propertyset.shop.key</Ref></AssignVariable></AssignMessage>"""


async def made(folder: Path, properties: str = "role=clerk", **parts: str) -> Generated:
    values = {"algorithm": "HS256", "source": "", "encoding": "", "ref": "private.secret"}
    values |= {"level": ">3", **parts}
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


async def test_a_claim_whose_value_has_another_type_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    found = await made(tmp_path, "role=clerk\nlevel=high", level=' ref="propertyset.shop.level">')
    answers = [case.response.status for case in found.exchanges if case.response is not None]
    assert set(answers) == {401, 404}
    assert "Behind" in {item.branch.name for item in found.unreached if item.branch.kind == "policy"}


async def test_what_cannot_be_signed_is_told(tmp_path: Path) -> None:
    found = await made(tmp_path, ref="private.nobody.knows")
    assert "tokens for VJ cannot be signed" in found.remarks[0]


ASYMMETRIC = """<{kind} name="VJ"><Algorithm>{algorithm}</Algorithm>
<Source>request.header.x-token</Source><PublicKey>{key}</PublicKey></{kind}>"""
#: A key pair that is nobody's here: what is known is public.
FOREIGN = key_pair("RS256", "elsewhere")


async def asymmetric(folder: Path, algorithm: str, key: str, kind: str = "VerifyJWT") -> Generated:
    path = write_bundle(
        folder,
        "signed",
        {
            "proxies/default.xml": proxy("/s", request=steps("KVM", "SC", "VJ", "Behind")),
            "targets/default.xml": target("http://up.test"),
            "policies/KVM.xml": """<KeyValueMapOperations name="KVM"><Get assignTo="private.kept"><Key><Parameter>kept</Parameter></Key>
</Get></KeyValueMapOperations>""",
            "policies/SC.xml": """<ServiceCallout name="SC"><Response>fetched</Response><HTTPTargetConnection>
<URL>http://keys.test/all</URL></HTTPTargetConnection></ServiceCallout>""",
            "policies/VJ.xml": ASYMMETRIC.format(algorithm=algorithm, key=key, kind=kind),
            "policies/Behind.xml": mark("Behind"),
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    made = stand_ins_for([bundle], Environment(), TestData())
    return await generate([bundle], *made.added_to(Environment(), TestData()), key_sets=made.key_sets)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES512"])
@pytest.mark.parametrize(
    "key",
    [
        '<Value ref="private.kept"/>',
        '<Certificate ref="private.kept"/>',
        '<JWKS ref="private.kept"/>',
        '<JWKS uri="https://login.example/keys"/>',
        '<JWKS uriRef="private.kept"/>',
        '<JWKS ref="fetched.content"/>',
    ],
)
async def test_tokens_are_signed_where_the_public_key_can_be_made_up(
    tmp_path: Path, algorithm: str, key: str
) -> None:
    found = await asymmetric(tmp_path, algorithm, key)
    assert found.remarks == ()
    assert [item.branch.name for item in found.unreached if item.branch.kind == "policy"] == []
    signed = [case for case in found.exchanges if case.name.endswith("signed by somebody else for VJ")]
    assert {case.response.status for case in signed if case.response is not None} == {401}


async def test_fetched_keys_are_recorded_with_the_cases_that_fetch_them(tmp_path: Path) -> None:
    found = await asymmetric(tmp_path, "RS256", '<JWKS uri="https://login.example/keys"/>')
    fetched = [
        call
        for case in found.exchanges
        for call in case.calls
        if call.request.url == "https://login.example/keys"
    ]
    assert {call.response.body for call in fetched if call.response is not None} == {
        json.dumps(key_set()).encode()
    }


async def test_payloads_are_signed_for_verify_jws_too(tmp_path: Path) -> None:
    found = await asymmetric(tmp_path, "ES384", '<JWKS ref="private.kept"/>', "VerifyJWS")
    assert [item.branch.name for item in found.unreached if item.branch.kind == "policy"] == []


@pytest.mark.parametrize(
    "key",
    [
        f"<JWKS>{json.dumps({'keys': [FOREIGN.jwk]})}</JWKS>",
        f"<Value>{FOREIGN.public_pem}</Value>",
    ],
)
async def test_against_a_key_whose_owner_is_elsewhere_there_are_wrong_tokens_only(
    tmp_path: Path, key: str
) -> None:
    found = await asymmetric(tmp_path, "RS512", key)
    assert "only wrong tokens are tried" in found.remarks[0]
    refused = {
        case.name.rpartition(": ")[2]: case.response.status
        for case in found.exchanges
        if case.response is not None and " for VJ" in case.name
    }
    assert refused == {"a token that is none for VJ": 401, "a token signed by somebody else for VJ": 401}

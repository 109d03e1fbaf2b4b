"""What is made up for a bundle whose environment lacks what it asks for, a kind at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData, read_test_data
from apiproxy_runtime.rehearsal.standins.asked import StandIns
from apiproxy_runtime.rehearsal.standins.keypair import key_pair, key_set
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for
from tests.house import proxy, steps, target, write_bundle

VERIFY_KEY = '<VerifyAPIKey name="P"><APIKey ref="request.queryparam.apikey"/></VerifyAPIKey>'
QUOTA = """<Quota name="Q"><Allow countRef="verifyapikey.P.apiproduct.developer.quota.limit"/>
<Interval ref="verifyapikey.P.apiproduct.developer.quota.interval"/></Quota>"""
VERIFY_TOKEN = '<OAuthV2 name="P"><Operation>VerifyAccessToken</Operation><Scope>read write</Scope></OAuthV2>'
LOOK_UP = """<KeyValueMapOperations name="P" mapIdentifier="settings"><Scope>{scope}</Scope>{more}
<Get assignTo="{variable}"><Key>{key}</Key></Get></KeyValueMapOperations>"""


def bundle_of(folder: Path, connection: str = "", **policies: str) -> Bundle:
    path = write_bundle(
        folder,
        "asking",
        {
            "proxies/default.xml": proxy("/a", request=steps(*policies)),
            "targets/default.xml": target(connection=connection),
            **{f"policies/{name}.xml": text for name, text in policies.items()},
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    return bundle


def made_for(
    bundle: Bundle, environment: Environment | None = None, data: TestData | None = None
) -> StandIns:
    return stand_ins_for([bundle], environment or Environment(), data or TestData())


def look_up(key: str, variable: str = "private.found", scope: str = "environment", more: str = "") -> str:
    return LOOK_UP.format(key=key, variable=variable, scope=scope, more=more)


def entries(made: StandIns) -> dict[str, str]:
    return {
        name: value
        for table in made.documents.get("maps.json", ())
        for name, value in table["entries"].items()
    }


def test_a_bundle_that_asks_for_nothing_gets_nothing(tmp_path: Path) -> None:
    assert not made_for(bundle_of(tmp_path))


def test_who_verifies_keys_gets_an_app_whose_product_has_the_proxy(tmp_path: Path) -> None:
    _, data = made_for(bundle_of(tmp_path, P=VERIFY_KEY)).added_to(Environment(), TestData())
    (product,), (app,) = data.products, data.apps
    assert product.proxies == ("asking",)
    assert product.quota is None
    assert app.credentials[0].consumer_key == "stand-in-key"
    assert app.developer == data.developers[0].email


def test_a_quota_that_the_product_sets_is_set(tmp_path: Path) -> None:
    _, data = made_for(bundle_of(tmp_path, P=VERIFY_KEY, Q=QUOTA)).added_to(Environment(), TestData())
    quota = data.products[0].quota
    assert quota is not None
    assert (quota.limit, quota.interval, quota.time_unit) == (20, 1, "minute")


def test_who_verifies_tokens_gets_one_for_all_scopes(tmp_path: Path) -> None:
    _, data = made_for(bundle_of(tmp_path, P=VERIFY_TOKEN)).added_to(Environment(), TestData())
    assert data.products[0].scopes == ("read", "write")
    assert [(token.value, token.consumer_key) for token in data.tokens] == [
        ("stand-in-access-token", "stand-in-key")
    ]


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        (look_up("<Parameter>currency</Parameter>"), ["currency"]),
        (look_up("<Parameter>a</Parameter><Parameter ref='environment.name'/>"), ["a__test"]),
        (look_up("<Parameter ref='request.header.x-region'/>"), ["stand-in"]),
        (look_up("<Parameter ref='nobody.knows'/>"), []),
        (look_up("<Parameter>p</Parameter>", scope="policy"), []),
        (look_up("<Parameter>w</Parameter>", more="<Put><Key><Parameter>w</Parameter></Key><Value>1</Value></Put>"), []),
        (
            look_up(
                "<Parameter>i</Parameter>",
                more="<InitialEntries><Entry><Key><Parameter>i</Parameter></Key><Value>1</Value></Entry></InitialEntries>",
            ),
            [],
        ),
    ],
    ids=["literal", "variable", "request", "unknown", "of a policy", "written by the bundle", "initial"],
)  # fmt: skip
def test_entries_that_are_read_are_made_where_their_names_are_known(
    tmp_path: Path, policy: str, keys: list[str]
) -> None:
    assert list(entries(made_for(bundle_of(tmp_path, P=policy)))) == keys


@pytest.mark.parametrize("scope", ["environment", "organization", "apiproxy"])
def test_entries_are_made_in_the_scope_that_is_read(tmp_path: Path, scope: str) -> None:
    made = made_for(bundle_of(tmp_path, P=look_up("<Parameter>k</Parameter>", scope=scope)))
    _, data = made.added_to(Environment(), TestData())
    assert [(table.scope, table.api_proxy) for table in data.maps] == [
        (scope, "asking" if scope == "apiproxy" else None)
    ]


USES: dict[str, tuple[str, Any]] = {
    "public key": (
        '<VerifyJWT name="Q"><Algorithm>RS256</Algorithm><PublicKey><Value ref="private.found"/></PublicKey></VerifyJWT>',
        key_pair("RS256").public_pem,
    ),
    "certificate": (
        '<VerifyJWT name="Q"><Algorithm>ES256</Algorithm><PublicKey><Certificate ref="private.found"/></PublicKey></VerifyJWT>',
        key_pair("ES256").certificate,
    ),
    "key set": (
        '<VerifyJWT name="Q"><Algorithm>RS256</Algorithm><PublicKey><JWKS ref="private.found"/></PublicKey></VerifyJWT>',
        json.dumps(key_set()),
    ),
    "private key": (
        '<GenerateJWT name="Q"><Algorithm>RS256</Algorithm><PrivateKey><Value ref="private.found"/></PrivateKey></GenerateJWT>',
        key_pair("RS256").private_pem,
    ),
    "number in a token": (
        '<VerifyJWT name="Q"><AdditionalClaims><Claim name="level" type="number" ref="private.found"/></AdditionalClaims></VerifyJWT>',
        "1",
    ),
    "limit": ('<Quota name="Q"><Allow countRef="private.found"/></Quota>', "1000"),
    "rate": ('<SpikeArrest name="Q"><Rate ref="private.found"/></SpikeArrest>', "100ps"),
    "address": (
        '<ServiceCallout name="Q"><HTTPTargetConnection><URL>{private.found}/x</URL></HTTPTargetConnection></ServiceCallout>',
        "https://k.example",
    ),
    "host": (
        '<ServiceCallout name="Q"><HTTPTargetConnection><URL>https://{private.found}/x</URL></HTTPTargetConnection>'
        "</ServiceCallout>",
        "k.example",
    ),
    "by another name": (
        '<AssignMessage name="Q"><AssignVariable><Name>target.url</Name><Ref>private.found</Ref></AssignVariable></AssignMessage>',
        "https://k.example",
    ),
    "nothing special": ('<AssignMessage name="Q"/>', "stand-in-k"),
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_a_value_is_made_for_what_the_bundle_does_with_it(tmp_path: Path, use: str) -> None:
    policy, value = USES[use]
    made = made_for(bundle_of(tmp_path, P=look_up("<Parameter>k</Parameter>"), Q=policy))
    assert entries(made) == {"k": value}


def test_a_secret_is_long_enough_and_right_in_every_encoding(tmp_path: Path) -> None:
    policy = '<VerifyJWT name="Q"><Algorithm>HS512</Algorithm><SecretKey><Value ref="private.found"/></SecretKey></VerifyJWT>'
    value = entries(made_for(bundle_of(tmp_path, P=look_up("<Parameter>k</Parameter>"), Q=policy)))["k"]
    assert len(bytes.fromhex(value)) == 64


def test_what_conditions_ask_for_is_so(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "asking",
        {
            "proxies/default.xml": proxy(
                "/a", request=steps("P", Q='found.mode = "strict" and found != null')
            ),
            "targets/default.xml": target(),
            "policies/P.xml": look_up("<Parameter>mode</Parameter>", "found.mode"),
            "policies/Q.xml": '<AssignMessage name="Q"/>',
        },
    )
    bundle = read_bundle(path, Findings())
    assert bundle is not None
    assert entries(made_for(bundle)) == {"mode": "strict"}


def test_property_sets_that_nobody_has_are_made(tmp_path: Path) -> None:
    policy = """<AssignMessage name="P"><AssignVariable><Name>a</Name><Ref>propertyset.shop.currency</Ref></AssignVariable>
<AssignVariable><Name>b</Name><Template>{propertyset.shop.rate.eur} {propertyset.there.x}</Template></AssignVariable></AssignMessage>"""
    there = Environment(property_sets={"there": {}})
    made = made_for(bundle_of(tmp_path, P=policy), there)
    assert made.properties == {"shop": {"currency": "stand-in-currency", "rate.eur": "stand-in-rate.eur"}}


def test_target_servers_that_nobody_has_are_made(tmp_path: Path) -> None:
    connection = '<LoadBalancer><Server name="Stock_1"/><Server name="Stock_2"/></LoadBalancer>'
    callout = (
        '<ExternalCallout name="P"><GrpcConnection><Server name="rater"/></GrpcConnection></ExternalCallout>'
    )
    made = made_for(bundle_of(tmp_path, connection, P=callout))
    environment, _ = made.added_to(Environment(), TestData())
    assert [
        (server.host, server.port, server.protocol) for server in environment.target_servers.values()
    ] == [
        ("stock-1.example", 80, "HTTP"),
        ("stock-2.example", 80, "HTTP"),
        ("rater.example", 443, "GRPC"),
    ]


def test_what_the_environment_has_is_left_as_it_is(tmp_path: Path) -> None:
    files = {
        "products": [{"name": "gold", "proxies": ["asking"]}],
        "developers": [{"email": "a@b.c"}],
        "developerapps": [
            {
                "name": "shop",
                "developerEmail": "a@b.c",
                "apiProducts": ["gold"],
                "credentials": [{"consumerKey": "k", "consumerSecret": "s"}],
            }
        ],
        "accesstokens": [{"token": "t", "consumerKey": "k"}],
        "maps": [{"name": "settings", "scope": "environment", "entries": {"other": "1"}}],
    }
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    data = read_test_data(tmp_path, Findings())
    bundle = bundle_of(tmp_path, P=look_up("<Parameter>k</Parameter>"), Q=VERIFY_TOKEN.replace('"P"', '"Q"'))
    assert not made_for(bundle, data=data)


def test_an_app_for_other_proxies_is_none(tmp_path: Path) -> None:
    files = {
        "products": [{"name": "gold", "proxies": ["another"]}],
        "developers": [{"email": "a@b.c"}],
        "developerapps": [
            {"name": "s", "developerEmail": "a@b.c", "apiProducts": ["gold"], "credentials": [{"consumerKey": "k"}]}
        ],
    }  # fmt: skip
    for name, value in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value))
    data = read_test_data(tmp_path, Findings())
    made = made_for(bundle_of(tmp_path, P=VERIFY_KEY), data=data)
    assert [app.name for app in made.added_to(Environment(), data)[1].apps] == ["s", "stand-in"]


def test_the_same_bundle_gets_the_same(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, P=look_up("<Parameter>k</Parameter>"), Q=USES["key set"][0], R=VERIFY_KEY)
    assert made_for(bundle) == made_for(bundle)

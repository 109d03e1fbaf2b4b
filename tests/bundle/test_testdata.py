from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.bundle.archive import ZipSource
from apiproxy_runtime.bundle.discover import discover
from apiproxy_runtime.bundle.environment import read_environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.product import (
    GraphQLOperation,
    LLMOperation,
    Operation,
    OperationConfig,
    ProductQuota,
)
from apiproxy_runtime.bundle.testdata import TestData, describe, read_test_data

Files = dict[str, str | bytes]
Write = Callable[[Files], Path]
FOLDER = "src/tests/sample"


def read(write: Write, **files: object) -> tuple[TestData, Findings]:
    """Each value is the content of NAME.json: text as it is, anything else as JSON."""
    findings = Findings()
    root = write(
        {
            f"{FOLDER}/{name}.json": value if isinstance(value, str) else json.dumps(value)
            for name, value in files.items()
        }
        | {"src/main/apigee/environments/test/targetservers.json": "[]"}
    )
    return read_test_data(root, findings), findings


def test_a_product_with_proxies_and_paths(write: Write) -> None:
    data, findings = read(
        write,
        products=[
            {
                "name": "gold",
                "displayName": "Gold",
                "approvalType": "manual",
                "environments": ["test"],
                "proxies": ["orders"],
                "apiResources": ["/", "/**"],
                "scopes": ["read", ""],
                "quota": "100",
                "quotaInterval": "2",
                "quotaTimeUnit": "minute",
                "attributes": [{"name": "access", "value": "public"}, {"name": "n", "value": 5}],
            },
            {"name": "plain", "quota": "", "quotaInterval": None, "attributes": {"a": "b"}},
        ],
    )
    assert list(findings) == []
    gold, plain = data.products
    assert (gold.display_name, gold.approval_type, gold.environments) == ("Gold", "manual", ("test",))
    assert (gold.proxies, gold.api_resources, gold.scopes) == (("orders",), ("/", "/**"), ("read",))
    assert gold.quota == ProductQuota(100, 2, "minute")
    assert gold.attributes == {"access": "public", "n": "5"}
    assert (plain.display_name, plain.quota, plain.operation_group) == ("plain", None, None)
    assert plain.attributes == {"a": "b"}


def test_operation_groups_of_every_kind(write: Write) -> None:
    quota = {"limit": "5", "interval": "1", "timeUnit": "hour"}
    data, findings = read(
        write,
        products=[
            {
                "name": "p",
                "operationGroup": {
                    "operationConfigType": "proxy",
                    "operationConfigs": [
                        {
                            "apiSource": "orders",
                            "operations": [{"resource": "/*/a", "methods": ["GET"]}, {"resource": "/"}],
                            "quota": quota,
                            "attributes": [{"name": "tier", "value": "x"}],
                        },
                        {"apiSource": "other", "operations": [], "quota": {}},
                    ],
                },
                "llmOperationGroup": {
                    "operationConfigs": [
                        {
                            "apiSource": "llm",
                            "llmOperations": [{"resource": "/chat", "methods": ["POST"], "model": "small"}],
                            "llmTokenQuota": quota,
                        }
                    ]
                },
                "graphqlOperationGroup": {
                    "operationConfigs": [
                        {"apiSource": "g", "operations": [{"operation": "q", "operationTypes": ["QUERY"]}]}
                    ]
                },
                "grpcOperationGroup": {
                    "operationConfigs": [{"apiSource": "r", "service": "pkg.Svc", "methods": ["Do"]}]
                },
                "payloadOperationGroup": {
                    "operationConfigs": [{"apiSource": "m", "operations": [{"operation": "tools/list"}]}]
                },
            }
        ],
    )
    assert list(findings) == []
    (product,) = data.products
    hourly = ProductQuota(5, 1, "hour")
    assert product.operation_group == (
        OperationConfig("orders", (Operation("/*/a", ("GET",)), Operation("/", ())), hourly, {"tier": "x"}),
        OperationConfig("other", (), None, {}),
    )
    assert product.llm_operation_group is not None
    assert product.llm_operation_group[0].operations == (LLMOperation("/chat", ("POST",), "small"),)
    assert product.llm_operation_group[0].token_quota == hourly
    assert product.graphql_operation_group is not None
    assert product.graphql_operation_group[0].operations == (GraphQLOperation("q", ("QUERY",)),)
    assert product.grpc_operation_group is not None
    assert (product.grpc_operation_group[0].service, product.grpc_operation_group[0].methods) == (
        "pkg.Svc",
        ("Do",),
    )
    assert product.payload_operation_group is not None
    assert product.payload_operation_group[0].operations == ("tools/list",)


def test_developers_and_apps_keep_their_credentials_exactly(write: Write) -> None:
    data, findings = read(
        write,
        products=[{"name": "gold"}, {"name": "silver"}],
        developers=[
            {
                "email": "a@b.c",
                "firstName": "A",
                "userName": "ab",
                "attributes": [{"name": "x", "value": "y"}],
            }
        ],
        developerapps=[
            {
                "name": "app",
                "developerEmail": "a@b.c",
                "apiProducts": ["gold", "silver"],
                "callbackUrl": "https://app.example.com",
                "scopes": ["read"],
                "attributes": [{"name": "k", "value": "v"}],
                "credentials": [
                    {
                        "consumerKey": "key 1",
                        "consumerSecret": " s ",
                        "status": "revoked",
                        "issuedAt": "1700000000000",
                        "expiresAt": 1800000000000,
                        "apiProducts": [{"apiproduct": "gold", "status": "pending"}, "silver"],
                        "scopes": [],
                    },
                    {"consumerKey": "key2", "consumerSecret": "s2"},
                ],
            },
            {"name": "fresh", "developerEmail": "a@b.c", "apiProducts": "gold", "status": "Approved"},
        ],
    )
    assert list(findings) == []
    (developer,) = data.developers
    assert (developer.first_name, developer.user_name, developer.status) == ("A", "ab", "active")
    assert developer.attributes == {"x": "y"}
    app, fresh = data.apps
    assert (app.developer, app.api_products, app.status) == ("a@b.c", ("gold", "silver"), "approved")
    first, second = app.credentials
    assert (first.consumer_key, first.consumer_secret, first.status) == ("key 1", " s ", "revoked")
    assert (first.issued_at, first.expires_at) == (1_700_000_000_000, 1_800_000_000_000)
    assert [(p.name, p.status) for p in first.api_products] == [("gold", "pending"), ("silver", "approved")]
    assert first.scopes == ()
    assert (second.status, second.issued_at, second.expires_at, second.scopes) == (
        "approved",
        0,
        -1,
        ("read",),
    )
    assert [(p.name, p.status) for p in second.api_products] == [("gold", "approved"), ("silver", "approved")]
    assert (fresh.credentials, fresh.api_products, fresh.status) == ((), ("gold",), "approved")


def test_apps_may_be_grouped_by_developer(write: Write) -> None:
    data, findings = read(
        write,
        developers=[{"email": "a@b.c"}],
        developerapps={"a@b.c": [{"name": "app", "apiProducts": []}]},
    )
    assert list(findings) == []
    assert [(app.name, app.developer) for app in data.apps] == [("app", "a@b.c")]


def test_maps_in_both_forms_and_every_scope(write: Write) -> None:
    data, findings = read(
        write,
        maps=[
            {"name": "m", "entries": {"k": "v", "n": 1, "t": True, "e": ""}},
            {
                "name": "o",
                "scope": "organization",
                "encrypted": "true",
                "entry": [{"name": "k", "value": "v"}],
            },
            {"name": "p", "scope": "apiproxy", "apiproxy": "orders", "entries": {}},
            {"name": "q", "environment": "prod", "entries": {"/": "slash"}},
        ],
        kvms=[{"name": "k", "entry": [{"name": "a", "value": "1"}]}],
    )
    assert list(findings) == []
    found = {map_.name: map_ for map_ in data.maps}
    assert found["m"].entries == {"k": "v", "n": "1", "t": "true", "e": ""}
    assert (found["o"].scope, found["o"].encrypted, found["o"].entries) == ("organization", True, {"k": "v"})
    assert (found["p"].scope, found["p"].api_proxy, found["m"].api_proxy) == ("apiproxy", "orders", None)
    assert (found["q"].environments, found["q"].entries) == (("prod",), {"/": "slash"})
    assert found["k"].entries == {"a": "1"}


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("products", '[\n{"displayName": "x"}]', 2, "the product has no 'name'"),
        ("products", '[{"name": "p",\n"quota": "many"}]', 2, 'must be a whole number, not "many"'),
        ("products", '[{"name": "p", "quota": 1,\n"quotaTimeUnit": "fortnight"}]', 2, "must be a unit of time"),
        ("products", '[{"name": "p", "operationGroup": {"operationConfigs": [\n{}]}}]', 2, "has no 'apiSource'"),
        ("products", '[{"name": "p",\n"proxies": {"a": 1}}]', 2, "must be a list, not an object"),
        ("products", '[{"name": "p", "attributes": [\n{"value": 1}]}]', 2, "has no 'name'"),
        ("developers", '[\n{"firstName": "x"}]', 2, "the developer has no 'email'"),
        ("developerapps", '[{"name": "a", "credentials": [\n{"consumerSecret": "s"}]}]', 2, "has no 'consumerKey'"),
        ("developerapps", '[{"name": "a", "credentials": [{"consumerKey": "k",\n"expiresAt": "never"}]}]', 2,
         'must be a whole number, not "never"'),
        ("developerapps", '[{"name": "a", "credentials": [{"consumerKey": "k"}]},\n'
         '{"name": "b", "credentials": [\n{"consumerKey": "k"}]}]', 3, "have the same consumerKey"),
        ("maps", '[{"name": "m", "entries":\n{"k": {"a": 1}}}]', 2, "must be a text, not an object"),
        ("maps", '[{"name": "m", "entries": [\n"k"]}]', 2, "must be an object, not a text"),
        ("maps", '[\n{"name": "m", "scope": "apiproxy"}]', 2, "names no proxy"),
        ("maps", '{\n"m": {"k": "v"}}', 1, "must hold a list, not an object"),
        ("maps", "[\n", 2, "not readable as JSON"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_an_error_at_its_line(
    write: Write, name: str, text: str, line: int, message: str
) -> None:
    _, findings = read(write, **{name: text})
    assert [(finding.file, finding.line) for finding in findings.errors] == [(f"{FOLDER}/{name}.json", line)]
    assert message in str(findings.errors[0])


def test_names_that_lead_nowhere_are_warnings(write: Write) -> None:
    _, findings = read(
        write,
        products=[{"name": "gold"}, {"name": "gold"}, {"name": "both", "proxies": ["a"],
                   "operationGroup": {"operationConfigs": [{"apiSource": "a"}]}}],
        developerapps=[{"name": "app", "developerEmail": "x@y.z", "apiProducts": ["golden"]}],
        maps=[{"name": "m", "scope": "galaxy"}],
    )  # fmt: skip
    assert findings.ok
    assert sorted(finding.name for finding in findings) == [
        "DuplicateName",
        "InvalidOperationGroup",
        "InvalidValue",
        "UnknownDeveloper",
        "UnknownProduct",
    ]


@pytest.mark.parametrize(
    "file",
    [
        "src/tests/one/products.json",
        "src/tests/products.json",
        "tests/products.json",
        "tests/two/products.json",
    ],
)
def test_where_test_data_is_looked_for(write: Write, file: str) -> None:
    root = write({file: '[{"name": "p"}]', "src/main/apigee/environments/test/x.json": "[]"})
    findings = Findings()
    for place in (root, root / "src/main/apigee"):
        data = read_test_data(place, findings)
        assert [(product.name, product.place.file) for product in data.products] == [("p", file)]


def test_a_flat_folder_as_the_emulators_test_zip_has_it(write: Write) -> None:
    root = write({"maps.json": '[{"name": "m", "entries": {}}]', "datacollectors.json": "[]"})
    assert [map_.name for map_ in read_test_data(root, Findings()).maps] == ["m"]


def test_maps_beside_the_environment_count_for_it(write: Write) -> None:
    environments = "src/main/apigee/environments"
    root = write(
        {
            f"{environments}/test/kvms.json": '[{"name": "t", "entry": []}]',
            f"{environments}/prod/maps.json": '[{"name": "p", "entries": {}}]',
        }
    )
    assert [map_.name for map_ in read_test_data(root, Findings(), "test").maps] == ["t"]


def test_what_was_found_is_listed_with_its_files(write: Write) -> None:
    findings = Findings()
    root = write(
        {
            "src/main/apigee/environments/test/targetservers.json": '[{"name": "a", "host": "a"}, {"name": "b", "host": "b"}]',
            "src/tests/x/products.json": json.dumps([{"name": f"p{i}"} for i in range(10)]),
            "src/tests/x/developers.json": '[{"email": "a@b.c"}]',
        }
    )
    lines = describe(read_environment(root, None, findings), read_test_data(root, findings))
    assert lines == [
        "src/main/apigee/environments/test/targetservers.json: 2 target servers: a, b",
        "src/tests/x/developers.json: 1 developer: a@b.c",
        "src/tests/x/products.json: 10 products: p0, p1, p2, p3, p4, p5, p6, p7, … 2 more",
    ]


_KEYS = st.sampled_from(
    ["name", "host", "port", "isEnabled", "sSLInfo", "commonName", "proxies", "sharedflows", "PreProxyFlowHook",
     "sharedFlow", "aliases", "alias", "cert", "certFile", "keyFile", "expirySettings", "values", "timeoutInSec",
     "value", "variables", "namespaces", "quota", "quotaTimeUnit", "attributes", "attribute", "operationGroup",
     "operationConfigs", "apiSource", "operations", "llmOperationGroup", "email", "a@b.c", "apiProducts",
     "credentials", "consumerKey", "expiresAt", "scope", "entries", "entry", "scopes"]
)  # fmt: skip
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "true", "443"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=15,
)
_FILES = [
    *(
        f"src/main/apigee/environments/test/{name}.json"
        for name in (
            "targetservers",
            "flowhooks",
            "keystores",
            "caches",
            "debugmask",
            "datacollectors",
            "references",
        )
    ),
    "src/main/apigee/environments/test/deployments.json",
    *(f"src/tests/x/{name}.json" for name in ("products", "developers", "developerapps", "maps")),
]


@settings(max_examples=150, deadline=None)
@given(st.lists(_VALUES, min_size=len(_FILES), max_size=len(_FILES)))
def test_no_json_whatsoever_raises(values: list[object]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, value in zip(_FILES, values, strict=True):
            archive.writestr(file, json.dumps(value))
    source = ZipSource(buffer.getvalue(), "x.zip")
    findings = Findings()
    environment = read_environment(source, None, findings)
    data = read_test_data(source, findings)
    discover([source], findings)
    assert describe(environment, data) is not None
    assert {finding.file for finding in findings} <= set(_FILES)


def test_access_tokens_that_are_given(write: Write) -> None:
    apps = [{"name": "shop", "developerEmail": "a@b.c", "credentials": [{"consumerKey": "k"}]}]
    developers = [{"email": "a@b.c"}]
    data, findings = read(
        write,
        developers=developers,
        developerapps=apps,
        accesstokens=[
            {"token": "t-1", "consumerKey": "k", "scopes": ["read"], "attributes": {"tenant": "x"}},
            {"token": "t-2", "consumerKey": "K"},
            {"token": "t-1", "consumerKey": "k"},
            {"token": "t-3"},
        ],
    )
    assert [(token.value, token.scopes, token.expires_at) for token in data.tokens] == [
        ("t-1", ("read",), -1),
        ("t-2", (), -1),
    ]
    assert data.tokens[0].attributes == {"tenant": "x"}
    assert [finding.name for finding in findings.items] == ["DuplicateName", "MissingName", "UnknownKey"]

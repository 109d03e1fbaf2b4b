"""AccessEntity: profiles of what is known, in XML and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from lxml import etree

from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.state.tokens import Code, RequestToken, Tokens
from apiproxy_runtime.world import FrozenWorld
from tests.consumers import DEVELOPER, app, data
from tests.policies.kit import (
    SlowStore,
    compile_policy,
    context,
    deploy_errors,
    findings_of,
    load,
    read,
    run,
    services,
)

CONFIGS = [
    {
        "apiSource": "test-proxy",
        "operations": [{"resource": "/ops", "methods": ["GET", "PUT"]}],
        "attributes": [{"name": "hub_api", "value": "a1"}],
    }
]


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest) -> Services:
    products = [
        {
            "name": "gold",
            "proxies": ["test-proxy"],
            "apiResources": ["/users/**"],
            "scopes": ["read"],
            "attributes": [{"name": "tier", "value": "<1>"}],
        },
        {"name": "ops", "operationGroup": {"operationConfigs": CONFIGS}},
    ]
    apps = [
        app(
            "gold",
            "ops",
            appId="app-1",
            callbackUrl="https://a/?b&c",
            attributes=[{"name": "colour", "value": "blue"}],
        ),
        {**app("gold", key="k2"), "name": "same", "appId": "app-2", "developerEmail": "eve@example.com"},
        {**app("ops", key="k3"), "name": "same", "appId": "app-3"},
    ]
    developers = [DEVELOPER, {"email": "eve@example.com", "developerId": "dev-2"}]
    return services(test_data=data(products, apps, developers), store=request.param(FrozenWorld(now=1000.0)))


def policy(kind: str, by: str, narrow: str = "", body: str = "") -> str:
    second = f'<SecondaryIdentifier ref="second" type="{narrow}"/>' if narrow else ""
    return (
        f'<AccessEntity name="AE"><EntityType value="{kind}"/><EntityIdentifier ref="first" type="{by}"/>'
        f"{second}{body}</AccessEntity>"
    )


async def fetch(using: Services, xml: str, first: str = "", second: str = "") -> Any:
    values: Mapping[str, str] = {"first": first, "second": second}
    return read(await run(compile_policy(xml, using=using), context(variables=values)), "AccessEntity.AE")


async def document(using: Services, xml: str, first: str, second: str = "") -> etree._Element:
    return etree.fromstring((await fetch(using, xml, first, second)).encode())


async def test_app_with_its_credentials(using: Services) -> None:
    root = await document(using, policy("app", "consumerkey"), "k")
    assert (root.tag, root.get("name")) == ("App", "app")
    expected = {
        "AppId": "app-1",
        "CallbackUrl": "https://a/?b&c",
        "DeveloperId": "dev-1",
        "Status": "approved",
        "Credentials/Credential/ConsumerKey": "k",
        "Credentials/Credential/ConsumerSecret": "s",
        "Credentials/Credential/Status": "approved",
        "Credentials/Credential/ApiProducts/ApiProduct/Name": "gold",
        "Credentials/Credential/ApiProducts/ApiProduct/Status": "approved",
        "Attributes/Attribute/Name": "colour",
        "Attributes/Attribute/Value": "blue",
        "CreatedAt": "0",
    }
    assert {path: root.findtext(path) for path in expected} == expected
    assert [node.text for node in root.findall("ApiProducts/ApiProduct")] == ["gold", "ops"]


async def test_product_with_what_it_covers(using: Services) -> None:
    root = await document(using, policy("apiproduct", "apiproductname"), "gold")
    assert (root.tag, root.get("name")) == ("ApiProduct", "gold")
    assert root.findtext("ApiResources/ApiResource") == "/users/**"
    assert root.findtext("Proxies/Proxy") == "test-proxy"
    assert root.findtext("Scopes/Scope") == "read"
    assert root.xpath("string(Attributes/Attribute[Name='tier']/Value)") == "<1>"


async def test_operations_are_named_as_public_bundles_look_them_up(using: Services) -> None:
    root = await document(using, policy("apiproduct", "apiproductname"), "ops")
    config = "/ApiProduct/OperationGroup/operationConfigs"
    assert root.xpath(f"string({config}/attributes[Name='hub_api' and Value='a1']/Value)") == "a1"
    assert root.xpath(f"string({config}/operations/resource)") == "/ops"
    assert root.xpath(f"count({config}/operations/methods)") == 2.0


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("consumerkey", "k"),
        ("appid", "app-1"),
        ("developeremail", "ada@example.com"),
        ("developerid", "dev-1"),
    ],
)
async def test_developer(using: Services, by: str, value: str) -> None:
    root = await document(using, policy("developer", by), value)
    expected = {
        "Email": "ada@example.com",
        "DeveloperId": "dev-1",
        "FirstName": "Ada",
        "OrganizationName": "hybrid",
        "Status": "active",
    }
    assert {path: root.findtext(path) for path in expected} == expected
    assert [node.text for node in root.findall("Apps/App")] == ["app", "same"]


async def test_key_and_its_scopes(using: Services) -> None:
    root = await document(using, policy("consumerkey", "consumerkey"), "k")
    assert (root.tag, root.findtext("ConsumerKey")) == ("Credential", "k")
    root = await document(using, policy("consumerkey_scope", "consumerkey"), "k")
    assert [node.text for node in root.findall("Scope")] == ["read"]


@pytest.mark.parametrize(
    ("xml", "first", "second", "name"),
    [
        (policy("app", "appname"), "same", "", "app-2"),
        (policy("app", "appname", "developeremail"), "same", "ada@example.com", "app-3"),
        (policy("app", "appname", "developerid"), "same", "hybrid@@@dev-1", "app-3"),
        (policy("app", "appid"), "app-3", "", "app-3"),
    ],
)
async def test_second_identifier_narrows_apps(
    using: Services, xml: str, first: str, second: str, name: str
) -> None:
    assert (await document(using, xml, first, second)).findtext("AppId") == name


@pytest.mark.parametrize(
    ("xml", "first", "second", "name"),
    [
        (policy("apiproduct", "consumerkey"), "k", "", "gold"),
        (policy("apiproduct", "consumerkey", "apiresource"), "k", "/ops", "ops"),
        (policy("apiproduct", "appid", "apiresource"), "app-1", "/users/7", "gold"),
        (policy("apiproduct", "appname", "developeremail"), "same", "ada@example.com", "ops"),
    ],
)
async def test_products_of_keys_and_apps(
    using: Services, xml: str, first: str, second: str, name: str
) -> None:
    assert (await document(using, xml, first, second)).get("name") == name


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("app", "consumerkey"),
        ("app", "appid"),
        ("app", "appname"),
        ("apiproduct", "apiproductname"),
        ("apiproduct", "consumerkey"),
        ("developer", "developeremail"),
        ("consumerkey", "consumerkey"),
        ("consumerkey_scope", "consumerkey"),
        ("authorizationcode", "authorizationcode"),
        ("requesttoken", "requesttoken"),
        ("verifier", "verifier"),
        ("appgroupname", "appid"),
    ],
)
async def test_what_is_not_there_leaves_the_variable_unset(using: Services, kind: str, by: str) -> None:
    for value in ("nobody", ""):
        assert await fetch(using, policy(kind, by), value) is None


async def test_first_pair_of_identifiers_that_finds_something_counts(using: Services) -> None:
    pairs = "".join(
        f'<Identifier><EntityIdentifier ref="{ref}" type="consumerkey"/></Identifier>'
        for ref in ("second", "first")
    )
    xml = (
        f'<AccessEntity name="AE"><EntityType value="app"/><Identifiers>{pairs}</Identifiers></AccessEntity>'
    )
    assert (await document(using, xml, "k", "nobody")).findtext("AppId") == "app-1"


async def test_json(using: Services) -> None:
    xml = policy("app", "consumerkey", body="<OutputFormat>JSON</OutputFormat>")
    found = json.loads(await fetch(using, xml, "k"))["App"]
    assert (found["name"], found["AppId"]) == ("app", "app-1")
    assert found["Attributes"] == [{"Name": "colour", "Value": "blue"}]
    assert found["Credentials"][0]["ApiProducts"][0] == {"Name": "gold", "Status": "approved"}


async def test_codes_and_request_tokens(using: Services) -> None:
    tokens = Tokens(using.store, "hybrid")
    await settled(tokens.codes.put(Code(value="c", client_id="k", app_id="app-1", issued_at=1, scope="a b")))
    token = RequestToken(value="r", client_id="k", app_id="app-1", issued_at=1, secret="x", verifier="v")
    await settled(tokens.version_one.put(token))
    mark = RequestToken(
        value="v", client_id="k", app_id="app-1", issued_at=1, secret="", attributes={"request_token": "r"}
    )
    await settled(tokens.verifiers.put(mark))
    code = await document(using, policy("authorizationcode", "authorizationcode"), "c")
    assert [node.text for node in code.findall("Scopes/Scope")] == ["a", "b"]
    xml = policy("requesttoken", "requesttoken", "consumerkey")
    assert (await document(using, xml, "r", "k")).findtext("Verifier") == "v"
    assert await fetch(using, xml, "r", "k2") is None
    assert (await document(using, policy("verifier", "verifier"), "v")).findtext("RequestToken") == "r"


async def test_extract_variables_reads_the_document(using: Services) -> None:
    extract = compile_policy(
        '<ExtractVariables name="EV"><Source>AccessEntity.AE</Source><VariablePrefix>dev</VariablePrefix>'
        '<XMLPayload><Variable name="email" type="string"><XPath>/Developer/Email</XPath></Variable></XMLPayload>'
        "</ExtractVariables>",
        using=using,
    )
    ctx = context(variables={"first": "k"})
    await run(compile_policy(policy("developer", "consumerkey"), using=using), ctx)
    assert read(await run(extract, ctx), "dev.email") == "ada@example.com"


def test_declaration() -> None:
    assert deploy_errors(policy("apiproduct", "appid")) == []
    assert deploy_errors(policy("planet", "appid")) == ["InvalidEntityType"]
    (finding,) = findings_of(policy("planet", "appid"))
    assert finding.message == "Invalid type planet in ACCESSENTITYStepDefinition AE"
    for xml in (policy("app", "developerid"), policy("app", "consumerkey", "developerid")):
        assert [(found.severity, found.name) for found in findings_of(xml)] == [
            ("warning", "InvalidIdentifierType")
        ]
    example, _ = load(policy("app", "appid"))
    assert deploy_errors(type(example).example) == []

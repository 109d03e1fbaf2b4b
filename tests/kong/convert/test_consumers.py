"""Apps become consumers, products acl groups: the same keys open the same doors."""

import json

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import read_test_data
from tests.kong.convert.converted import accepted, beside, converted, document, simple

KEY = '<VerifyAPIKey name="P"><APIKey ref="request.header.x-key"/></VerifyAPIKey>'
OPERATIONS = {
    "operationConfigs": [
        {
            "apiSource": "p",
            "operations": [
                {"resource": "/books/*", "methods": ["GET"]},
                {"resource": "/search", "methods": []},
            ],
        }
    ]
}
PRODUCTS = [
    {"name": "all", "proxies": ["p"], "apiResources": []},
    {"name": "reading", "operationGroup": OPERATIONS},
    {"name": "other", "proxies": ["q"], "apiResources": ["/"]},
]


def app(name, product, status="approved", key="approved"):
    credential = {
        "consumerKey": f"key-{name}",
        "apiProducts": [{"apiproduct": product, "status": "approved"}],
    }
    return {
        "name": name,
        "developerEmail": "ada@example.com",
        "status": status,
        "credentials": [{"status": key, **credential}],
    }


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    apps = [
        app("everything", "all"),
        app("reader", "reading"),
        app("stranger", "other"),
        app("pending", "all", status="pending"),
        app("revoked", "all", key="revoked"),
    ]
    (folder / "products.json").write_text(json.dumps(PRODUCTS))
    (folder / "developers.json").write_text(json.dumps([{"email": "ada@example.com", "developerId": "d"}]))
    (folder / "developerapps.json").write_text(json.dumps(apps))
    findings = Findings()
    found = read_test_data(folder, findings)
    assert findings.ok, list(findings)
    return found


async def test_the_same_keys_open_the_same_doors(tmp_path, data):
    async with beside(tmp_path, simple(tmp_path, "p", KEY), test_data=data) as both:
        for method, path in (
            ("GET", "/books/7"),
            ("DELETE", "/books/7"),
            ("GET", "/books/7/pages"),
            ("POST", "/search"),
            ("GET", "/search/"),
            ("GET", "/"),
        ):
            for key in ("", "everything", "reader", "stranger", "pending", "revoked", "unheard"):
                headers = {"x-key": f"key-{key}"} if key else {}
                before, after = await both.ask(method, f"/p{path}", headers=headers)
                allowed = before.status < 400, after.status < 400
                assert allowed[0] == allowed[1], (method, path, key, before.status, after.status)


def test_apps_that_apigee_refuses_are_left_out_and_told(tmp_path, data):
    result = converted(simple(tmp_path, "p", KEY), test_data=data)
    accepted(result, tmp_path)
    consumers = {one["username"]: one for one in document(result)["consumers"]}
    assert "pending" not in consumers
    assert "keyauth_credentials" not in consumers["revoked"]
    assert consumers["reader"]["acls"] == [{"group": "reading"}]
    verdicts = {row.name: row.verdict for row in result.coverage.of_kind("app")}
    assert verdicts["pending"] == "drop"


def test_keys_may_stay_in_a_vault(tmp_path, data):
    result = converted(simple(tmp_path, "p", KEY), test_data=data, vault_keys=True)
    assert "key: key-reader" not in result.text
    assert "{vault://env/apikey-reader}" in result.text
    assert "the key is a reference that Kong does not look up in this field" in result.text


def test_without_products_every_key_passes_and_that_is_told(tmp_path):
    result = converted(simple(tmp_path, "p", KEY), environment=Environment())
    assert "every key of this Kong is let in" in result.text

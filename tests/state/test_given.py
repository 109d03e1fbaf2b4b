"""Access tokens of the test data: a proxy that verifies tokens lets them in without anybody having issued them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import read_test_data
from tests.house import house, proxy, show, steps, target, write_bundle

FILES = {
    "products": [
        {"name": "gold", "proxies": ["guarded"], "apiResources": ["/", "/**"], "scopes": ["read", "write"]}
    ],
    "developers": [{"email": "ada@example.com"}],
    "developerapps": [
        {
            "name": "shop",
            "developerEmail": "ada@example.com",
            "apiProducts": ["gold"],
            "credentials": [{"consumerKey": "key", "consumerSecret": "secret"}],
        }
    ],
    "accesstokens": [
        {"token": "all-of-it", "consumerKey": "key", "attributes": {"tenant": "x"}, "endUser": "jane"},
        {"token": "reader", "consumerKey": "key", "scopes": ["read"]},
        {"token": "old", "consumerKey": "key", "expiresAt": 1000},
        {"token": "nobodys", "consumerKey": "unknown"},
    ],
}
VERIFY = '<OAuthV2 name="OA"><Operation>VerifyAccessToken</Operation><Scope>write</Scope></OAuthV2>'


@pytest.mark.parametrize(
    ("token", "status", "fault"),
    [
        ("all-of-it", 200, ""),
        ("reader", 403, "steps.oauth.v2.InsufficientScope"),
        ("old", 401, "keymanagement.service.access_token_expired"),
        ("nobodys", 401, "keymanagement.service.invalid_access_token"),
    ],
)
async def test_a_token_of_the_test_data_is_as_good_as_its_entry_says(
    tmp_path: Path, token: str, status: int, fault: str
) -> None:
    for name, entries in FILES.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    data = read_test_data(tmp_path, Findings())
    bundle = write_bundle(
        tmp_path,
        "guarded",
        {
            "proxies/default.xml": proxy("/g", request=steps("OA"), response=steps("Tell")),
            "targets/default.xml": target(),
            "policies/OA.xml": VERIFY,
            "policies/Tell.xml": show("Tell", X_Tenant="{accesstoken.tenant} {app_enduser} {scope}"),
        },
    )
    async with house(bundle, test_data=data) as here:
        reply = await here.get("/g", headers={"Authorization": f"Bearer {token}"})
    assert reply.status == status
    if fault:
        assert reply.fault()[0] == fault
    else:
        assert reply.headers["X-Tenant"] == "x jane read write"

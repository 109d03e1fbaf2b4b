"""Products, developers, apps and keys, as policies find them."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.context import Deployment, MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.state.catalog import Catalog, Consumer, draw, load_catalog
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.operation import covers
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import FrozenWorld
from tests.consumers import app, data


def consumer(products: list[Any], key_products: list[str] | None = None, **fields: Any) -> Consumer:
    names = key_products if key_products is not None else [product["name"] for product in products]
    return Catalog.of(data(products, [app(*names, **fields)])).consumers["k"]


def call(path: str, verb: str = "GET", proxy: str = "orders") -> MessageContext:
    ctx = MessageContext(Message.request(verb, f"/orders{path}"), Deployment(proxy=proxy))
    ctx.path_suffix = path
    return ctx


def granted(who: Consumer, path: str, verb: str = "GET", proxy: str = "orders") -> str | None:
    """The product that lets a call through, asked twice because answers are remembered."""
    first, again = (who.grant(call(path, verb, proxy)) for _ in range(2))
    assert first is again
    return first.product.name if first is not None else None


@pytest.mark.parametrize(
    ("resource", "allowed", "refused"),
    [
        ("/", ["", "/", "/1", "/1/2"], []),
        ("/*", ["/1", "/1/"], ["", "/", "/1/2", "/1/2/"]),
        ("/**", ["/1", "/1/", "/1/2", "/1/a/2/3/"], ["", "/"]),
        ("/*/2/**", ["/1/2/3", "/1/2/3/4/"], ["", "/1", "/1/2", "/1/a/2/3"]),
        ("/*/2/*", ["/1/2/3", "/1/2/3/"], ["/1/2", "/1/2/3/4"]),
        ("/users", ["/users", "/users/"], ["/users/7", "/Users", "/user", "/xusers"]),
        ("users/*", ["/users/7"], ["/users"]),
        ("/a.b/(c)", ["/a.b/(c)"], ["/axb/(c)"]),
        ("/dogs/**/collars", ["/dogs/7/collars", "/dogs/7/8/collars"], ["/dogs/collars"]),
        ("/v1/*.json", ["/v1/a.json"], ["/v1/a.xml", "/v1/a/b.json"]),
    ],
)
def test_resource_paths(resource: str, allowed: list[str], refused: list[str]) -> None:
    matches = covers(resource)
    assert [path for path in allowed if matches is not None and not matches(path)] == []
    assert [path for path in refused if matches is None or matches(path)] == []


def test_product_is_found_by_proxy_and_path() -> None:
    who = consumer(
        [
            {"name": "users", "proxies": ["orders"], "apiResources": ["/users/**"]},
            {"name": "items", "proxies": ["orders", "items"], "apiResources": ["/items"]},
        ]
    )
    assert granted(who, "/users/7") == "users"
    assert granted(who, "/items") == "items"
    assert granted(who, "/items", proxy="items") == "items"
    assert granted(who, "/items", proxy="other") is None
    assert granted(who, "/other") is None


def test_product_that_names_nothing_covers_every_proxy() -> None:
    who = consumer([{"name": "all"}])
    assert granted(who, "", proxy="anything") == "all"
    assert granted(who, "/deep/down") == "all"


def test_product_of_another_environment_does_not_count() -> None:
    who = consumer([{"name": "prod", "environments": ["prod"]}, {"name": "here", "environments": ["test"]}])
    assert granted(who, "/") == "here"


def test_product_that_is_not_approved_for_the_key_does_not_count() -> None:
    listed = [{"apiproduct": "p", "status": "pending"}]
    who = consumer([{"name": "p"}], credential={"apiProducts": listed})
    assert granted(who, "/") is None
    assert who.pending == ("p",)


def test_products_are_tried_in_the_order_of_the_key() -> None:
    products = [{"name": "a"}, {"name": "b"}]
    assert granted(consumer(products, ["b", "a"]), "/") == "b"


def test_operations_need_path_and_verb_and_carry_quota_and_attributes() -> None:
    who = consumer(
        [
            {
                "name": "ops",
                "quota": "5",
                "quotaInterval": "1",
                "quotaTimeUnit": "day",
                "operationGroup": {
                    "operationConfigs": [
                        {
                            "apiSource": "orders",
                            "operations": [{"resource": "/users", "methods": ["GET", "post"]}],
                            "quota": {"limit": "3", "interval": "2", "timeUnit": "hour"},
                            "attributes": [{"name": "tier", "value": "gold"}],
                        },
                        {"apiSource": "orders", "operations": [{"resource": "/users/*"}]},
                    ]
                },
            }
        ]
    )
    assert granted(who, "/users", "POST") == "ops"
    assert granted(who, "/users", "DELETE") is None
    assert granted(who, "/users", proxy="other") is None
    first, second = who.grant(call("/users")), who.grant(call("/users/7", "PATCH"))
    assert first is not None
    assert second is not None
    assert (first.name, first.resource, first.methods) == ("orders", "/users", ("GET", "post"))
    assert first.attributes == {"tier": "gold"}
    assert first.quota is not None
    assert (first.quota.limit, first.quota.time_unit) == (3, "hour")
    assert second.quota is not None
    assert (second.quota.limit, second.quota.time_unit) == (5, "day")


def test_llm_operations_carry_the_token_quota() -> None:
    who = consumer(
        [
            {
                "name": "ai",
                "llmOperationGroup": {
                    "operationConfigs": [
                        {
                            "apiSource": "orders",
                            "llmOperations": [{"resource": "/chat", "methods": ["POST"], "model": "m-1"}],
                            "llmTokenQuota": {"limit": "900", "interval": "1", "timeUnit": "hour"},
                        }
                    ]
                },
            }
        ]
    )
    assert granted(who, "/chat") is None
    grant = who.grant(call("/chat", "POST"))
    assert grant is not None
    assert grant.models == ("m-1",)
    assert grant.llm_quota is not None
    assert grant.llm_quota.limit == 900


def test_path_in_both_groups_carries_both_quotas() -> None:
    group = {"operationConfigs": [{"apiSource": "orders", "operations": [{"resource": "/chat"}]}]}
    tokens = {"limit": 900, "interval": 1, "timeUnit": "hour"}
    llm = {
        "operationConfigs": [
            {"apiSource": "orders", "llmOperations": [{"resource": "/chat"}], "llmTokenQuota": tokens}
        ]
    }
    who = consumer([{"name": "ai", "quota": "7", "operationGroup": group, "llmOperationGroup": llm}])
    grant = who.grant(call("/chat"))
    assert grant is not None
    assert grant.quota is not None
    assert grant.llm_quota is not None
    assert (grant.quota.limit, grant.llm_quota.limit) == (7, 900)


def test_graphql_operations_ask_what_the_graphql_policy_found() -> None:
    who = consumer(
        [
            {
                "name": "graph",
                "graphqlOperationGroup": {
                    "operationConfigs": [
                        {
                            "apiSource": "orders",
                            "operations": [{"operation": "users", "operationTypes": ["QUERY"]}],
                        }
                    ]
                },
            }
        ]
    )
    ctx = call("/graph", "POST")
    assert who.grant(ctx) is None
    ctx.variables |= {"graphql.operation.name": "users", "graphql.operation.operationType": "query"}
    assert who.grant(ctx) is not None
    ctx.variables["graphql.operation.operationType"] = "MUTATION"
    assert who.grant(ctx) is None


def test_grpc_operations_are_service_and_method() -> None:
    configs = [{"apiSource": "orders", "service": "shop.Orders", "methods": ["List"]}]
    who = consumer([{"name": "rpc", "grpcOperationGroup": {"operationConfigs": configs}}])
    assert granted(who, "/shop.Orders/List", "POST") == "rpc"
    assert granted(who, "/shop.Orders/Delete", "POST") is None


def test_payload_operations_are_what_parse_payload_found() -> None:
    configs = [
        {
            "apiSource": "orders",
            "operations": [{"operation": "tools/call/get_weather"}],
            "quota": {"limit": "5", "interval": "1", "timeUnit": "minute"},
        },
        {"apiSource": "orders", "operations": [{"operation": "tools/list"}, {"operation": "prompts/*"}]},
        {"apiSource": "other", "operations": [{"operation": "tools/call/drop"}]},
    ]
    who = consumer([{"name": "mcp", "payloadOperationGroup": {"operationConfigs": configs}}])
    ctx = call("/mcp", "POST")
    assert who.grant(ctx) is None
    for operation, covered in {
        "tools/call/get_weather": True,
        "tools/list": True,
        "prompts/get/x": True,
        "tools/call/get_weather2": False,
        "tools/call/drop": False,
    }.items():
        ctx.variables["parsepayload.operation"] = operation
        assert (who.grant(ctx) is not None) == covered, operation
    ctx.variables["parsepayload.operation"] = "tools/call/get_weather"
    grant = who.grant(ctx)
    assert grant is not None
    assert grant.quota is not None
    assert (grant.name, grant.quota.limit) == ("tools/call/get_weather", 5)


def test_token_limits_the_choice_to_its_products() -> None:
    who = consumer([{"name": "a"}, {"name": "b"}])
    grant = who.grant(call("/"), ("b",))
    assert grant is not None
    assert grant.product.name == "b"
    assert who.grant(call("/"), ()) is None


@pytest.mark.parametrize(
    ("fields", "developer", "problem"),
    [
        ({}, "active", ""),
        ({"status": "revoked"}, "active", "app"),
        ({"credential": {"status": "pending"}}, "active", "key"),
        ({}, "inactive", "developer"),
    ],
)
def test_problem_of_a_key(fields: dict[str, Any], developer: str, problem: str) -> None:
    developers = [{"email": "ada@example.com", "status": developer}]
    catalog = Catalog.of(data([{"name": "p"}], [app("p", **fields)], developers))
    assert catalog.consumers["k"].problem == problem


def test_expiry_is_in_seconds_and_zero_is_never() -> None:
    assert consumer([{"name": "p"}]).expires == 0.0
    assert consumer([{"name": "p"}], credential={"expiresAt": 1_500}).expires == 1.5


def test_ids_are_the_given_ones_or_the_same_at_every_start() -> None:
    given = data([], [app(appId="app-1")], [{"email": "ada@example.com", "developerId": "dev-1"}])
    who = Catalog.of(given).consumers["k"]
    assert (who.app_id, who.developer_id) == ("app-1", "dev-1")
    plain = data([], [app()])
    one, two = Catalog.of(plain).consumers["k"], Catalog.of(plain).consumers["k"]
    assert (one.app_id, one.developer_id) == (two.app_id, two.developer_id)
    other = Catalog.of(plain, organization="other").consumers["k"]
    assert one.app_id != other.app_id
    assert Catalog.of(plain).apps[one.app_id].name == "app"
    assert Catalog.of(plain).developers[one.developer_id].email == "ada@example.com"


async def test_app_without_credentials_gets_a_key_that_stays() -> None:
    bare = {"name": "app", "developerEmail": "ada@example.com", "apiProducts": ["p"], "keyExpiresIn": 5_000}
    test_data = data([{"name": "p"}], [bare])
    store = MemoryStore(FrozenWorld(now=100.0))
    first = await settled(load_catalog(test_data, store))
    again = await settled(load_catalog(test_data, store))
    (key,) = first.consumers
    assert list(again.consumers) == [key]
    who = first.consumers[key]
    assert len(key) >= 32
    assert len(who.credential.consumer_secret) >= 32
    assert granted(who, "/") == "p"
    assert (who.credential.issued_at, who.expires) == (100_000, 105.0)


def test_drawn_texts_have_the_length_asked_for_and_differ() -> None:
    world = FrozenWorld()
    texts = {draw(world, 48) for _ in range(50)}
    assert len(texts) == 50
    assert all(len(text) == 48 and text.isalnum() for text in texts)


def test_many_paths_do_not_fill_the_memory() -> None:
    who = consumer([{"name": "p", "proxies": ["orders"], "apiResources": ["/a/*"]}])
    for number in range(3000):
        assert who.grant(call(f"/a/{number}")) is not None
        assert who.grant(call(f"/b/{number}")) is None
    assert len(who._found) <= 1024

"""The keys of the test data's apps with which a client gets in."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from apiproxy_runtime.bundle.developer import Credential
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.product import Product
from apiproxy_runtime.bundle.testdata import TestData


class Pair(Struct, frozen=True):
    """An approved key with its secret and its products; `fits` when one of them has one of the proxies."""

    key: str
    secret: str
    callback: str
    products: tuple[str, ...]
    fits: bool


def pairs_of(test_data: TestData, bundles: Collection[Bundle], environment: Environment) -> list[Pair]:
    """Those that fit first, else in the order of the files."""
    proxies = {bundle.name for bundle in bundles if bundle.kind == "apiproxy"}
    products = {product.name: product for product in test_data.products}
    inactive = {
        owner
        for developer in test_data.developers
        if developer.status.lower() != "active"
        for owner in (developer.email, developer.developer_id)
    }

    def fits(credential: Credential) -> bool:
        return any(
            listed.status == "approved"
            and listed.name in products
            and _open(products[listed.name], proxies, environment.name)
            for listed in credential.api_products
        )

    pairs = [
        Pair(
            credential.consumer_key,
            credential.consumer_secret,
            app.callback_url,
            tuple(listed.name for listed in credential.api_products if listed.status == "approved"),
            fits(credential),
        )
        for app in test_data.apps
        if app.status in ("", "approved") and app.developer not in inactive
        for credential in app.credentials
        if credential.status in ("", "approved")
    ]
    return sorted(pairs, key=lambda pair: not pair.fits)


def _open(product: Product, proxies: Collection[str], environment: str) -> bool:
    if product.environments and environment not in product.environments:
        return False
    groups = [
        config.api_source
        for group in (
            product.operation_group,
            product.llm_operation_group,
            product.graphql_operation_group,
            product.grpc_operation_group,
            product.payload_operation_group,
        )
        for config in group or ()
    ]
    named = {*product.proxies, *groups}
    return not named or not named.isdisjoint(proxies)

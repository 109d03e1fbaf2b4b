"""Apps of the test data → consumers with key-auth credentials; products → acl groups."""

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.developer import App
from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.bundle.product import Product
from apiproxy_runtime.kong.convert.emit import Noted
from apiproxy_runtime.kong.convert.outcome import Config, Landscape, Row
from apiproxy_runtime.kong.convert.templates import UNFILLED, vault
from apiproxy_runtime.state.operation import rules_of

_UNITS = ("second", "minute", "hour", "day", "month", "year")


def convert_consumers(landscape: Landscape, rows: list[Row]) -> list[Noted]:
    """A consumer for each app whose key Apigee would accept; what was left out becomes a row."""
    products = {product.name: product for product in landscape.test_data.products}
    inactive = {
        developer.email
        for developer in landscape.test_data.developers
        if developer.status.lower() != "active"
    }
    taken: set[str] = set()
    found = []
    for app in landscape.test_data.apps:
        if app.status.lower() != "approved" or app.developer in inactive:
            why = "its developer is not active" if app.developer in inactive else f"it is {app.status}"
            rows.append(
                Row("app", app.name, "App", app.place, "drop", f"left out: {why}, and Kong has no such state")
            )
            continue
        username = app.name if app.name not in taken else f"{app.developer}/{app.name}"
        taken.add(username)
        found.append(_consumer(app, username, products, landscape, rows))
    return found


def _consumer(
    app: App, username: str, products: dict[str, Product], landscape: Landscape, rows: list[Row]
) -> Noted:
    fields: Config = {"username": username, "tags": [f"apigee-app:{tag(app.name)}"]}
    if app.app_id:
        fields["custom_id"] = app.app_id
    keys, groups, lost = [], dict.fromkeys(app.api_products), []
    for credential in app.credentials:
        if credential.status.lower() != "approved":
            lost.append(f"the key at {at(credential.place)} is {credential.status} and was left out")
            continue
        key = vault("apikey", username) if landscape.vault_keys else credential.consumer_key
        keys.append({"key": key})
        for product in credential.api_products:
            if product.status == "approved":
                groups[product.name] = None
            else:
                lost.append(f"the product {product.name} is {product.status} for a key and was left out")
                groups.pop(product.name, None)
        if credential.expires_at > 0:
            lost.append(
                f"the key at {at(credential.place)} expires; Kong's keys do not (ttl needs a database)"
            )
    if not keys:
        lost.append("write a key: the app has none in the test data")
    else:
        fields["keyauth_credentials"] = keys
    if groups:
        fields["acls"] = [{"group": group} for group in groups]
    limits = [
        products[name].quota for name in groups if name in products and products[name].quota is not None
    ]
    if limits and limits[0] is not None:
        quota = limits[0]
        if quota.interval == 1 and quota.time_unit in _UNITS and quota.limit > 0:
            lost.append(
                f"its product allows {quota.limit} calls a {quota.time_unit}; where a Quota took that limit, add "
                f"rate-limiting with {quota.time_unit}: {quota.limit} to this consumer"
            )
        else:
            lost.append(f"its product allows {quota.limit} calls in {quota.interval} {quota.time_unit}s")
    if keys and landscape.vault_keys:
        lost.append(f"the key is {UNFILLED}")
    kong = (f"consumer {username}",)
    rows.append(
        Row("app", app.name, "App", app.place, "partial", "a consumer with its keys", kong, tuple(lost))
    )
    return Noted(fields, tuple(f"TODO {at(app.place)}: {text}" for text in lost))


def groups_for(landscape: Landscape, proxy: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The products that cover a proxy: (product, resource pattern, methods); no methods are all of them."""
    for product in landscape.test_data.products:
        if product.environments and landscape.environment.name not in product.environments:
            continue
        for rule in rules_of(product, proxy):
            yield product.name, rule.grant.resource or "/", tuple(sorted(rule.methods))


def at(place: Placed) -> str:
    return f"{place.file}:{place.line}" if place.line else place.file


def tag(name: str) -> str:
    """A name as part of a tag: Kong's tags are printable and hold neither commas nor slashes."""
    return "".join(letter if letter.isalnum() or letter in "-_.~:@ " else "-" for letter in name)

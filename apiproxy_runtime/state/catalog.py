"""Products, developers, apps and their keys, arranged so that a request finds all about a key with one look.

A catalog never changes: whoever has new test data makes a new one and puts it in the old one's place
(`services.catalog = …`). Ids that the data does not give are derived from the names, so that every worker and every
start agrees on them. An app without credentials gets a key and a secret that are drawn once and kept in the store,
sealed as all secrets are.
"""

from __future__ import annotations

import json
import string
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.state.operation import Grant, Rule, covers, rules_of
from apiproxy_runtime.state.secret import secret_key
from apiproxy_runtime.state.store import Answer, Store, StoreError, settled
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from apiproxy_runtime.bundle.developer import App, Credential, Developer
    from apiproxy_runtime.bundle.product import Product

#: Names beneath this one are the derived ids; the value itself means nothing.
_NAMESPACE = uuid.UUID("5f6d4c1e-0f5b-4a8e-9c59-0d5bb7c3a7a1")
_ALPHABET = string.ascii_letters + string.digits
#: How many found grants a consumer remembers before it forgets them all.
_REMEMBERED = 1024


class Consumer:
    """Whoever calls with one key: the credential, its app, the developer, and the products that are open to it.

    products   approved for the key and known, in the key's order, whatever the environment
    pending    names of the key's products that are not approved
    problem    what keeps the key from working at all: `app`, `key`, `developer`, or empty
    expires    seconds since the epoch, 0.0 for never
    prepared   what policies keep with the consumer (their variables), gone with the catalog
    """

    __slots__ = (
        "_found",
        "_open",
        "_rules",
        "app",
        "app_id",
        "catalog",
        "credential",
        "developer",
        "developer_id",
        "expires",
        "pending",
        "prepared",
        "problem",
        "products",
    )

    def __init__(
        self, catalog: Catalog, app: App, app_id: str, credential: Credential, developer: Developer
    ) -> None:
        self.catalog = catalog
        self.app = app
        self.app_id = app_id
        self.credential = credential
        self.developer = developer
        self.developer_id = catalog.developer_id(developer)
        self.expires = credential.expires_at / 1000 if credential.expires_at > 0 else 0.0
        self.products = tuple(
            catalog.products[item.name]
            for item in credential.api_products
            if item.status == "approved" and item.name in catalog.products
        )
        self.pending = tuple(item.name for item in credential.api_products if item.status != "approved")
        self.problem = _problem(app, credential, developer)
        self.prepared: dict[object, Any] = {}
        self._rules: dict[str, tuple[Rule, ...]] = {}
        #: proxies to which every call is let through
        self._open: dict[str, Grant] = {}
        self._found: dict[tuple[str, str, str], Grant | None] = {}

    @property
    def key(self) -> str:
        return self.credential.consumer_key

    def grant(self, ctx: MessageContext, products: tuple[str, ...] | None = None) -> Grant | None:
        """What lets this transaction's call through; None when no product of the key does.

        `products` limits the choice (an access token has products of its own).
        """
        proxy = ctx.deployment.proxy
        if products is not None:
            return self._search(ctx, proxy, products)
        grant = self._open.get(proxy)
        if grant is not None:
            return grant
        call = (proxy, ctx.request.verb, ctx.path_suffix)
        if call in self._found:
            return self._found[call]
        grant = self._search(ctx, proxy, None)
        if not any(rule.fits for rule in self.rules(proxy)):
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[call] = grant
        return grant

    def _search(self, ctx: MessageContext, proxy: str, products: tuple[str, ...] | None) -> Grant | None:
        verb, path = ctx.request.verb, ctx.path_suffix
        for rule in self.rules(proxy):
            if products is not None and rule.grant.product.name not in products:
                continue
            if rule.allows(verb, path) and (rule.fits is None or rule.fits(ctx.variables)):
                return rule.grant
        return None

    def rules(self, proxy: str) -> tuple[Rule, ...]:
        """The ways that the key's products open to a proxy in this environment."""
        rules = self._rules.get(proxy)
        if rules is None:
            environment = self.catalog.environment
            rules = self._rules[proxy] = tuple(
                rule
                for product in self.products
                if not product.environments or environment in product.environments
                for rule in rules_of(product, proxy)
            )
            if rules and rules[0].always:
                self._open[proxy] = rules[0].grant
        return rules

    def product_for(self, resource: str) -> Product | None:
        """The first product with a resource path that covers `resource`, whatever the proxy (AccessEntity)."""
        for product in self.products:
            paths = product.api_resources or tuple(
                operation.resource
                for config in product.operation_group or ()
                for operation in config.operations
            )
            matches = [covers(path) for path in paths]
            if not paths or any(match is None or match(resource) for match in matches):
                return product
        return None


def _problem(app: App, credential: Credential, developer: Developer) -> str:
    if app.status != "approved":
        return "app"
    if credential.status != "approved":
        return "key"
    return "developer" if developer.status != "active" else ""


class Catalog(Struct, eq=False):
    """Everything by name and by id.

    consumers   by consumer key
    apps        by app id; `app_ids` by (developer's email, app name)
    developers  by email and by id
    """

    organization: str = "hybrid"
    environment: str = "test"
    products: Mapping[str, Product] = field(default_factory=dict)
    developers: dict[str, Developer] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    app_ids: dict[tuple[str, str], str] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        test_data: TestData,
        organization: str = "hybrid",
        environment: str = "test",
        drawn: Mapping[tuple[str, str], Credential] | None = None,
    ) -> Catalog:
        """Arrange test data. `drawn` are the credentials of apps that have none, by developer and app name."""
        catalog = cls(organization, environment, {product.name: product for product in test_data.products})
        for developer in test_data.developers:
            catalog.developers[developer.email] = developer
            catalog.developers.setdefault(catalog.developer_id(developer), developer)
        for app in test_data.apps:
            catalog._add(app, drawn or {})
        return catalog

    def _add(self, app: App, drawn: Mapping[tuple[str, str], Credential]) -> None:
        # an app of a developer nobody has described still works: reading the data warns of it
        developer = self.developers.get(app.developer) or _unknown(app)
        app_id = app.app_id or self._derived("app", developer.email, app.name)
        self.apps[app_id] = app
        self.app_ids[developer.email, app.name] = app_id
        made = drawn.get((app.developer, app.name))
        for credential in app.credentials or ((made,) if made is not None else ()):
            consumer = Consumer(self, app, app_id, credential, developer)
            self.consumers.setdefault(credential.consumer_key, consumer)

    def developer_id(self, developer: Developer) -> str:
        """The given id, else one derived from organization and email."""
        return developer.developer_id or self._derived("developer", developer.email)

    def _derived(self, *names: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, "\0".join((self.organization, *names))))

    def consumers_of(self, app_id: str) -> list[Consumer]:
        """The keys of an app, in order."""
        return [consumer for consumer in self.consumers.values() if consumer.app_id == app_id]

    def owner(self, app: App) -> Developer:
        """The developer an app belongs to."""
        return self.developers.get(app.developer) or _unknown(app)

    def apps_of(self, developer: Developer) -> list[tuple[str, App]]:
        """The apps of a developer with their ids, in order."""
        return [
            (app_id, self.apps[app_id])
            for (email, _), app_id in self.app_ids.items()
            if email == developer.email
        ]

    def apps_named(self, name: str) -> Iterable[str]:
        """The ids of all apps of that name, whoever they belong to."""
        return (app_id for (_, app_name), app_id in self.app_ids.items() if app_name == name)


def _unknown(app: App) -> Developer:
    from apiproxy_runtime.bundle.developer import Developer

    return Developer(app.developer, "", "", app.developer, "", "active", {}, 0, 0, app.place)


def load_catalog(
    test_data: TestData, store: Store, organization: str = "hybrid", environment: str = "test"
) -> Answer[Catalog]:
    """The catalog of an environment, with keys for apps that have none: drawn now, or found in the store."""
    return store.finish(_load(test_data, store, organization, environment))


async def _load(test_data: TestData, store: Store, organization: str, environment: str) -> Catalog:
    drawn = {
        (app.developer, app.name): await _drawn(app, store, organization)
        for app in test_data.apps
        if not app.credentials
    }
    return Catalog.of(test_data, organization, environment, drawn)


async def _drawn(app: App, store: Store, organization: str) -> Credential:
    space, name = f"app-keys/{organization}", f"{app.developer}\0{app.name}"
    secret = secret_key(store)
    place = f"{space}\0{name}"
    stored = await settled(store.get(space, name))
    if stored is None:
        world = store.world
        drawn = json.dumps(
            {"key": draw(world, 48), "secret": draw(world, 64), "issued": int(world.now() * 1000)}
        )
        content = drawn if secret is None else secret.seal(drawn, place)
        # another worker may have been faster; then its key counts
        await settled(store.compare_and_set(space, name, None, content, durable=True))
        stored = await settled(store.get(space, name)) or content
    if isinstance(stored, bytes):
        if secret is None:
            raise StoreError(f"the keys of the app {app.name} were stored with a key that is gone")
        stored = secret.unseal(stored, place)
    record = json.loads(stored)
    expires = record["issued"] + app.key_expires_in if app.key_expires_in > 0 else -1
    from apiproxy_runtime.bundle.developer import Credential, CredentialProduct

    return Credential(
        consumer_key=record["key"],
        consumer_secret=record["secret"],
        status="approved",
        api_products=tuple(CredentialProduct(product, "approved") for product in app.api_products),
        attributes={},
        scopes=app.scopes,
        issued_at=record["issued"],
        expires_at=expires,
        place=app.place,
    )


def draw(world: World, length: int) -> str:
    """An unguessable text of letters and digits, as keys, secrets and tokens are."""
    # 248 is the largest multiple of 62 in a byte: what lies above would make some letters likelier
    text = ""
    while len(text) < length:
        text += "".join(_ALPHABET[byte % 62] for byte in world.random_bytes(length * 2) if byte < 248)
    return text[:length]

"""`developers.json` and `developerapps.json`: who calls, with which app and which keys.

Fields are those of the management API. Credentials are kept exactly as written; an app without any gets its keys
from whoever loads it. Source: docs.cloud.google.com/apigee, REST resources organizations.developers and
organizations.developers.apps.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Findings, Place, Placed
from apiproxy_runtime.bundle.jsonfile import JsonNode

_DEVELOPER = ("email", "firstName", "lastName", "userName", "developerId", "status", "attributes")
_APP = (
    "name",
    "displayName",
    "appId",
    "developerEmail",
    "developerId",
    "callbackUrl",
    "status",
    "expiryType",
    "keyExpiresIn",
    "apiProducts",
    "attributes",
    "scopes",
    "credentials",
    "appFamily",
)
_CREDENTIAL = (
    "consumerKey",
    "consumerSecret",
    "status",
    "apiProducts",
    "attributes",
    "scopes",
    "issuedAt",
    "expiresAt",
)
_APP_STATUS = ("approved", "pending", "revoked")


class Developer(Struct, frozen=True, eq=False):
    """Times are milliseconds since the epoch, 0 if not given; `status` is active, inactive or login_lock."""

    email: str
    first_name: str
    last_name: str
    user_name: str
    developer_id: str
    status: str
    attributes: dict[str, str]
    created_at: int
    last_modified_at: int
    place: Placed


class CredentialProduct(Struct, frozen=True):
    """`status` is approved, pending or revoked."""

    name: str
    status: str


class Credential(Struct, frozen=True, eq=False):
    """A key of an app. Times are milliseconds since the epoch; `expires_at` -1 is never, `issued_at` 0 not given."""

    consumer_key: str
    consumer_secret: str
    status: str
    api_products: tuple[CredentialProduct, ...]
    attributes: dict[str, str]
    scopes: tuple[str, ...]
    issued_at: int
    expires_at: int
    place: Placed


class App(Struct, frozen=True, eq=False):
    """`developer` is the email (or id) of the one it belongs to; `key_expires_in` milliseconds, -1 never."""

    name: str
    display_name: str
    app_id: str
    developer: str
    callback_url: str
    status: str
    expiry_type: str
    key_expires_in: int
    app_family: str
    api_products: tuple[str, ...]
    attributes: dict[str, str]
    scopes: tuple[str, ...]
    credentials: tuple[Credential, ...]
    created_at: int
    last_modified_at: int
    place: Placed


def read_developer(entry: Entry) -> Developer | None:
    """None (and an error) without an email."""
    email = entry.name("email")
    entry.check_fields(_DEVELOPER)
    if not email:
        return None
    return Developer(
        email=email,
        first_name=entry.text("firstName"),
        last_name=entry.text("lastName"),
        user_name=entry.text("userName", default=email),
        developer_id=entry.text("developerId"),
        status=entry.text("status", default="active"),
        attributes=entry.attributes(),
        created_at=entry.integer("createdAt", default=0),
        last_modified_at=entry.integer("lastModifiedAt", default=0),
        place=Place(entry.file, entry.line, entry.column),
    )


def read_app(entry: Entry, developer: str, findings: Findings) -> App | None:
    """None (and an error) without a name. `developer` is the owner where the file groups apps by developer."""
    name = entry.name("name")
    entry.check_fields(_APP)
    if not name:
        return None
    products = _app_products(entry, findings)
    scopes = entry.texts("scopes")
    return App(
        name=name,
        display_name=entry.text("displayName", default=name),
        app_id=entry.text("appId"),
        developer=entry.text("developerEmail", "developerId", default=developer),
        callback_url=entry.text("callbackUrl"),
        status=_status(entry, findings),
        expiry_type=entry.text("expiryType", default="never"),
        key_expires_in=entry.integer("keyExpiresIn", default=-1),
        app_family=entry.text("appFamily", default="default"),
        api_products=products,
        attributes=entry.attributes(),
        scopes=scopes,
        credentials=tuple(
            credential
            for item in entry.entries(f"a credential of {entry.noun}", "credentials")
            if (credential := _credential(item, products, scopes, findings)) is not None
        ),
        created_at=entry.integer("createdAt", default=0),
        last_modified_at=entry.integer("lastModifiedAt", default=0),
        place=Place(entry.file, entry.line, entry.column),
    )


def _app_products(entry: Entry, findings: Findings) -> tuple[str, ...]:
    node = entry.member("apiProducts")
    if node is not None and isinstance(node.value, list):
        return tuple(product.name for product in _credential_products(entry, node.value, findings))
    return entry.texts("apiProducts")


def _credential(
    entry: Entry, products: tuple[str, ...], scopes: tuple[str, ...], findings: Findings
) -> Credential | None:
    """Products and scopes of a key are the app's unless it lists its own."""
    key = entry.name("consumerKey")
    entry.check_fields(_CREDENTIAL)
    if not key:
        return None
    own = entry.member("apiProducts")
    if own is None:
        listed = tuple(CredentialProduct(name, "approved") for name in products)
    else:
        listed = tuple(_credential_products(entry, entry.nodes("apiProducts"), findings))
    return Credential(
        consumer_key=entry.text("consumerKey"),
        consumer_secret=entry.text("consumerSecret"),
        status=_status(entry, findings),
        api_products=listed,
        attributes=entry.attributes(),
        scopes=entry.texts("scopes") if entry.member("scopes") is not None else scopes,
        issued_at=entry.integer("issuedAt", default=0),
        expires_at=entry.integer("expiresAt", default=-1),
        place=Place(entry.file, entry.line, entry.column),
    )


def _credential_products(
    entry: Entry, nodes: Collection[JsonNode], findings: Findings
) -> list[CredentialProduct]:
    """`{"apiproduct", "status"}` objects, or names alone, which count as approved."""
    products: list[CredentialProduct] = []
    for node in nodes:
        if isinstance(node.value, str):
            products.append(CredentialProduct(node.value, "approved"))
            continue
        item = Entry(node, f"a product of {entry.noun}", findings)
        name = item.name("apiproduct", "apiProduct", "name") if isinstance(node.value, dict) else ""
        if name:
            products.append(CredentialProduct(name, _status(item, findings)))
    return products


def _status(entry: Entry, findings: Findings) -> str:
    status = entry.text("status", default="approved").strip().lower() or "approved"
    if status not in _APP_STATUS:
        place = entry.member("status") or entry
        message = f"{status!r} is no status of {entry.noun}"
        findings.warning(place, "InvalidValue", message, suggestion(status, _APP_STATUS))
    return status

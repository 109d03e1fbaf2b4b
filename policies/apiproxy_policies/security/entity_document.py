"""Profiles of apps, products, developers, keys and tokens as documents, in XML or JSON (AccessEntity).

Shapes: Access Entity policy reference (sample profiles), XPaths of public bundles. A document is a tree of (name,
content) pairs; content is text, a list of pairs, or for attributes of the root its `name`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias
from xml.sax.saxutils import escape, quoteattr

from msgspec import Struct

from apiproxy_runtime.policy.api import App, Catalog, Code, Consumer, Developer, Product, RequestToken

#: An element with its content; elements of one name may follow one another.
Pair: TypeAlias = "tuple[str, str | list[Pair]]"


class Document(Struct, frozen=True):
    """A root element; `name` is its attribute of that name, left out when empty."""

    root: str
    name: str
    children: list[Pair]

    def xml(self) -> str:
        """The document with an XML declaration."""
        name = f" name={quoteattr(self.name)}" if self.name else ""
        inside = "".join(map(_element, self.children))
        return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<{self.root}{name}>{inside}</{self.root}>'

    def json(self) -> str:
        """The same as a JSON object: lists where elements repeat, names as in XML."""
        body: dict[str, object] = {"name": self.name} if self.name else {}
        body |= _object(self.children)
        return json.dumps({self.root: body}, ensure_ascii=False)


def _element(pair: Pair) -> str:
    name, content = pair
    inside = escape(content) if isinstance(content, str) else "".join(map(_element, content))
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


#: elements whose children make a list even when there is only one
_LISTS = {
    "ApiProducts",
    "ApiResources",
    "Apps",
    "Attributes",
    "Credentials",
    "Environments",
    "Proxies",
    "Scopes",
}


def _object(pairs: Iterable[Pair]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, content in pairs:
        value: object
        if isinstance(content, str):
            value = content
        elif name in _LISTS:
            value = [_object(inner) if isinstance(inner, list) else inner for _, inner in content]
        else:
            value = _object(content)
        if name in found:
            present = found[name]
            found[name] = [*present, value] if isinstance(present, list) else [present, value]
        else:
            found[name] = value
    return found


def _attributes(attributes: Mapping[str, str]) -> Pair:
    items: list[Pair] = [
        ("Attribute", [("Name", name), ("Value", value)]) for name, value in attributes.items()
    ]
    return ("Attributes", items)


def _list(name: str, item: str, values: Iterable[str]) -> Pair:
    items: list[Pair] = [(item, value) for value in values]
    return (name, items)


def _times(created: int, modified: int, by: str) -> list[Pair]:
    return [
        ("CreatedAt", str(created)),
        ("CreatedBy", by),
        ("LastModifiedAt", str(modified)),
        ("LastModifiedBy", by),
    ]


def _credential(consumer: Consumer) -> list[Pair]:
    credential = consumer.credential
    products: list[Pair] = [
        ("ApiProduct", [("Name", product.name), ("Status", product.status)])
        for product in credential.api_products
    ]
    return [
        _attributes(credential.attributes),
        ("ConsumerKey", credential.consumer_key),
        ("ConsumerSecret", credential.consumer_secret),
        ("ApiProducts", products),
        _list("Scopes", "Scope", credential.scopes),
        ("Status", credential.status),
    ]


def app_document(catalog: Catalog, app_id: str, app: App) -> Document:
    """An app with its credentials."""
    developer = catalog.owner(app)
    credentials: list[Pair] = [
        ("Credential", _credential(consumer)) for consumer in catalog.consumers_of(app_id)
    ]
    children: list[Pair] = [
        ("AccessType", app.attributes.get("AccessType", "")),
        _list("ApiProducts", "ApiProduct", app.api_products),
        ("Credentials", credentials),
        ("AppFamily", app.app_family),
        ("AppId", app_id),
        _attributes(app.attributes),
        ("CallbackUrl", app.callback_url),
        ("DeveloperId", catalog.developer_id(developer)),
        _list("Scopes", "Scope", app.scopes),
        ("Status", app.status),
        *_times(app.created_at, app.last_modified_at, developer.email),
    ]
    return Document("App", app.name, children)


def product_document(product: Product) -> Document:
    """An API product; its operations as the management API names them."""
    configs: list[Pair] = []
    for config in product.operation_group or ():
        inside: list[Pair] = [("apiSource", config.api_source)]
        for operation in config.operations:
            verbs: list[Pair] = [("methods", method) for method in operation.methods]
            inside.append(("operations", [("resource", operation.resource), *verbs]))
        inside += [
            ("attributes", [("Name", name), ("Value", value)]) for name, value in config.attributes.items()
        ]
        configs.append(("operationConfigs", inside))
    children: list[Pair] = [
        _list("ApiResources", "ApiResource", product.api_resources),
        ("ApprovalType", product.approval_type),
        _attributes(product.attributes),
        ("Description", product.description),
        ("DisplayName", product.display_name),
        _list("Environments", "Environment", product.environments),
        _list("Proxies", "Proxy", product.proxies),
        _list("Scopes", "Scope", product.scopes),
        *_times(0, 0, ""),
    ]
    if configs:
        children.append(("OperationGroup", configs))
    if product.quota is not None:
        quota = product.quota
        children += [
            ("Quota", str(quota.limit)),
            ("QuotaInterval", str(quota.interval)),
            ("QuotaTimeUnit", quota.time_unit),
        ]
    return Document("ApiProduct", product.name, children)


def developer_document(catalog: Catalog, developer: Developer) -> Document:
    """A developer with the names of the apps."""
    children: list[Pair] = [
        _list("Apps", "App", (app.name for _, app in catalog.apps_of(developer))),
        ("Email", developer.email),
        ("DeveloperId", catalog.developer_id(developer)),
        ("FirstName", developer.first_name),
        ("LastName", developer.last_name),
        ("UserName", developer.user_name),
        ("OrganizationName", catalog.organization),
        ("Status", developer.status),
        _attributes(developer.attributes),
        *_times(developer.created_at, developer.last_modified_at, developer.email),
    ]
    return Document("Developer", "", children)


def credential_document(consumer: Consumer) -> Document:
    """A key with its products."""
    return Document("Credential", "", _credential(consumer))


def scopes_document(consumer: Consumer) -> Document:
    """The scopes of a key: its own, else those of its products."""
    scopes = consumer.credential.scopes or tuple(
        dict.fromkeys(scope for product in consumer.products for scope in product.scopes)
    )
    return Document("Scopes", "", [("Scope", scope) for scope in scopes])


def code_document(code: Code) -> Document:
    """An authorization code."""
    children: list[Pair] = [
        ("Code", code.value),
        ("ClientId", code.client_id),
        ("RedirectUri", code.redirect_uri),
        _list("Scopes", "Scope", code.scope.split()),
        _attributes(code.attributes),
        ("IssuedAt", str(code.issued_at)),
        ("ExpiresAt", str(code.expires_at)),
        ("Status", code.status),
    ]
    return Document("AuthorizationCode", "", children)


def request_token_document(token: RequestToken, root: str) -> Document:
    """An OAuth 1.0a request token, or its verifier."""
    children: list[Pair] = [
        ("RequestToken", token.value),
        ("ConsumerKey", token.client_id),
        ("CallbackUrl", token.callback),
        ("Verifier", token.verifier),
        ("AppUserId", token.end_user),
        ("Status", token.status),
    ]
    return Document(root, "", children)

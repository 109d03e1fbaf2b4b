"""The flow variables that say who calls: app, developer and product of a verified key or token.

They depend on nothing but the catalog, so each set is made once per key, policy and product and then only copied.
Source: VerifyAPIKey and OAuthV2 policy reference pages (flow variables), variables of real debug sessions.
"""

from __future__ import annotations

from typing import Any

from apiproxy_runtime.policy.api import Consumer, Grant


def general(consumer: Consumer, grant: Grant | None) -> dict[str, Any]:
    """Variables that key and token verification share, without a prefix."""
    catalog, app, developer = consumer.catalog, consumer.app, consumer.developer
    developer_id = f"{catalog.organization}@@@{consumer.developer_id}"
    products = tuple(product.name for product in consumer.products)
    apps = tuple(owned.name for _, owned in catalog.apps_of(developer))
    values: dict[str, Any] = {
        "client_id": consumer.key,
        "developer.app.id": consumer.app_id,
        "developer.app.name": app.name,
        **{f"app.{name}": value for name, value in app.attributes.items()},
        "app.name": app.name,
        "app.id": consumer.app_id,
        "app.accessType": app.attributes.get("AccessType", ""),
        "app.callbackUrl": app.callback_url,
        "app.DisplayName": app.attributes.get("DisplayName") or app.display_name,
        "app.status": app.status,
        "app.scopes": app.scopes,
        "app.apiproducts": products,
        "app.appFamily": app.app_family,
        "app.appParentStatus": developer.status,
        "app.appType": "Developer",
        "app.appParentId": developer_id,
        "app.created_at": str(app.created_at),
        "app.created_by": developer.email,
        "app.last_modified_at": str(app.last_modified_at),
        "app.last_modified_by": developer.email,
        **{f"developer.{name}": value for name, value in developer.attributes.items()},
        "developer.id": developer_id,
        "developer.userName": developer.user_name,
        "developer.firstName": developer.first_name,
        "developer.lastName": developer.last_name,
        "developer.email": developer.email,
        "developer.status": developer.status,
        "developer.apps": apps,
        "developer.created_at": str(developer.created_at),
        "developer.created_by": developer.email,
        "developer.last_modified_at": str(developer.last_modified_at),
        "developer.last_modified_by": developer.email,
    }
    if grant is not None:
        values |= product_variables(grant)
    return values


def product_variables(grant: Grant) -> dict[str, Any]:
    """Variables of the product, and of its operation, that let the call through."""
    product = grant.product
    values: dict[str, Any] = {
        **{f"apiproduct.{name}": value for name, value in product.attributes.items()},
        "apiproduct.name": product.name,
    }
    if grant.quota is not None:
        values |= {
            "apiproduct.developer.quota.limit": str(grant.quota.limit),
            "apiproduct.developer.quota.interval": str(grant.quota.interval),
            "apiproduct.developer.quota.timeunit": grant.quota.time_unit,
        }
    if grant.llm_quota is not None:
        values |= {
            "apiproduct.developer.llmQuota.limit": str(grant.llm_quota.limit),
            "apiproduct.developer.llmQuota.interval": str(grant.llm_quota.interval),
            "apiproduct.developer.llmQuota.timeunit": grant.llm_quota.time_unit,
        }
    if grant.name:
        values |= {
            "apiproduct.operation": grant.name,
            "apiproduct.operation.resource": grant.resource,
            "apiproduct.operation.methods": grant.methods,
            **{f"apiproduct.operation.attributes.{name}": value for name, value in grant.attributes.items()},
        }
        if grant.models:
            values["apiproduct.operation.models"] = grant.models
    return values


def identity(consumer: Consumer, grant: Grant | None) -> dict[str, Any]:
    """The `apigee.` variables of the caller, which analytics read."""
    return {
        "apigee.client_id": consumer.key,
        "apigee.developer.app.name": consumer.app.name,
        "apigee.developer.app.id": consumer.app_id,
        "apigee.developer.id": f"{consumer.catalog.organization}@@@{consumer.developer_id}",
        "apigee.developer.email": consumer.developer.email,
        "apigee.apiproduct.name": grant.product.name if grant is not None else None,
    }

"""What the OAuth information policies share: values given as variable or text, and the variables of a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_policies.security.oauth.issue import product_list
from apiproxy_runtime.policy.api import (
    Catalog,
    Element,
    Fault,
    MessageContext,
    Policy,
    Site,
    Token,
    Value,
    text,
    text_of,
)


class Given(Element):
    """The variable of `ref`, else the text itself."""

    value: Value[str] = text(ref=True)


def given(site: Site, element: Given | None, default: str = "") -> Callable[[MessageContext], str]:
    """The value of an element; of the variable `default` when the element says nothing."""
    literal = (element.value.text or "") if element is not None else ""
    variable = (element.value.ref or "") if element is not None else ""
    if not variable and not literal:
        variable = default
    if not variable:
        return lambda ctx: literal
    get = site.getter(variable)
    return lambda ctx: text_of(get(ctx)) or literal


def variable_of(element: Given | None, default: str = "") -> str:
    """The variable an element names, for messages."""
    return (element.value.ref if element is not None else None) or default


def oauth_fault(policy: Policy, name: str, **values: object) -> Fault:
    """A fault of the policy's table with `oauthV2.<policy>.fault.name` and `.cause`."""
    fault = policy.fault(name, **values)
    fault.variables = {
        f"oauthV2.{policy.name}.fault.name": fault.name,
        f"oauthV2.{policy.name}.fault.cause": fault.text,
    }
    return fault


def token_profile(
    prefix: str, access: Token | None, refresh: Token | None, catalog: Catalog, now: float
) -> dict[str, Any]:
    """Variables of a stored token, its pair, and its app (GetOAuthV2Info and SetOAuthV2Info references)."""
    token = access if access is not None else refresh
    assert token is not None
    values: dict[str, Any] = dict(token.attributes)
    values |= {f"accesstoken.{name}": value for name, value in token.attributes.items()}
    values |= {
        "organization_name": catalog.organization,
        "developer.app.id": token.app_id,
        "client_id": token.client_id,
        "api_product_list": product_list(token.products),
        "scope": token.scope,
        "grant_type": token.grant_type,
        "token_type": "BearerToken",
        "refresh_count": str(token.refresh_count),
        "issued_at": str(token.issued_at),
        "expires_in": str(token.expires_in(now)),
        "status": token.status,
    }
    consumer = catalog.consumers.get(token.client_id)
    if consumer is not None:
        values |= {
            "developer.id": f"{catalog.organization}@@@{consumer.developer_id}",
            "developer.app.name": consumer.app.name,
            "developer.email": consumer.developer.email,
        }
    if token.end_user:
        values["app_enduser"] = token.end_user
    if token.revoke_reason:
        values["revoke_reason"] = token.revoke_reason
    if access is not None:
        values["access_token"] = access.value
    elif refresh is not None and refresh.pair:
        values["access_token"] = refresh.pair
    values["refresh_token_expires_in"] = "0"
    if refresh is not None:
        values |= {
            "refresh_token": refresh.value,
            "refresh_token_status": refresh.status,
            "refresh_token_expires_in": str(refresh.expires_in(now)),
            "refresh_token_issued_at": str(refresh.issued_at),
        }
    return {f"{prefix}{name}": value for name, value in values.items()}

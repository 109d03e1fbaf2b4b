"""What OAuth tests share: a client with a product, and the requests that token endpoints get."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import Store
from apiproxy_runtime.state.tokens import Tokens
from apiproxy_runtime.world import FrozenWorld
from tests.consumers import app, data
from tests.policies.kit import compile_policy, context, request, run, services

NOW = 1_000_000.0
CALLBACK = "https://app.example/cb"
FORM = "application/x-www-form-urlencoded"


def oauth_services(
    *,
    product: dict[str, Any] | None = None,
    store: Store | None = None,
    settings: dict[str, str] | None = None,
    **fields: Any,
) -> Services:
    """One app (`k`, `s`) with one product, `gold`, whose scopes are `read` and `write`; and another client, `k2`."""
    products = [{"name": "gold", "scopes": ["read", "write"], **(product or {})}, {"name": "bare"}]
    first = app("gold", appId="app-1", callbackUrl=CALLBACK, **fields)
    other = {**app("bare", key="k2", secret="s2"), "name": "other", "appId": "app-2"}
    store = store or MemoryStore(FrozenWorld(now=NOW))
    return services(test_data=data(products, [first, other]), store=store, settings=settings or {})


def basic(user: str = "k", password: str = "s") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def form(
    fields: Mapping[str, str], headers: Mapping[str, str] | None = None, query: str = ""
) -> MessageContext:
    """A token request: the form, with the client's Basic credentials unless other headers are given."""
    headers = basic() if headers is None else headers
    return context(request=request("POST", "/token", query, headers, urlencode(dict(fields)), FORM))


def bearer(token: str, path: str = "/", verb: str = "GET", prefix: str = "Bearer") -> MessageContext:
    return context(request=request(verb, headers={"Authorization": f"{prefix} {token}"}), path_suffix=path)


def oauth(operation: str, body: str = "", name: str = "OA") -> str:
    return f'<OAuthV2 name="{name}"><Operation>{operation}</Operation>{body}</OAuthV2>'


def generate(body: str = "", grants: str = "client_credentials", name: str = "OA") -> str:
    listed = "".join(f"<GrantType>{grant}</GrantType>" for grant in grants.split())
    return oauth("GenerateAccessToken", f"<SupportedGrantTypes>{listed}</SupportedGrantTypes>{body}", name)


async def issued(using: Services, fields: Mapping[str, str] | None = None, body: str = "") -> dict[str, Any]:
    """The variables of a token made with the password grant, by their short names."""
    step = compile_policy(generate(body, "password", "GEN"), using=using)
    ctx = await run(step, form(fields or {"grant_type": "password", "username": "bob", "password": "x"}))
    prefix = "oauthv2accesstoken.GEN."
    return {
        name.removeprefix(prefix): value for name, value in ctx.variables.items() if name.startswith(prefix)
    }


def stored(using: Services) -> Tokens:
    return Tokens(using.store, using.environment.organization)


def body_of(fault: Fault) -> Any:
    assert fault.message is not None
    return json.loads(fault.message.body)

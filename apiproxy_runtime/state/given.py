"""Access tokens that the test data gives: put into the store as if they had been issued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from apiproxy_runtime.state.catalog import Catalog
from apiproxy_runtime.state.store import Store, settled
from apiproxy_runtime.state.tokens import Token, Tokens

if TYPE_CHECKING:
    from apiproxy_runtime.bundle.accesstoken import AccessToken


async def seed_access_tokens(given: Iterable[AccessToken], catalog: Catalog, store: Store) -> None:
    """Keep each token whose key is known, for the products of that key and, unless it says so, for all their scopes.

    Seeding again puts a token back that was revoked meanwhile. Raises StoreError.
    """
    records = Tokens(store, catalog.organization).access
    for token in given:
        consumer = catalog.consumers.get(token.consumer_key)
        if consumer is None:
            continue
        scopes = token.scopes or tuple(
            dict.fromkeys(scope for product in consumer.products for scope in product.scopes)
        )
        record = Token(
            value=token.value,
            client_id=consumer.key,
            app_id=consumer.app_id,
            issued_at=int(store.world.now() * 1000),
            expires_at=token.expires_at,
            attributes=dict(token.attributes),
            end_user=token.end_user,
            scope=" ".join(scopes),
            products=[product.name for product in consumer.products],
            grant_type="client_credentials",
        )
        await settled(records.put(record))

"""`accesstokens.json`: OAuth 2.0 access tokens that are there from the start.

The file is ours, the emulator has none: with it a proxy that only verifies tokens can be tried without the one that
issues them.
"""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Place, Placed

_FIELDS = ("token", "consumerKey", "scopes", "endUser", "expiresAt", "attributes")


class AccessToken(Struct, frozen=True, eq=False):
    """A token of an app's key. `expires_at` is in milliseconds since the epoch, -1 for never."""

    value: str
    consumer_key: str
    scopes: tuple[str, ...]
    end_user: str
    expires_at: int
    attributes: dict[str, str]
    place: Placed

    def __repr__(self) -> str:
        return "AccessToken(…)"  # it opens doors, so no log shows it


def read_access_token(entry: Entry) -> AccessToken | None:
    """None (and an error) without the token or the key it belongs to."""
    value, key = entry.name("token"), entry.name("consumerKey")
    entry.check_fields(_FIELDS)
    if not value or not key:
        return None
    return AccessToken(
        value=value,
        consumer_key=key,
        scopes=entry.texts("scopes"),
        end_user=entry.text("endUser"),
        expires_at=entry.integer("expiresAt", default=-1),
        attributes=entry.attributes(),
        place=Place(entry.file, entry.line, entry.column),
    )

"""What OAuth policies issue: access tokens, refresh tokens, authorization codes and OAuth 1.0a tokens.

Records live in the store under their own value, one organization apart from the other. They outlive their expiry by
three days, so that an expired token can be told from one that never was. Indexes by app and by end user serve
revocation. Every change of a record compares and sets, so two workers never both spend one code or refresh token.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct, field
from msgspec.structs import asdict

from apiproxy_runtime.state.store import Answer, Store, Value, settled, then

#: For how long an expired record can still be told from one that never was (seconds).
KEEP_EXPIRED = 3 * 24 * 3600
#: How many decoded records are remembered before all of them are forgotten.
_REMEMBERED = 1024


class _Record(Struct, kw_only=True):
    """What all records have. Times are milliseconds since the epoch; `expires_at` -1 is never.

    hidden   names of attributes that a generated response leaves out
    status   approved or revoked
    """

    value: str
    client_id: str
    app_id: str
    issued_at: int
    expires_at: int = -1
    status: str = "approved"
    attributes: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    end_user: str = ""

    def expired(self, now: float) -> bool:
        """Whether it has expired at `now`, seconds since the epoch."""
        return 0 <= self.expires_at <= now * 1000

    def expires_in(self, now: float) -> int:
        """Whole seconds left, never below 0; 0 as well for one that never expires (as Apigee prints it)."""
        return max(0, int((self.expires_at - now * 1000 - 1) // 1000)) if self.expires_at >= 0 else 0


class Token(_Record, kw_only=True):
    """An access token or a refresh token; `pair` is the other one's value, empty where there is none."""

    scope: str = ""
    products: list[str] = field(default_factory=list)
    grant_type: str = ""
    pair: str = ""
    refresh_count: int = 0
    revoke_reason: str = ""


class Code(_Record, kw_only=True):
    """An authorization code; `bound` says whether the client named the redirect URI itself."""

    redirect_uri: str = ""
    bound: bool = False
    scope: str = ""
    state: str = ""
    challenge: str = ""
    challenge_method: str = ""


class RequestToken(_Record, kw_only=True):
    """An OAuth 1.0a request token, or, with `access`, an access token. `verifier` is empty until a user agreed."""

    secret: str
    callback: str = ""
    verifier: str = ""
    access: bool = False
    products: list[str] = field(default_factory=list)


R = TypeVar("R", bound=_Record)


class Records(Generic[R]):
    """Records of one kind by their value."""

    def __init__(self, store: Store, organization: str, kind: str, record: type[R]) -> None:
        self.store = store
        self.kind = kind
        self._record = record
        #: records by what is stored of them, so that a token that is used often is decoded once
        self._decoded: dict[Value, R] = {}
        self._space = f"oauth/{organization}/{kind}"
        self._apps = f"oauth-app/{organization}/{kind}"
        self._users = f"oauth-user/{organization}/{kind}"

    def get(self, value: str) -> Answer[R | None]:
        """The record of a value; None when there is none, or no longer. Do not change it: `update` does."""
        return then(self.store.get(self._space, value), self._known)

    def _known(self, stored: Value | None) -> R | None:
        if stored is None:
            return None
        record = self._decoded.get(stored)
        if record is None:
            if len(self._decoded) >= _REMEMBERED:
                self._decoded.clear()
            record = self._decoded[stored] = self._decode(stored)
        return record

    def put(self, record: R) -> Answer[None]:
        """Keep a new record, in place of one of the same value."""
        return self.store.finish(self._put(record))

    async def _put(self, record: R) -> None:
        ttl = self._ttl(record)
        await settled(self.store.put(self._space, record.value, _written(record), ttl))
        await settled(self.store.put(self._apps, f"{record.app_id}\0{record.value}", "", ttl))
        if record.end_user:
            await settled(self.store.put(self._users, f"{record.end_user}\0{record.value}", "", ttl))

    def delete(self, value: str) -> Answer[bool]:
        """Forget a record; whether there was one (only one of several callers is told so)."""
        return self.store.delete(self._space, value)

    def update(self, value: str, change: Callable[[R], bool]) -> Answer[R | None]:
        """Change a record in one go.

        `change` alters the record and returns whether to keep that; it may be called again when somebody else was
        faster. The changed record; None when there is none or `change` refused.
        """
        return self.store.finish(self._update(value, change))

    async def _update(self, value: str, change: Callable[[R], bool]) -> R | None:
        while True:
            before = await settled(self.store.get(self._space, value))
            record = self._decode(before) if before is not None else None
            if record is None or not change(record):
                return None
            after = _written(record)
            if await settled(
                self.store.compare_and_set(self._space, value, before, after, self._ttl(record))
            ):
                return record

    def of_app(self, app_id: str) -> Answer[list[str]]:
        """The values issued to an app; some may be gone."""
        return self._indexed(self._apps, app_id)

    def of_user(self, end_user: str) -> Answer[list[str]]:
        """The values issued for an end user; some may be gone."""
        return self._indexed(self._users, end_user)

    def _indexed(self, space: str, owner: str) -> Answer[list[str]]:
        prefix = f"{owner}\0"
        return then(self.store.entries(space, prefix), lambda found: [key[len(prefix) :] for key, _ in found])

    def _decode(self, stored: Value) -> R:
        values: dict[str, Any] = json.loads(stored)
        return self._record(**values)

    def _ttl(self, record: R) -> float | None:
        if record.expires_at < 0:
            return None
        return max(record.expires_at / 1000 - self.store.world.now(), 0.0) + KEEP_EXPIRED


def _written(record: _Record) -> str:
    values = asdict(record)
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


class Tokens:
    """All that OAuth policies of an organization have issued."""

    def __init__(self, store: Store, organization: str) -> None:
        self.access = Records(store, organization, "access", Token)
        self.refresh = Records(store, organization, "refresh", Token)
        self.codes = Records(store, organization, "code", Code)
        self.version_one = Records(store, organization, "v1", RequestToken)
        #: by verifier; the attribute `request_token` says whose it is
        self.verifiers = Records(store, organization, "verifier", RequestToken)

    def issue(self, access: Token, refresh: Token | None) -> Answer[None]:
        """Keep an access token and, where there is one, its refresh token."""
        return self.access.store.finish(self._issue(access, refresh))

    async def _issue(self, access: Token, refresh: Token | None) -> None:
        if refresh is not None:
            await settled(self.refresh.put(refresh))
        await settled(self.access.put(access))

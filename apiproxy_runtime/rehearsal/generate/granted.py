"""The access token that generated requests carry: asked for at the bundle's own endpoints, else one that test data gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.rehearsal.generate.credentials import Credentials
from apiproxy_runtime.rehearsal.generate.grants import (
    Issuer,
    code_requests,
    direct_requests,
    exchange_requests,
    issued,
    refresh_requests,
)
from apiproxy_runtime.rehearsal.generate.scene import Scene
from apiproxy_runtime.rehearsal.generate.scout import Kept, Scout
from apiproxy_runtime.rehearsal.side import Branch

#: Seconds that a token is good for when its answer does not say.
_LIFETIME = 1800.0
_NAMES = ("access_token", "refresh_token", "expires_in", "code")


class Granted:
    """Gets a token the way clients do, and a new one before it expires; each request that gets one is a case."""

    def __init__(self, scout: Scout, credentials: Credentials, issuers: Sequence[Issuer], gap: float) -> None:
        self.scout, self.credentials, self.issuers, self.gap = scout, credentials, issuers, gap
        self.token = ""
        self._scenes: dict[str, Scene] = {}
        self._passing: dict[str, list[str]] = {}
        self._until = float("inf")
        #: the requests that got a code, and then a token, the way that worked
        self._for_code: _Asked | None = None
        self._for_token: _Asked | None = None

    def passed(self, name: str, scene: Scene, branches: Sequence[Branch]) -> None:
        """Tell what a scene that goes well has passed."""
        self._scenes[name] = scene
        for branch in branches:
            if branch.kind == "policy":
                self._passing.setdefault(branch.name, []).append(name)

    async def find(self) -> None:
        """Have every policy that issues tokens or codes issue some, asking first where it is known to be."""
        if not self.credentials.pairs:
            return
        code = refresh_token = ""
        for issuer in self._granting("code"):
            code = (await self._first(issuer, code_requests)).get("code", code)
        for issuer in self._granting("authorization_code") if code else ():
            found = await self._first(issuer, exchange_requests, code)
            refresh_token = found.get("refresh_token", refresh_token)
        for issuer in self.issuers:
            found = await self._first(issuer, direct_requests)
            refresh_token = found.get("refresh_token", refresh_token)
        for issuer in self._granting("refresh_token") if refresh_token else ():
            # it takes the token that it was issued with away
            await self._first(issuer, refresh_requests, refresh_token)
        self.token = self.token or self.credentials.given

    async def renew(self) -> None:
        """Ask once more where the token is about to expire."""
        if self.scout.now < self._until or self._for_token is None or self.scout.spent():
            return
        self._until = float("inf")
        asked = self._for_token
        if "client_credentials" not in asked.issuer.grants and self._for_code is not None:
            found = await self._ask(self._for_code)
            asked = asked.with_code(found.get("code", ""))
        await self._ask(asked)

    def _granting(self, grant: str) -> list[Issuer]:
        return [issuer for issuer in self.issuers if grant in issuer.grants]

    async def _first(
        self, issuer: Issuer, make: Callable[..., Iterable[Scene]], *given: str
    ) -> dict[str, str]:
        """What the first scenes get that get anything; every way to ask in them is tried."""
        likely = self._passing.get(issuer.policy, [])
        for name in (*likely, *(name for name in self._scenes if name not in likely)):
            found: dict[str, str] = {}
            for request in make(self._scenes[name], issuer, self.credentials.pairs[0], *given):
                if not self.scout.spent():
                    found |= await self._ask(_Asked(name, issuer, request))
            if found:
                return found
        return {}

    async def _ask(self, asked: _Asked) -> dict[str, str]:
        """Send a request, and keep it as a case when it gets something."""
        exchange, outcome, passed = await self.scout.outcome(asked.scene, self.gap)
        found = issued(outcome.response, _NAMES)
        gives_code = "code" in asked.issuer.grants
        if ("code" if gives_code else "access_token") not in found:
            return {}
        new = self.scout.first(passed)
        what = "a code" if gives_code else "a token"
        self.scout.kept.append(Kept(f"{asked.name}: {what}", exchange, new, self.gap, outcome.response))
        if gives_code:
            self._for_code = asked
            return found
        self.token = found["access_token"]
        if "refresh_token" not in asked.issuer.grants:
            self._for_token = asked
        lifetime = found.get("expires_in", "")
        seconds = float(lifetime) if lifetime.isdigit() else _LIFETIME
        # one that never expires is said to do so in 0 seconds
        self._until = self.scout.now + seconds / 2 if seconds else float("inf")
        return found


class _Asked(Struct, frozen=True):
    """A request for a token or a code; `name` says of which flow."""

    name: str
    issuer: Issuer
    scene: Scene

    def with_code(self, code: str) -> _Asked:
        """The same with another code, where it had one."""
        origin = self.issuer.places["code"]
        held = self.scene.parts(origin.kind)
        if not code or origin.name not in held:
            return self
        scene = self.scene.copy()
        scene.parts(origin.kind)[origin.name] = origin.text(code)
        return replace(self, scene=scene)

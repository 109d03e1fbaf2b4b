"""Clients for tests of the management API: one speaks as Edge's do, one as those of Apigee X."""

from __future__ import annotations

from typing import Any

from tests.control.house import ControlHouse
from tests.house import Reply


class Edge:
    """Short paths and Basic authentication, as apigeetool has them."""

    def __init__(self, house: ControlHouse) -> None:
        self.house = house

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        """`path` below the organization; `environments/` is written `e/`."""
        path = path.replace("environments/", "e/", 1) if path.startswith("environments/") else path
        headers = {"Authorization": "Basic dTpw", **options.pop("headers", {})}
        return await self.house.ask(method, f"/v1/o/hybrid/{path}", headers=headers, **options)


class X:
    """Long paths and a Bearer token, as Google's clients have them."""

    def __init__(self, house: ControlHouse) -> None:
        self.house = house

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        headers = {"Authorization": "Bearer x", **options.pop("headers", {})}
        return await self.house.ask(method, f"/v1/organizations/hybrid/{path}", headers=headers, **options)

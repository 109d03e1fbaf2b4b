"""crypto, and time and chance from the world."""

from __future__ import annotations

import pytest

from apiproxy_runtime.world import FrozenWorld
from tests.scripting.javascript.scripts import context, failure_of, value_of

ABC = {
    "MD5": "900150983cd24fb0d6963f7d28e17f72",
    "SHA1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "SHA256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "SHA512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
}


@pytest.mark.parametrize("name", sorted(ABC))
async def test_hashes(name: str) -> None:
    script = (
        f"(function () {{ var h = crypto.get{name}(); h.update('a'); h.update('bc'); return h.digest(); }})()"
    )
    assert await value_of(script) == ABC[name]


@pytest.mark.parametrize("name", ["SHA-256", "sha-256", "SHA256"])
async def test_hashes_by_name(name: str) -> None:
    script = f"(function () {{ var h = crypto.getHash('{name}'); h.update('abc'); return h.digest64(); }})()"
    assert await value_of(script) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="


async def test_an_unknown_hash_is_an_error() -> None:
    assert "MD4" in await failure_of("crypto.getHash('MD4');")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("'yyyy-MM-dd HH:mm:ss.SSS', 'UTC', 1700000000123", "2023-11-14 22:13:20.123"),
        ("'yyyy-MM-dd HH:mm', 'America/New_York', 1700000000000", "2023-11-14 17:13"),
        ("'HH:mm', 'GMT+5:30', 1700000000000", "03:43"),
        ("'HH:mm', 'Nowhere/None', 1700000000000", "22:13"),
        ("'yyyy', null, 1700000000000", "2023"),
        ("'yyyy-MM-dd'", "2023-11-14"),
    ],
)
async def test_dates(arguments: str, text: str) -> None:
    assert await value_of(f"crypto.dateFormat({arguments})", context(world=FrozenWorld())) == text


async def test_a_bad_date_format_is_an_error() -> None:
    assert "'" in await failure_of('crypto.dateFormat("yyyy \'open");')


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("Date.now()", 1_700_000_000_000),
        ("new Date().getTime()", 1_700_000_000_000),
        ("new Date(5).getTime()", 5),
        ("new Date() instanceof Date", True),
        ("new Date(2020, 0, 1).getFullYear()", 2020),
        ("Date.UTC(1970, 0, 2)", 86_400_000),
        ("typeof Date()", "string"),
        ("Object.prototype.toString.call(new Date())", "[object Date]"),
    ],
)
async def test_a_frozen_world_stops_the_scripts_clock(expression: str, value: object) -> None:
    assert await value_of(expression, context(world=FrozenWorld())) == value


async def test_a_frozen_world_repeats_its_chance() -> None:
    first = await value_of("Math.random()", context(world=FrozenWorld(seed=3)))
    assert first == await value_of("Math.random()", context(world=FrozenWorld(seed=3)))

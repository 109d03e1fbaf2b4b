"""The sample bundle of limits and caches, over HTTP: each policy in a flow of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.policy.registry import all_policies
from tests.house import House, Reply, house
from tests.policies.kit import findings_of

SAMPLE = Path(__file__).resolve().parents[3] / "samples/policies/traffic/apiproxy"
BASE = "/samples/traffic"
TRAFFIC = [policy for policy in all_policies() if policy.family == "traffic"]


@pytest.fixture
async def gateway() -> AsyncIterator[House]:
    async with house(SAMPLE) as running:
        yield running


async def call(gateway: House, verb: str, path: str, client: str = "a", **options: Any) -> Reply:
    return await gateway.call(verb, BASE + path, headers={"X-Client": client}, **options)


@pytest.mark.parametrize("policy", TRAFFIC, ids=lambda policy: policy.tag)
def test_examples_of_the_reference_can_be_deployed(policy: Any) -> None:
    assert findings_of(policy.example) == []


def test_the_sample_has_every_policy_of_the_family() -> None:
    written = "".join(file.read_text() for file in (SAMPLE / "policies").iterdir())
    assert [policy.tag for policy in TRAFFIC if f"<{policy.tag} " not in written] == []


async def test_quota_and_its_reset(gateway: House) -> None:
    assert (await call(gateway, "GET", "/quota")).json() == {"allowed": 3, "used": 1, "left": 2}
    assert [(await call(gateway, "GET", "/quota")).status for _ in range(3)] == [200, 200, 429]
    assert (await call(gateway, "GET", "/quota", "b")).status == 200
    assert (await call(gateway, "DELETE", "/quota")).json() == {"done": True}
    assert (await call(gateway, "GET", "/quota")).json()["used"] == 2


async def test_spike_arrest(gateway: House) -> None:
    replies = [await call(gateway, "GET", "/spike", client) for client in ("a", "a", "b")]
    assert [reply.status for reply in replies] == [200, 429, 200]
    assert replies[1].fault()[0] == "policies.ratelimit.SpikeArrestViolation"


async def test_cache(gateway: House) -> None:
    assert (await call(gateway, "GET", "/cache?key=k")).json() == {"hit": False, "value": ""}
    await call(gateway, "PUT", "/cache?key=k", data="seven")
    assert (await call(gateway, "GET", "/cache?key=k")).json() == {"hit": True, "value": "seven"}
    await call(gateway, "DELETE", "/cache?key=k")
    assert (await call(gateway, "GET", "/cache?key=k")).json() == {"hit": False, "value": ""}


async def test_response_cache(gateway: House) -> None:
    replies = [await call(gateway, "GET", path) for path in ("/model/x", "/model/x", "/model/y")]
    assert [reply.headers["X-Cache-Hit"] for reply in replies] == ["false", "true", "false"]
    assert replies[0].json() == replies[1].json() != replies[2].json()


async def test_llm_token_quota(gateway: House) -> None:
    used = {"usageMetadata": {"candidatesTokenCount": 60}}
    replies = [await call(gateway, "POST", "/tokens", json=used) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[1].json() == {"used": 120}


async def test_prompt_token_limit(gateway: House) -> None:
    prompt = {"prompt": "one two three four five six seven eight nine ten eleven"}
    replies = [await call(gateway, "POST", "/prompt", json=prompt) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 429]
    assert replies[0].json() == {"tokens": 11}


async def test_semantic_cache(gateway: House) -> None:
    asked = ("why is the sky blue", "Why is the sky so blue?", "name a good restaurant")
    replies = [await call(gateway, "POST", "/semantic", json={"prompt": prompt}) for prompt in asked]
    assert [reply.headers["X-Cache-Hit"] for reply in replies] == ["false", "true", "false"]
    assert [reply.json()["prompt"] for reply in replies] == [asked[0], asked[0], asked[2]]


async def test_concurrent_ratelimit(gateway: House) -> None:
    """One call at a time: the second passes only because the first has given its connection back."""
    assert [(await call(gateway, "GET", "/backend")).status for _ in range(3)] == [200, 200, 200]

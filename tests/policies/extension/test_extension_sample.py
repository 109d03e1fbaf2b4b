"""The sample bundle of the policies that run code, called over HTTP as its comments say."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from apiproxy_runtime.scripting.java.jvm import JavaMissing, find_java
from tests.house import house

SAMPLE = Path(__file__).resolve().parents[3] / "samples/policies/extension/apiproxy"


def java_is_missing() -> bool:
    try:
        find_java()
    except JavaMissing:
        return True
    return False


@pytest.mark.skipif(java_is_missing(), reason="there is no Java")
async def test_code_of_the_bundle_runs() -> None:
    async with house(SAMPLE) as gateway:
        reply = await gateway.call("POST", "/samples/extension/python", data="Tea or tea OR coffee")
        assert (reply.status, reply.text) == (200, "coffee=1 or=2 tea=2")
        reply = await gateway.call("POST", "/samples/extension/java", data=b"\xff\x00tea")
        assert (reply.status, reply.text) == (200, f"{zlib.crc32(bytes([255, 0]) + b'tea'):x}")
        reply = await gateway.get("/samples/extension/python")
        assert (reply.status, reply.text) == (400, "ScriptEvaluationFailed")
        reply = await gateway.get("/samples/extension/java")
        assert (reply.status, reply.text) == (400, "ExecutionError")

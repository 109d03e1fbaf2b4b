"""gcloud, as Google ships it, against the control port."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.control.house import ControlHouse, archive, control_house, says, workspace

#: Seconds that a command may take.
PATIENCE = 60


@dataclass(frozen=True)
class Gcloud:
    house: ControlHouse
    folder: Path

    async def __call__(self, *arguments: str, fails: bool = False) -> str:
        """What a command prints; with `fails`, what it complains of."""
        (self.folder / "token").write_text("x")
        process = await asyncio.create_subprocess_exec(
            "gcloud",
            f"--access-token-file={self.folder / 'token'}",
            "--quiet",
            *arguments,
            "--organization=acme",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "CLOUDSDK_CONFIG": str(self.folder / "config"),
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_APIGEE": f"{self.house.control}/",
                "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            },
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
        assert (process.returncode != 0) is fails, err.decode()
        return (err if fails else out).decode()


@pytest.fixture
async def gcloud(tmp_path: Path) -> AsyncIterator[Gcloud]:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed (cloud.google.com/sdk)")
    async with control_house() as house:
        yield Gcloud(house, tmp_path)


async def imported(house: ControlHouse, text: str) -> None:
    path = "/v1/organizations/acme/apis?action=import&name=hello"
    assert (await house.ask("POST", path, data=archive(says("hello", text)))).status == 201


async def test_a_proxy_is_listed_deployed_and_undeployed(gcloud: Gcloud) -> None:
    await imported(gcloud.house, "one")
    await imported(gcloud.house, "two")
    assert "hello" in await gcloud("apigee", "apis", "list")
    there = ("--api=hello", "--environment=test")
    await gcloud("apigee", "apis", "deploy", "1", *there)
    assert (await gcloud.house.call("/hello")).text == "one"
    assert "INVALID_ARGUMENT" not in await gcloud("apigee", "apis", "deploy", "2", *there, "--override")
    assert (await gcloud.house.call("/hello")).text == "two"
    assert (await gcloud("apigee", "deployments", "list")).split()[-3:] == ["test", "hello", "2"]
    await gcloud("apigee", "apis", "undeploy", "2", *there)
    assert (await gcloud.house.call("/hello")).status == 404
    assert "test" in await gcloud("apigee", "environments", "list")


async def test_a_product_is_made_changed_and_deleted(gcloud: Gcloud) -> None:
    await imported(gcloud.house, "one")
    wanted = ("--display-name=Gold", "--environments=test", "--apis=hello", "--public-access")
    await gcloud("apigee", "products", "create", "gold", *wanted)
    await gcloud("apigee", "products", "update", "gold", "--add-attribute=x=y")
    assert "name: x" in await gcloud("apigee", "products", "describe", "gold")
    await gcloud("apigee", "products", "delete", "gold")
    assert "no API product 'gold'" in await gcloud("apigee", "products", "describe", "gold", fails=True)


async def test_a_workspace_is_deployed_as_an_archive(gcloud: Gcloud) -> None:
    source = gcloud.folder / "ws"
    for text, broken in (("one", ""), ("two", "<Nothing name='reply'/>")):
        files = says("hello", text)
        if broken:
            files["apiproxy/policies/reply.xml"] = broken
        shutil.rmtree(source, ignore_errors=True)
        (gcloud.folder / "ws.zip").write_bytes(workspace({"hello": files}))
        shutil.unpack_archive(gcloud.folder / "ws.zip", source)
        deploy = ("alpha", "apigee", "archives", "deploy", "--environment=test", f"--source={source}")
        told = await gcloud(*deploy, fails=bool(broken))
        assert (await gcloud.house.call("/hello")).text == "one"
    assert "apiproxy/policies/reply.xml:1" in told
    assert "Deployed" in await gcloud("alpha", "apigee", "archives", "list", "--environment=test")

"""apigeetool as it comes from npm, against the control port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.npm import PATIENCE, ClientFailed, Clients, clients, written
from tests.control.house import flow, says


@pytest.fixture
async def npm(npm_clients: Path) -> AsyncIterator[Clients]:
    async with clients(npm_clients) as running:
        yield running


SCRIPT = "<Javascript name='count'><ResourceURL>jsc://count.js</ResourceURL></Javascript>"


def counting(text: str) -> dict[str, str]:
    """A proxy with a script and several policies, so that uploads run side by side."""
    return {
        **says("hello", text + " {flow.n}", count=SCRIPT, a=SCRIPT.replace("'count'", "'a'")),
        "apiproxy/resources/jsc/count.js": "context.setVariable('flow.n', 1 + (context.getVariable('flow.n') | 0));",
    }


async def test_its_command_line_deploys(npm: Clients, tmp_path: Path) -> None:
    folder = written(tmp_path / "hello", says("hello", "hi"))
    process = await asyncio.create_subprocess_exec(
        "node",
        str(npm.modules / "apigeetool/lib/cli.js"),
        *("deployproxy", *npm.login(), "-n", "hello", "-e", "test", "-d", folder, "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert (process.returncode, json.loads(out)[0]["state"]) == (0, "deployed")
    assert await npm.text("/hello") == "hi"


async def test_a_proxy_is_deployed_changed_refused_undeployed_and_deleted(
    npm: Clients, tmp_path: Path
) -> None:
    hello = ("-n", "hello", "-e", "test")
    folder = written(tmp_path / "hello", counting("one"))
    first = await npm.tool("deployproxy", *hello, "-d", folder)
    assert [(item["name"], item["revision"], item["state"]) for item in first] == [("hello", 1, "deployed")]
    assert first[0]["uris"] == [f"{npm.house.traffic.replace('127.0.0.1', 'localhost')}/hello"]
    assert "partialResults" not in first[0]
    assert await npm.text("/hello") == "one 2"

    written(tmp_path / "hello", counting("two"))
    second = await npm.tool("deployproxy", *hello, "-d", folder)
    assert second[0]["revision"] == 2
    assert await npm.text("/hello") == "two 2"

    (tmp_path / "hello/apiproxy/policies/reply.xml").write_text("<Unknown name='reply'/>")
    with pytest.raises(ClientFailed, match=r"apiproxy/policies/reply\.xml:1"):
        await npm.tool("deployproxy", *hello, "-d", folder)
    assert await npm.text("/hello") == "two 2"

    listed = await npm.tool("listdeployments", "-n", "hello", "-l")
    assert [(item["environment"], item["revision"], item["state"]) for item in listed["deployments"]] == [
        ("test", 2, "deployed")
    ]
    there = await npm.tool("listdeployments", "-e", "test")
    assert [(item["name"], item["revision"]) for item in there["deployments"]] == [("hello", 2)]
    existing = await npm.tool("deployExistingRevision", *hello, "-r", "1")
    assert existing[0]["revision"] == 1
    assert await npm.text("/hello") == "one 2"

    await npm.tool("fetchproxy", "-n", "hello", "-r", "1", "-f", str(tmp_path / "fetched.zip"))
    assert (tmp_path / "fetched.zip").read_bytes().startswith(b"PK")
    undeployed = await npm.tool("undeploy", *hello)
    assert undeployed["state"] == "undeployed"
    assert (await npm.house.call("/hello")).status == 404
    await npm.tool("delete", "-n", "hello")
    assert await npm.tool("listProxies") == []


async def test_a_shared_flow_is_deployed_hooked_detached_and_undeployed(npm: Clients, tmp_path: Path) -> None:
    deployed = await npm.tool(
        "deploySharedflow", "-n", "sf", "-e", "test", "-d", written(tmp_path / "sf", flow("sf", "marked"))
    )
    assert deployed[0]["state"] == "deployed"
    await npm.tool(
        "deployproxy", "-n", "hello", "-e", "test", "-d", written(tmp_path / "hello", says("hello", "hi"))
    )
    hook = ("-e", "test", "--flowHookName", "PreProxyFlowHook")
    await npm.tool("attachFlowHook", *hook, "--sharedFlowName", "sf")
    assert (await npm.tool("getFlowHook", *hook))["sharedFlow"] == "sf"
    told = npm.house.host.runtimes["test"].services.environment.flow_hooks
    assert [hook.shared_flow for hook in told.values()] == ["sf"]
    with pytest.raises(ClientFailed, match="PreProxyFlowHook"):
        await npm.tool("undeploySharedflow", "-n", "sf", "-e", "test")
    await npm.tool("detachFlowHook", *hook)
    listed = await npm.tool("listSharedflowDeployments", "-e", "test")
    assert [item["name"] for item in listed["deployments"]] == ["sf"]
    await npm.tool("undeploySharedflow", "-n", "sf", "-e", "test")
    assert npm.house.host.shared_flows("test") == []
    await npm.tool("deleteSharedflow", "-n", "sf")


async def test_key_value_maps_of_all_scopes_reach_policies(npm: Clients, tmp_path: Path) -> None:
    reading = """<KeyValueMapOperations name='get' mapIdentifier='m'><Scope>environment</Scope>
        <Get assignTo='flow.v'><Key><Parameter>k</Parameter></Key></Get></KeyValueMapOperations>"""
    folder = written(tmp_path / "hello", says("hello", "{flow.v}", get=reading))
    await npm.tool("deployproxy", "-n", "hello", "-e", "test", "-d", folder)
    scopes: tuple[tuple[str, ...], ...] = (("-e", "test"), ("-n", "hello"), ())
    for scope in scopes:
        named = (*scope, "--mapName", "m")
        await npm.tool("createKVMmap", *named)
        await npm.tool("addEntryToKVM", *named, "--entryName", "k", "--entryValue", "first")
    assert await npm.text("/hello") == "first"
    there = ("-e", "test", "--mapName", "m")
    # this version has no option for the new value and sends none
    with pytest.raises(ClientFailed, match="value"):
        await npm.tool("updateKVMentry", *there, "--entryName", "k")
    assert (await npm.tool("getKVMentry", *there, "--entryName", "k"))["value"] == "first"
    assert (await npm.tool("getKVMmap", *there))["entry"] == [{"name": "k", "value": "first"}]
    await npm.tool("deleteKVMentry", *there, "--entryName", "k")
    await npm.tool("deleteKVMmap", *there)
    with pytest.raises(ClientFailed, match="there is no key value map 'm'"):
        await npm.tool("getKVMmap", *there)


async def test_a_target_server_is_created_and_redirected(npm: Clients) -> None:
    named = ("-e", "test", "--targetServerName", "t")
    await npm.tool("createTargetServer", *named, "--targetHost", "127.0.0.1", "--targetPort", "8081")
    await npm.tool("updateTargetServer", *named, "--targetHost", "localhost", "--targetPort", "8082")
    server = await npm.tool("getTargetServer", *named)
    assert (server["host"], server["port"], server["isEnabled"]) == ("localhost", 8082, True)
    assert await npm.tool("listTargetServers", "-e", "test") == ["t"]
    await npm.tool("deleteTargetServer", *named)
    assert await npm.tool("listTargetServers", "-e", "test") == []


async def test_the_key_of_a_created_app_opens_a_proxy(npm: Clients, tmp_path: Path) -> None:
    verifying = "<VerifyAPIKey name='verify'><APIKey ref='request.queryparam.key'/></VerifyAPIKey>"
    folder = written(tmp_path / "hello", says("hello", "{developer.email}", verify=verifying))
    await npm.tool("deployproxy", "-n", "hello", "-e", "test", "-d", folder)
    product = ("--productName", "p", "--productDesc", "P", "--proxies", "hello", "--environments", "test")
    await npm.tool("createProduct", *product, "--approvalType", "auto")
    developer = ("--email", "a@b.c", "--firstName", "A", "--lastName", "B", "--userName", "ab")
    await npm.tool("createDeveloper", *developer)
    app = await npm.tool("createApp", "--email", "a@b.c", "--name", "app", "--apiProducts", "p")
    drawn = app["credentials"][0]["consumerKey"]
    assert await npm.text(f"/hello?key={drawn}") == "a@b.c"
    keyed = ("--developerId", "a@b.c", "--appName", "app", "--apiProducts", "p")
    await npm.tool("createAppKey", *keyed, "--key", "chosen", "--secret", "s")
    assert await npm.text("/hello?key=chosen") == "a@b.c"
    assert await npm.text(f"/hello?key={drawn}") == "a@b.c"
    await npm.tool("deleteApp", "--email", "a@b.c", "--name", "app")
    assert (await npm.house.call("/hello?key=chosen")).status == 401
    await npm.tool("deleteDeveloper", "--email", "a@b.c")
    await npm.tool("deleteProduct", "--productName", "p")


async def test_caches_are_created_cleared_and_deleted(npm: Clients) -> None:
    named = ("-e", "test", "-z", "c")
    assert (await npm.tool("createcache", *named))["name"] == "c"
    assert (await npm.tool("getcache", *named))["name"] == "c"
    await npm.tool("clearcache", *named)
    assert await npm.tool("listcaches", "-e", "test") == ["c"]
    await npm.tool("deletecache", *named)
    assert await npm.tool("listcaches", "-e", "test") == []

"""`POST /v1/emulator/deploy` and what can be asked about what is deployed, as clients of the emulator do it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.control.house import archive, control_house, flow, says, workspace

DEPLOY = "/v1/emulator/deploy?environment=test"


def form(body: bytes, name: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("note", "not the archive")
    data.add_field(name, body, filename="bundle.zip", content_type="application/octet-stream")
    return data


@pytest.mark.parametrize("name", ["file", "content", "anything"])
async def test_an_archive_may_be_any_part_of_a_multipart_body(name: str) -> None:
    async with control_house() as house:
        reply = await house.ask("POST", DEPLOY, data=form(workspace({"hello": says("hello", "hi")}), name))
        assert (reply.status, reply.json()) == (200, {"revision": "1"})
        assert (await house.call("/hello")).text == "hi"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/zip",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=none",
        None,
    ],
)
async def test_an_archive_may_have_any_content_type(content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    async with control_house() as house:
        body = workspace({"hello": says("hello", "hi")})
        reply = await house.ask("POST", DEPLOY, data=body, headers=headers)
        assert (reply.status, reply.json()) == (200, {"revision": "1"})
        assert (await house.call("/hello")).text == "hi"


async def test_a_part_that_names_its_file_oddly_is_found() -> None:
    """The Maven plugin writes `file="x.zip"` where others write `filename`."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="content"; file="x.zip"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
        + workspace({"hello": says("hello", "hi")})
        + b"\r\n--b--\r\n"
    )
    async with control_house() as house:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert (await house.ask("POST", DEPLOY, data=body, headers=headers)).status == 200


@pytest.mark.parametrize("content_type", ["application/octet-stream", "multipart/form-data; boundary=other"])
async def test_a_form_is_known_by_its_body(content_type: str) -> None:
    for before in (b"", b"\r\n"):
        body = (
            before + b'--a b\r\nContent-Disposition: form-data; name="x"\r\n\r\nPK is a word\r\n--a b\r\n'
            b'Content-Disposition: form-data; name="file"; filename="x.zip"\r\n\r\n'
            + workspace({"hello": says("hello", "hi")})
            + b"\r\n--a b--\r\n"
        )
        async with control_house() as house:
            reply = await house.ask("POST", DEPLOY, data=body, headers={"Content-Type": content_type})
            assert reply.status == 200, reply.text


@pytest.mark.parametrize("body", [b"", b"--", b"--b\r\n", b"--b\r\n\r\n--b--", b"PK", b"{}", b"[1]", b"\xff"])
async def test_what_is_no_archive_is_refused(body: bytes) -> None:
    async with control_house() as house:
        for content_type in ("application/zip", "multipart/form-data; boundary=b"):
            reply = await house.ask("POST", DEPLOY, data=body, headers={"Content-Type": content_type})
            assert (reply.status, reply.json()["code"]) == (400, "InvalidArchive")


async def test_a_deploy_replaces_all_that_was_there() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"one": says("one", "1"), "two": says("two", "2")}))
        reply = await house.deploy(workspace({"two": says("two", "2b")}))
        assert reply.json() == {"revision": "2"}
        assert (await house.call("/one")).status == 404
        assert (await house.call("/two")).text == "2b"
        told = {(event.what, event.name) for event in house.events[2:]}
        assert told == {("updated", "two"), ("undeployed", "one")}


async def test_the_tree_lists_endpoints_and_is_empty_at_first() -> None:
    async with control_house() as house:
        first = await house.ask("GET", "/v1/emulator/tree")
        assert (first.status, first.json()) == (200, [])
        await house.deploy(workspace({"hello": says("hello", "hi", "/api/hello")}))
        tree = (await house.ask("GET", "/v1/emulator/tree")).json()
        assert tree == [
            {
                "application": "hello",
                "name": "default",
                "basePath": "api/hello",
                "revision": "1",
                "environment": "test",
                "proxyUID": "1",
            }
        ]


async def test_a_refused_deploy_leaves_the_one_before_serving_and_says_where_the_trouble_is() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "good")}))
        broken = says("hello", "bad")
        broken["apiproxy/policies/reply.xml"] = (
            "<AssignMessage name='reply'>\n  <Payload>x</Paylod></AssignMessage>"
        )
        broken["apiproxy/proxies/other.xml"] = (
            "<ProxyEndpoint name='other'>\n<PreFlow><Request><Step><Name>gone</Name></Step></Request></PreFlow>"
            "<HTTPProxyConnection><BasePath>/o</BasePath></HTTPProxyConnection></ProxyEndpoint>"
        )
        reply = await house.deploy(workspace({"hello": broken}))
        answer = reply.json()
        assert reply.status == 400
        assert answer["code"] == answer["details"][0]["code"]
        folder = "src/main/apigee/apiproxies/hello/apiproxy"
        places = {(item["file"], item["line"]) for item in answer["details"]}
        assert (f"{folder}/policies/reply.xml", 2) in places
        assert (f"{folder}/proxies/other.xml", 2) in places
        assert all(item["message"] and item["column"] >= 1 for item in answer["details"])
        assert (await house.call("/hello")).text == "good"
        tree = (await house.ask("GET", "/v1/emulator/tree")).json()
        assert [item["proxyUID"] for item in tree] == ["1"]


@pytest.mark.parametrize(
    ("body", "code", "file"),
    [
        (b"PK\x03\x04 not really", "InvalidArchive", None),
        (b"", "InvalidArchive", None),
        (b"hello", "InvalidArchive", None),
        (
            workspace({"a": says("a", "x")}, environment="other"),
            "InvalidEnvironment",
            "src/main/apigee/environments/test",
        ),
        (workspace({}), "NoValidProxiesFound", "src/main/apigee/environments/test/deployments.json"),
        (
            workspace({"a": says("a", "x")}, deployments={"proxies": ["b"]}),
            "ProxyDoesNotExist",
            "src/main/apigee/environments/test/deployments.json",
        ),
        (
            workspace({"a": says("a", "x")}, flowhooks={"PreProxyFlowHook": {"sharedFlow": "gone"}}),
            "SharedFlowDoesNotExist",
            "src/main/apigee/environments/test/flowhooks.json",
        ),
        (
            workspace({"a": says("a", "x")}, flowhooks={"PreProxyHook": {"sharedFlow": "gone"}}),
            "InvalidFlowHook",
            "src/main/apigee/environments/test/flowhooks.json",
        ),
        (
            workspace({"a": says("a", "x")}, targetservers="[{"),
            "InvalidJson",
            "src/main/apigee/environments/test/targetservers.json",
        ),
        (archive({"../evil": "x"}), "InvalidArchive", None),
    ],
)
async def test_what_cannot_be_deployed_is_a_400_with_a_code(body: bytes, code: str, file: str | None) -> None:
    async with control_house() as house:
        reply = await house.deploy(body)
        answer = reply.json()
        assert (reply.status, answer["code"]) == (400, code), answer
        if file is not None:
            assert answer["details"][0]["file"] == file
        assert (await house.ask("GET", "/v1/emulator/tree")).json() == []


async def test_environment_files_come_into_force_with_the_deploy() -> None:
    body = workspace(
        {"hello": says("hello", "{request.header.flow}")},
        {"mark": flow("mark", "hooked")},
        flowhooks={"PreProxyFlowHook": {"sharedFlow": "mark", "continueOnError": True}},
    )
    async with control_house() as house:
        assert (await house.deploy(body)).status == 200
        assert (await house.call("/hello")).text == "hooked"
        await house.deploy(workspace({"hello": says("hello", "{request.header.flow}")}))
        assert (await house.call("/hello")).text == ""


@pytest.mark.parametrize("key", ["sharedflows", "sharedFlows"])
async def test_deployments_may_be_names_or_objects_and_flows_may_be_missing(key: str) -> None:
    async with control_house() as house:
        body = workspace(
            {"a": says("a", "x")}, {"f": flow("f", "x")}, deployments={"proxies": ["a"], key: ["f"]}
        )
        assert (await house.deploy(body)).status == 200
        body = workspace({"a": says("a", "y")}, deployments={"proxies": [{"name": "a"}]})
        assert (await house.deploy(body)).status == 200
        assert (await house.call("/a")).text == "y"


async def test_several_environments_are_served_side_by_side() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "{environment.name}")}, environment="test"))
        body = workspace({"hello": says("hello", "{environment.name}")}, environment="prod")
        assert (await house.deploy(body, "prod")).json() == {"revision": "2"}
        assert (await house.call("/hello")).text == "prod"
        tree = (await house.ask("GET", "/v1/emulator/tree")).json()
        assert [(item["environment"], item["proxyUID"]) for item in tree] == [("test", "1"), ("prod", "2")]
        version = (await house.ask("GET", "/v1/emulator/version")).json()
        assert (version["environment"], version["revision"]) == ("prod", "2")


async def test_the_environment_may_be_left_out_where_there_is_one() -> None:
    async with control_house() as house:
        body = workspace({"hello": says("hello", "{environment.name}")}, environment="dev")
        assert (await house.ask("POST", "/v1/emulator/deploy", data=body)).status == 200
        assert (await house.call("/hello")).text == "dev"


async def test_a_folder_is_deployed_by_its_path(tmp_path: Path) -> None:
    for path, text in says("hello", "from a folder").items():
        file = tmp_path / "src/main/apigee/apiproxies/hello" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    settings = tmp_path / "src/main/apigee/environments/test/deployments.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"proxies": ["hello"]}')
    async with control_house() as house:
        assert (await house.ask("POST", DEPLOY, json={"path": str(tmp_path)})).status == 200
        assert (await house.call("/hello")).text == "from a folder"
        for wrong in ("relative", str(tmp_path / "gone")):
            assert (await house.ask("POST", DEPLOY, json={"path": wrong})).status == 400


async def test_a_bare_bundle_is_deployed_without_a_workspace() -> None:
    async with control_house() as house:
        assert (await house.deploy(archive(says("hello", "bare")))).status == 200
        assert (await house.call("/hello")).text == "bare"


async def test_strict_refuses_what_the_emulator_refuses() -> None:
    async with control_house(strict=True) as house:
        reply = await house.deploy(archive(says("hello", "bare")))
        assert (reply.status, reply.json()["code"]) == (400, "InvalidEnvironment")


async def test_reset_undeploys_all() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        assert (await house.ask("POST", "/v1/emulator/reset")).status == 200
        assert (await house.call("/hello")).status == 404
        assert (await house.ask("GET", "/v1/emulator/tree")).json() == []


async def test_analytics_tell_of_each_request() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "hi")}))
        await house.call("/hello/a?b=c")
        records: list[dict[str, Any]] = (await house.ask("GET", "/v1/emulator/analytics")).json()
        record = records[0]
        assert len(records) == 1
        assert (record["proxy"], record["response_code"], record["request_uri"]) == (
            "hello",
            200,
            "/hello/a?b=c",
        )
        assert record["client_received_start_timestamp"] > 1_600_000_000_000_000
        assert record["client_sent_end_timestamp"] >= record["client_received_start_timestamp"]


async def test_health_and_unknown_paths() -> None:
    async with control_house() as house:
        assert (await house.ask("GET", "/v1/emulator/healthz")).status == 200
        gone = await house.ask("GET", "/v1/emulator/status")
        assert (gone.status, gone.json()["code"]) == (404, "NotFound")
        wrong = await house.ask("GET", "/v1/emulator/deploy")
        assert (wrong.status, wrong.json()["code"]) == (405, "MethodNotAllowed")


async def test_no_request_fails_while_deploys_go_on() -> None:
    async with control_house() as house:
        await house.deploy(workspace({"hello": says("hello", "0")}))
        stop = asyncio.Event()

        async def call() -> list[str]:
            seen = []
            while not stop.is_set():
                reply = await house.call("/hello")
                assert reply.status == 200
                seen.append(reply.text)
            return seen

        calling = [asyncio.create_task(call()) for _ in range(3)]
        for number in range(1, 16):
            assert (await house.deploy(workspace({"hello": says("hello", str(number))}))).status == 200
        stop.set()
        for seen in await asyncio.gather(*calling):
            assert seen == sorted(seen, key=int)


async def test_deploys_at_one_moment_are_numbered_one_after_the_other() -> None:
    async with control_house() as house:
        bodies = [workspace({"hello": says("hello", str(number))}) for number in range(6)]
        replies = await asyncio.gather(*(house.deploy(body) for body in bodies))
        order = {int(reply.json()["revision"]): number for number, reply in enumerate(replies)}
        assert sorted(order) == [1, 2, 3, 4, 5, 6]
        assert (await house.call("/hello")).text == str(order[6])

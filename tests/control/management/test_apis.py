"""`apis` and `sharedflows`, their revisions and deployments, in both flavours."""

import asyncio
import io
import json
import zipfile
from typing import Any

import aiohttp
import pytest

from tests.control.house import ControlHouse, archive, control_house, flow, says
from tests.control.management.clients import Edge, X
from tests.house import Reply

OCTETS = {"Content-Type": "application/octet-stream"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def imported(client: Edge | X, name: str, files: dict[str, str], collection: str = "apis") -> str:
    path = f"{collection}?action=import&name={name}"
    reply = await client.ask("POST", path, data=archive(files), headers=OCTETS)
    assert reply.status == 201, reply.text
    return str(reply.json()["revision"])


async def deployed(client: Edge | X, name: str, revision: str, **form: str) -> Reply:
    path = f"environments/test/apis/{name}/revisions/{revision}/deployments"
    return await client.ask("POST", path, data={"override": "true", **form})


async def served(house: ControlHouse, name: str, text: str) -> None:
    client = Edge(house)
    assert (await deployed(client, name, await imported(client, name, says(name, text)))).status == 200


# ---- import, deploy, undeploy


async def test_a_proxy_is_imported_deployed_called_replaced_and_undeployed() -> None:
    async with control_house() as house:
        edge = Edge(house)
        for revision, text in (("1", "one"), ("2", "two")):
            assert await imported(edge, "hello", says("hello", text)) == revision
            reply = await deployed(edge, "hello", revision)
            assert reply.status == 200
            answer = reply.json()
            assert (answer["aPIProxy"], answer["environment"], answer["revision"]) == (
                "hello",
                "test",
                revision,
            )
            assert (answer["state"], answer["configuration"]["basePath"]) == ("deployed", "/")
            assert [server["status"] for server in answer["server"]] == ["deployed"]
            assert (await house.call("/hello")).text == text
        path = "environments/test/apis/hello/revisions/2/deployments"
        gone = await edge.ask("DELETE", path)
        assert (gone.status, gone.json()["state"]) == (200, "undeployed")
        assert (await house.call("/hello")).status == 404
        again = await edge.ask("DELETE", path)
        assert (again.status, again.json()["code"]) == (400, "distribution.RevisionNotDeployed")


async def test_x_reads_ready_while_edge_reads_deployed() -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        path = "environments/test/apis/hello/revisions/1/deployments"
        assert (await Edge(house).ask("GET", path)).json()["state"] == "deployed"
        answer = (await X(house).ask("GET", path)).json()
        assert (answer["state"], answer["apiProxy"], answer["environment"]) == ("READY", "hello", "test")
        assert answer["deployStartTime"].isdecimal()


async def test_without_override_another_deployed_revision_is_in_the_way() -> None:
    async with control_house() as house:
        await served(house, "hello", "one")
        await imported(Edge(house), "hello", says("hello", "two"))
        reply = await deployed(X(house), "hello", "2", override="false")
        assert reply.status == 400
        assert "override=true" in reply.json()["error"]["message"]
        assert (await house.call("/hello")).text == "one"


async def test_a_base_path_given_at_deploy_time_goes_before_the_proxys_own() -> None:
    async with control_house() as house:
        edge = Edge(house)
        await imported(edge, "hello", says("hello", "hi"))
        reply = await deployed(edge, "hello", "1", basepath="/v2")
        assert reply.json()["configuration"]["basePath"] == "/v2"
        assert (await house.call("/v2/hello")).text == "hi"


async def test_edge_undeploys_by_form_too() -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        form = "action=undeploy&revision=1&env=test"
        reply = await Edge(house).ask("POST", "apis/hello/deployments", data=form, headers=FORM)
        assert (reply.status, reply.json()["state"]) == (200, "undeployed")
        assert (await house.call("/hello")).status == 404


async def test_a_shared_flow_is_deployed_and_undeployed() -> None:
    async with control_house() as house:
        edge = Edge(house)
        await imported(edge, "sf", flow("sf", "one"), "sharedflows")
        path = "environments/test/sharedflows/sf/revisions/1/deployments"
        answer = (await edge.ask("POST", path, data={"override": "true"})).json()
        assert (answer["sharedFlow"], answer["state"]) == ("sf", "deployed")
        assert [program.bundle.name for program in house.host.shared_flows("test")] == ["sf"]
        listed = (await edge.ask("GET", "sharedflows/sf/deployments")).json()
        assert [item["name"] for item in listed["environment"]] == ["test"]
        assert (await edge.ask("DELETE", path)).status == 200
        assert house.host.shared_flows("test") == []


# ---- refusals


@pytest.mark.parametrize("flavour", ["edge", "x"])
async def test_a_refused_deploy_tells_file_and_line_and_the_old_revision_goes_on(flavour: str) -> None:
    async with control_house() as house:
        await served(house, "hello", "one")
        client = Edge(house) if flavour == "edge" else X(house)
        broken = says("hello", "two")
        broken["apiproxy/policies/reply.xml"] = "\n<Unknown name='reply'/>"
        await imported(client, "hello", broken)
        reply = await deployed(client, "hello", "2")
        assert reply.status == 400
        answer = reply.json()
        if flavour == "edge":
            assert "apiproxy/policies/reply.xml:2" in answer["message"]
            assert (answer["details"][0]["file"], answer["details"][0]["line"]) == (
                "apiproxy/policies/reply.xml",
                2,
            )
            assert answer["code"] == answer["details"][0]["code"]
        else:
            error = answer["error"]
            assert (error["code"], error["status"]) == (400, "FAILED_PRECONDITION")
            violation = error["details"][0]["violations"][0]
            assert violation["subject"] == "apiproxy/policies/reply.xml:2"
        assert (await house.call("/hello")).text == "one"


async def test_errors_have_the_shape_of_their_flavour() -> None:
    async with control_house() as house:
        edge = (await Edge(house).ask("GET", "apis/nobody")).json()
        assert edge["code"] == "messaging.config.beans.ApplicationDoesNotExist"
        assert edge["contexts"] == []
        reply = await X(house).ask("GET", "apis/nobody")
        assert reply.status == 404
        error = reply.json()["error"]
        assert (error["code"], error["status"], error["message"]) == (404, "NOT_FOUND", edge["message"])


async def test_what_is_not_served_is_told_in_the_flavours_shape() -> None:
    async with control_house() as house:
        reply = await X(house).ask("GET", "instances")
        assert (reply.status, reply.json()["error"]["status"]) == (404, "NOT_FOUND")


async def test_a_deployed_proxy_is_not_deleted() -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        edge = Edge(house)
        assert (await edge.ask("DELETE", "apis/hello")).status == 400
        assert (await edge.ask("DELETE", "apis/hello/revisions/1")).status == 400
        await edge.ask("DELETE", "environments/test/apis/hello/revisions/1/deployments")
        assert (await edge.ask("DELETE", "apis/hello")).status == 200
        assert (await edge.ask("GET", "apis")).json() == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"PK\x03\x04 broken", "bundle.zip"),
        (b"no zip", "send the bundle as a zip"),
        (archive(flow("sf", "x")), "apiproxy/"),
    ],
    ids=["broken zip", "no zip", "shared flow"],
)
async def test_what_is_no_bundle_is_refused_at_import(body: bytes, complaint: str) -> None:
    async with control_house() as house:
        reply = await Edge(house).ask("POST", "apis?action=import&name=hello", data=body, headers=OCTETS)
        assert reply.status == 400
        assert complaint in reply.json()["message"]


async def test_a_bundle_that_cannot_be_read_is_refused_when_validation_is_asked_for() -> None:
    async with control_house() as house:
        broken = {**says("hello", "hi"), "apiproxy/proxies/default.xml": "<ProxyEndpoint"}
        path = "apis?action=import&name=hello"
        refused = await X(house).ask("POST", f"{path}&validate=true", data=archive(broken), headers=OCTETS)
        assert (refused.status, refused.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
        assert await imported(X(house), "hello", broken) == "1"


async def test_strictly_an_organization_of_another_name_is_not_there() -> None:
    async with control_house(strict=True) as house:
        assert (await house.ask("GET", "/v1/o/hybrid/apis")).status == 200
        assert (await house.ask("GET", "/v1/o/other/apis")).status == 404
    async with control_house() as house:
        assert (await house.ask("GET", "/v1/o/other")).json()["name"] == "other"


# ---- granular edits


def mere_manifest(name: str) -> bytes:
    return archive({f"apiproxy/{name}.xml": f"<APIProxy name='{name}' revision='1'/>"})


async def test_a_revision_is_put_together_file_by_file_by_parallel_chunked_uploads() -> None:
    """The order of apigeetool: manifest, resources, policies, proxies; several at a time."""

    async def chunks(content: bytes) -> Any:
        yield content[:7]
        yield content[7:]

    async with control_house() as house:
        edge = Edge(house)
        path = "apis?action=import&validate=false&name=hello"
        assert (await edge.ask("POST", path, data=mere_manifest("hello"), headers=OCTETS)).status == 201
        bundle = says(
            "hello",
            "hi {flow.n}",
            n="<Javascript name='n'><ResourceURL>jsc://n.js</ResourceURL></Javascript>",
        )
        at = "apis/hello/revisions/1"
        script = await edge.ask(
            "POST",
            f"{at}/resources?type=jsc&name=n.js",
            data=chunks(b"context.setVariable('flow.n', 1);"),
            headers=OCTETS,
        )
        assert script.status == 201
        xml = {"Content-Type": "application/xml"}
        replies = await asyncio.gather(
            *(
                edge.ask("POST", f"{at}/policies", data=chunks(content.encode()), headers=xml)
                for file, content in bundle.items()
                if "/policies/" in file
            )
        )
        assert [reply.status for reply in replies] == [201, 201]
        default = bundle["apiproxy/proxies/default.xml"].encode()
        assert (
            await edge.ask("POST", f"{at}/proxies?name=default", data=chunks(default), headers=xml)
        ).status == 201
        assert (await edge.ask("GET", f"{at}/policies")).json() == ["n", "reply"]
        assert (await edge.ask("GET", f"{at}/proxies")).json() == ["default"]
        assert (await edge.ask("GET", f"{at}/resources")).json() == ["jsc://n.js"]
        assert (await deployed(edge, "hello", "1")).status == 200
        assert (await house.call("/hello")).text == "hi 1"


async def test_an_edit_of_a_deployed_revision_is_served_at_once_and_a_broken_one_is_not() -> None:
    async with control_house() as house:
        await served(house, "hello", "one")
        edge, path = Edge(house), "apis/hello/revisions/1/policies/reply"
        two = says("hello", "two")["apiproxy/policies/reply.xml"]
        assert (await edge.ask("PUT", path, data=two)).status == 200
        assert (await house.call("/hello")).text == "two"
        refused = await edge.ask("PUT", path, data="<Unknown name='reply'/>")
        assert refused.status == 400
        assert "reply.xml:1" in refused.json()["message"]
        malformed = await edge.ask("PUT", path, data="<AssignMessage")
        assert (malformed.status, malformed.json()["code"]) == (400, "InvalidXml")
        assert (await house.call("/hello")).text == "two"


@pytest.mark.parametrize("query", ["type=jsc&name=../../x", "type=..&name=x", "type=&name=x", "type=jsc"])
async def test_a_resource_cannot_lie_outside_the_resources(query: str) -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        reply = await Edge(house).ask("POST", f"apis/hello/revisions/1/resources?{query}", data=b"x")
        assert (reply.status, reply.json()["code"]) == (400, "InvalidName")


async def test_resources_are_read_replaced_and_deleted() -> None:
    async with control_house() as house:
        await imported(Edge(house), "hello", {**says("hello", "hi"), "apiproxy/resources/jsc/a.js": "1;"})
        edge, path = Edge(house), "apis/hello/revisions/1/resources/jsc/a.js"
        assert (await edge.ask("GET", path)).body == b"1;"
        assert (await edge.ask("PUT", path, data=b"2;")).status == 200
        assert (await edge.ask("GET", path)).body == b"2;"
        assert (await edge.ask("DELETE", path)).status == 200
        assert (await edge.ask("GET", path)).status == 404


async def test_parts_are_deleted() -> None:
    async with control_house() as house:
        await imported(Edge(house), "hello", says("hello", "hi"))
        path = "apis/hello/revisions/1/policies/reply"
        assert (await Edge(house).ask("GET", path)).json()["policyType"] == "AssignMessage"
        assert (await Edge(house).ask("GET", path, headers={"Accept": "application/xml"})).text.startswith(
            "<Assign"
        )
        assert (await Edge(house).ask("DELETE", path)).status == 200
        assert (await Edge(house).ask("GET", path)).status == 404


# ---- reading


async def test_a_revision_is_fetched_as_a_zip() -> None:
    async with control_house() as house:
        files = says("hello", "hi")
        await imported(Edge(house), "hello", files)
        reply = await X(house).ask("GET", "apis/hello/revisions/1?format=bundle")
        assert reply.headers["Content-Type"] == "application/octet-stream"
        with zipfile.ZipFile(io.BytesIO(reply.body)) as packed:
            assert {name: packed.read(name).decode() for name in packed.namelist()} == files


async def test_a_revision_that_is_not_deployed_is_replaced_by_a_zip() -> None:
    async with control_house() as house:
        await imported(Edge(house), "hello", says("hello", "one"))
        path, body = "apis/hello/revisions/1", archive(says("hello", "two"))
        assert (await X(house).ask("PUT", path, data=body, headers=OCTETS)).status == 200
        await deployed(X(house), "hello", "1")
        assert (await house.call("/hello")).text == "two"
        assert (await X(house).ask("PUT", path, data=body, headers=OCTETS)).status == 400


async def test_lists_have_the_shape_of_their_flavour() -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        await imported(Edge(house), "sf", flow("sf", "x"), "sharedflows")
        assert (await Edge(house).ask("GET", "apis")).json() == ["hello"]
        assert (await Edge(house).ask("GET", "sharedflows")).json() == ["sf"]
        proxies = (await X(house).ask("GET", "apis?includeRevisions=true")).json()["proxies"]
        assert [(item["name"], item["revision"]) for item in proxies] == [("hello", ["1"])]
        assert (await X(house).ask("GET", "sharedflows")).json() == {"sharedFlows": [{"name": "sf"}]}


@pytest.mark.parametrize(
    ("path", "headers", "flavour"),
    [
        ("/v1/o/hybrid/apis", {}, "edge"),
        ("/v1/o/hybrid/apis", {"Authorization": "Bearer x"}, "edge"),
        ("/v1/organizations/hybrid/apis", {"Authorization": "Basic dTpw"}, "edge"),
        ("/v1/organizations/hybrid/apis", {"Authorization": "Bearer x"}, "x"),
        ("/v1/organizations/hybrid/apis", {"X-GOOG-API-FORMAT-VERSION": "2"}, "x"),
        ("/v1/organizations/hybrid/apis", {}, "x"),
    ],
)
async def test_a_request_shows_its_flavour(path: str, headers: dict[str, str], flavour: str) -> None:
    async with control_house() as house:
        answer = (await house.ask("GET", path, headers=headers)).json()
        assert answer == ([] if flavour == "edge" else {})


async def test_a_flavour_can_be_chosen_for_all_requests() -> None:
    async with control_house(flavour="edge") as house:
        assert (await X(house).ask("GET", "apis")).json() == []
    async with control_house(flavour="x") as house:
        assert (await Edge(house).ask("GET", "apis")).json() == {}


async def test_a_slash_at_the_end_of_a_path_means_nothing() -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        answer = (await X(house).ask("GET", "apis/hello/")).json()
        assert (answer["name"], answer["revision"]) == ("hello", ["1"])
        assert answer["metaData"]["createdAt"].isdecimal()


@pytest.mark.parametrize(
    "path",
    [
        "deployments",
        "environments/test/deployments",
        "environments/test/apis/hello/deployments",
        "apis/hello/deployments",
        "apis/hello/revisions/1/deployments",
    ],
)
async def test_lists_of_deployments_hold_what_both_flavours_read(path: str) -> None:
    async with control_house() as house:
        await served(house, "hello", "hi")
        answer = (await X(house).ask("GET", path)).json()
        assert [
            (item["environment"], item["apiProxy"], item["revision"]) for item in answer["deployments"]
        ] == [("test", "hello", "1")]
        assert '"state": "deployed"' in json.dumps((await Edge(house).ask("GET", path)).json())


async def test_edge_says_400_and_x_an_empty_list_of_what_is_not_deployed() -> None:
    async with control_house() as house:
        await imported(Edge(house), "hello", says("hello", "hi"))
        path = "environments/test/apis/hello/deployments"
        assert (await Edge(house).ask("GET", path)).status == 400
        assert (await X(house).ask("GET", path)).json()["deployments"] == []


async def test_what_came_by_the_emulators_api_can_be_undeployed_and_deployed_again() -> None:
    async with control_house() as house:
        await house.ask("POST", "/v1/emulator/deploy?environment=test", data=archive(says("hello", "hi")))
        path = "environments/test/apis/hello/revisions/1/deployments"
        assert (await X(house).ask("DELETE", path)).json() == {}
        assert (await house.call("/hello")).status == 404
        assert (await deployed(X(house), "hello", "1")).status == 200
        assert (await house.call("/hello")).text == "hi"


async def test_revisions_and_deployments_outlive_the_process(tmp_path: Any) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    async with control_house(state) as house:
        await served(house, "hello", "hi")
        await imported(Edge(house), "hello", says("hello", "two"))
    async with control_house(state) as house:
        assert (await house.call("/hello")).text == "hi"
        assert (await Edge(house).ask("GET", "apis/hello/revisions")).json() == ["1", "2"]


# ---- clients of X, by their exact requests


async def test_the_maven_plugin_imports_deploys_with_override_and_polls_until_ready() -> None:
    headers = {"X-GOOG-API-FORMAT-VERSION": "2", "Accept": "application/json"}
    async with control_house() as house:
        x = X(house)
        missing = await x.ask("GET", "apis/hello/", headers=headers)
        assert missing.status == 404
        for text in ("one", "two"):
            form = (
                b'--b\r\nContent-Disposition: form-data; name="content"; file="hello.zip"\r\n'
                b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                + archive(says("hello", text))
                + b"\r\n--b--\r\n"
            )
            multipart = {**headers, "Content-Type": "multipart/form-data; boundary=b"}
            reply = await x.ask("POST", "apis?action=import&name=hello", data=form, headers=multipart)
            revision = reply.json()["revision"]
            path = f"environments/test/apis/hello/revisions/{revision}/deployments"
            deployed = await x.ask("POST", path, data="override=true", headers={**headers, **FORM})
            assert (deployed.status, deployed.json()["revision"]) == (200, revision)
            assert (await x.ask("GET", path, headers=headers)).json()["state"] == "READY"
            assert (await house.call("/hello")).text == text
        assert (await x.ask("GET", "apis/hello/", headers=headers)).json()["revision"] == ["1", "2"]


async def test_maven_for_edge_reads_one_flat_deployment() -> None:
    """Its parser wants `environment` to be a text."""
    async with control_house() as house:
        await served(house, "hello", "hi")
        path = "/v1/organizations/hybrid/environments/test/apis/hello/revisions/1/deployments"
        basic = {"Authorization": "Basic dTpw"}
        answer = (await house.ask("POST", path, data={"override": "true"}, headers=basic)).json()
        assert (answer["environment"], answer["state"]) == ("test", "deployed")


async def test_apigeecli_imports_by_a_form_asks_for_the_report_and_deploys() -> None:
    async with control_house() as house:
        x = X(house)
        form = aiohttp.FormData()
        form.add_field("proxy", archive(says("hello", "hi")), filename="hello.zip")
        reply = await x.ask("POST", "apis?name=hello&action=import", data=form)
        assert (reply.status, reply.json()["revision"]) == (201, "1")
        path = "environments/test/apis/hello/revisions/1/deployments"
        report = await x.ask("POST", f"{path}:generateDeployChangeReport?override=true")
        assert (report.status, report.json()) == (200, {})
        assert (await house.call("/hello")).status == 404
        deploy = await x.ask("POST", f"{path}?sequencedRollout=false&override=true")
        assert (deploy.status, deploy.json()["revision"]) == (200, "1")
        assert (await house.call("/hello")).text == "hi"


async def test_the_change_report_tells_what_would_refuse_a_deploy_and_changes_nothing() -> None:
    async with control_house() as house:
        await served(house, "hello", "one")
        events = len(house.events)
        broken = says("hello", "two")
        broken["apiproxy/policies/reply.xml"] = "<Unknown name='reply'/>"
        await imported(X(house), "hello", broken)
        path = "environments/test/apis/hello/revisions/2/deployments:generateDeployChangeReport"
        answer = (await X(house).ask("POST", path)).json()
        assert answer["validationErrors"]["violations"][0]["subject"] == "apiproxy/policies/reply.xml:1"
        assert (await house.call("/hello")).text == "one"
        assert len(house.events) == events


async def test_gcloud_finds_its_project_by_the_organization() -> None:
    async with control_house() as house:
        listed = await house.ask("GET", "/v1/organizations", headers={"Authorization": "Bearer x"})
        assert listed.json()["organizations"][0]["organization"] == "hybrid"
        assert (await house.ask("GET", "/v1/o")).json() == ["hybrid"]

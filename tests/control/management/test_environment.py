"""What belongs to an environment: target servers, flow hooks, references, caches, resources, hosts, the mask."""

from typing import Any

import pytest

from tests.control.house import ControlHouse, archive, control_house, flow, says
from tests.control.management.clients import Edge, X
from tests.house import proxy

OCTETS = {"Content-Type": "application/octet-stream"}


async def deploy(house: ControlHouse, name: str, files: dict[str, str], collection: str = "apis") -> None:
    client = X(house)
    path = f"{collection}?action=import&name={name}"
    revision = (await client.ask("POST", path, data=archive(files), headers=OCTETS)).json()["revision"]
    there = f"environments/test/{collection}/{name}/revisions/{revision}/deployments?override=true"
    assert (await client.ask("POST", there)).status == 200


# ---- environments and the organization


async def test_the_organization_tells_its_environments_and_that_entries_are_edited_one_by_one() -> None:
    async with control_house() as house:
        answer = (await Edge(house).ask("GET", "")).json()
        assert (answer["name"], answer["environments"]) == ("hybrid", ["test"])
        assert {"name": "features.isCpsEnabled", "value": "true"} in answer["properties"]["property"]


async def test_an_environment_is_created_deployed_to_and_deleted_when_it_is_empty() -> None:
    async with control_house() as house:
        x = X(house)
        made = await x.ask("POST", "environments", json={"name": "prod"})
        assert made.json()["done"] is True
        operation = made.json()["name"].removeprefix("organizations/hybrid/")
        assert (await x.ask("GET", operation)).json()["done"] is True
        assert (await x.ask("POST", "environments", json={"name": "prod"})).status == 409
        assert (await x.ask("GET", "environments/prod")).json()["state"] == "ACTIVE"
        await x.ask(
            "POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")), headers=OCTETS
        )
        deployment = "environments/prod/apis/hello/revisions/1/deployments"
        assert (await x.ask("POST", deployment)).status == 200
        assert (await x.ask("DELETE", "environments/prod")).status == 400
        assert (await x.ask("DELETE", deployment)).status == 200
        assert (await x.ask("DELETE", "environments/prod")).status == 200
        assert (await x.ask("GET", "environments")).json() == ["test"]
        assert (await x.ask("GET", "environments/prod")).status == 404


async def test_a_deploy_to_an_unknown_environment_makes_it() -> None:
    async with control_house() as house:
        edge = Edge(house)
        await edge.ask(
            "POST", "apis?action=import&name=hello", data=archive(says("hello", "hi")), headers=OCTETS
        )
        assert (await edge.ask("POST", "environments/new/apis/hello/revisions/1/deployments")).status == 200
        assert (await house.call("/hello")).text == "hi"
        assert (await edge.ask("GET", "environments")).json() == ["test", "new"]


async def test_the_debug_mask_is_changed_field_by_field() -> None:
    async with control_house() as house:
        x, path = X(house), "environments/test/debugmask"
        await x.ask("PATCH", path, json={"variables": ["a"], "requestJSONPaths": ["$.a"]})
        await x.ask("PATCH", f"{path}?replaceRepeatedFields=false", json={"variables": ["b"]})
        mask = (await x.ask("GET", path)).json()
        assert (mask["variables"], mask["requestJSONPaths"]) == (["a", "b"], ["$.a"])
        assert house.host.runtimes["test"].services.environment.debug_mask.variables == ("a", "b")


# ---- target servers


async def test_a_target_server_is_used_as_soon_as_it_is_created_and_followed_when_it_moves() -> None:
    balanced = (
        "<TargetEndpoint name='t'><HTTPTargetConnection><LoadBalancer><Server name='backend'/></LoadBalancer>"
        "<Path>/said</Path></HTTPTargetConnection></TargetEndpoint>"
    )
    files = {
        "apiproxy/p.xml": "<APIProxy name='p'/>",
        "apiproxy/proxies/default.xml": proxy(
            "/p", routes="<RouteRule name='r'><TargetEndpoint>t</TargetEndpoint></RouteRule>"
        ),
        "apiproxy/targets/t.xml": balanced,
    }
    async with control_house() as first, control_house() as second, control_house() as house:
        for other, text in ((first, "first"), (second, "second")):
            await deploy(other, "said", says("said", text))
        edge, x = Edge(house), X(house)
        port = first.traffic.rpartition(":")[2]
        # apigeetool sends both as texts
        server = {"name": "backend", "host": "127.0.0.1", "port": port, "isEnabled": "true"}
        created = await edge.ask("POST", "environments/test/targetservers", json=server)
        assert (created.status, created.json()["port"], created.json()["isEnabled"]) == (201, int(port), True)
        assert (await edge.ask("POST", "environments/test/targetservers", json=server)).status == 409
        await deploy(house, "p", files)
        assert (await house.call("/p")).text == "first"
        server["port"] = second.traffic.rpartition(":")[2]
        moved = await x.ask("PUT", "environments/test/targetservers/backend", json=server)
        assert (moved.status, moved.json()["name"]) == (200, "backend")
        assert (await house.call("/p")).text == "second"
        assert (await x.ask("GET", "environments/test/targetservers")).json() == ["backend"]


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        ({"host": "h", "port": 1}, '"name"'),
        ({"name": "t", "host": "", "port": 1}, "host"),
        ({"name": "t", "host": "h", "port": 99999}, "port"),
    ],
)
async def test_a_wrong_target_server_is_refused_with_its_reason(server: Any, complaint: str) -> None:
    async with control_house() as house:
        reply = await X(house).ask("POST", "environments/test/targetservers", json=server)
        assert reply.status == 400
        assert complaint in reply.json()["error"]["message"]
        assert (await X(house).ask("GET", "environments/test/targetservers")).json() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
async def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    async with control_house() as house:
        reply = await Edge(house).ask("POST", "environments/test/targetservers", data=body)
        assert (reply.status, reply.json()["code"]) == (400, "InvalidJson")


async def test_what_is_not_there_is_neither_read_replaced_nor_deleted() -> None:
    async with control_house() as house:
        for noun in ("targetservers", "references", "caches", "keystores"):
            path = f"environments/test/{noun}/missing"
            for method in ("GET", "DELETE"):
                assert (await X(house).ask(method, path)).status == 404, (method, noun)
        path = "environments/test/targetservers/missing"
        assert (await X(house).ask("PUT", path, json={"host": "h", "port": 1})).status == 404


# ---- flow hooks


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_flow_hook_runs_its_shared_flow_until_it_is_detached(method: str) -> None:
    async with control_house() as house:
        client = Edge(house)
        await deploy(house, "sf", flow("sf", "hooked"), "sharedflows")
        echo = "<AssignMessage name='echo'><AssignVariable><Name>flow.seen</Name><Ref>request.header.flow</Ref></AssignVariable><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"
        await deploy(house, "hello", says("hello", "{flow.seen}", echo=echo))
        path = "environments/test/flowhooks/PreProxyFlowHook"
        attached = await client.ask(method, path, json={"sharedFlow": "sf", "continueOnError": True})
        assert (attached.status, attached.json()["flowHookPoint"]) == (200, "PreProxyFlowHook")
        assert (await house.call("/hello")).text == "hooked"
        assert (await client.ask("GET", path)).json()["sharedFlow"] == "sf"
        assert (await client.ask("DELETE", path)).status == 200
        assert (await house.call("/hello")).text == ""
        assert "sharedFlow" not in (await client.ask("GET", path)).json()


async def test_a_flow_hook_needs_its_shared_flow_and_a_point_that_exists() -> None:
    async with control_house() as house:
        path = "environments/test/flowhooks"
        refused = await Edge(house).ask("PUT", f"{path}/PreProxyFlowHook", json={"sharedFlow": "missing"})
        assert (refused.status, refused.json()["code"]) == (400, "SharedFlowDoesNotExist")
        assert (await Edge(house).ask("PUT", f"{path}/PreFlow", json={"sharedFlow": "sf"})).status == 404
        assert len((await X(house).ask("GET", path)).json()) == 4


async def test_a_shared_flow_that_a_flow_hook_runs_stays_deployed() -> None:
    """Also where nothing else is deployed in the environment."""
    async with control_house() as house:
        edge = Edge(house)
        await edge.ask("POST", "sharedflows?action=import&name=sf", data=archive(flow("sf", "1")))
        place = "environments/test/sharedflows/sf/revisions/1/deployments"
        hook = "environments/test/flowhooks/PreProxyFlowHook"
        assert (await edge.ask("POST", place)).status == 200
        assert (await edge.ask("PUT", hook, json={"sharedFlow": "sf"})).status == 200
        refused = await edge.ask("DELETE", place)
        assert (refused.status, refused.json()["code"]) == (400, "distribution.SharedFlowInUse")
        assert "is in use by PreProxyFlowHook" in refused.json()["message"]
        assert (await edge.ask("POST", place, data={"action": "undeploy"})).status == 400
        assert (await edge.ask("DELETE", "sharedflows/sf")).status == 400
        assert (await edge.ask("DELETE", hook)).status == 200
        assert (await edge.ask("DELETE", place)).status == 200


CALLOUT = "<FlowCallout name='FC-Sf'><SharedFlowBundle> sf </SharedFlowBundle></FlowCallout>"


async def test_a_shared_flow_that_a_proxy_calls_stays_deployed() -> None:
    async with control_house() as house:
        edge, x = Edge(house), X(house)
        await deploy(house, "sf", flow("sf", "1"), "sharedflows")
        await deploy(house, "hello", says("hello", "hi", **{"FC-Sf": CALLOUT}))
        place = "environments/test/sharedflows/sf/revisions/1/deployments"
        refused = await edge.ask("DELETE", place)
        assert (refused.status, refused.json()["code"]) == (400, "distribution.SharedFlowInUse")
        assert "in use by FC-Sf of hello" in refused.json()["message"]
        told = (await x.ask("DELETE", place)).json()["error"]
        assert told["status"] == "FAILED_PRECONDITION"
        assert told["details"][1]["violations"][0]["type"] == "WOULD_BREAK_DEPENDENT"
        report = (await x.ask("POST", f"{place}:generateUndeployChangeReport")).json()
        assert report["validationErrors"]["violations"][0]["type"] == "WOULD_BREAK_DEPENDENT"
        assert (await house.call("/hello")).status == 200
        # another revision may take its place
        await deploy(house, "sf", flow("sf", "2"), "sharedflows")
        assert (
            await edge.ask("DELETE", "environments/test/apis/hello/revisions/1/deployments")
        ).status == 200
        assert (
            await x.ask("POST", f"{place.replace('/1/', '/2/')}:generateUndeployChangeReport")
        ).json() == {}
        assert (await edge.ask("DELETE", place.replace("/1/", "/2/"))).status == 200


# ---- references, caches


async def test_a_reference_is_created_moved_and_deleted() -> None:
    async with control_house() as house:
        x, path = X(house), "environments/test/references"
        created = await x.ask("POST", path, json={"name": "ref", "refers": "ks1"})
        assert (created.status, created.json()["resourceType"]) == (201, "KeyStore")
        assert (await x.ask("PUT", f"{path}/ref", json={"refers": "ks2"})).status == 200
        assert house.host.runtimes["test"].services.environment.references == {"ref": "ks2"}
        assert (await x.ask("POST", path, json={"name": "other"})).status == 400
        assert (await x.ask("DELETE", f"{path}/ref")).json()["refers"] == "ks2"


async def test_a_cache_is_named_by_the_query_too_and_cleared() -> None:
    put = """<PopulateCache name='put'><CacheResource>c</CacheResource><Scope>Global</Scope><CacheKey><KeyFragment>k</KeyFragment></CacheKey>
        <ExpirySettings><TimeoutInSeconds>300</TimeoutInSeconds></ExpirySettings><Source>request.queryparam.v</Source></PopulateCache>"""
    get = """<LookupCache name='get'><CacheResource>c</CacheResource><Scope>Global</Scope><CacheKey><KeyFragment>k</KeyFragment></CacheKey>
        <AssignTo>flow.v</AssignTo></LookupCache>"""
    async with control_house() as house:
        edge, path = Edge(house), "environments/test/caches"
        made = await edge.ask(
            "POST", f"{path}?name=c", json={"expirySettings": {"timeoutInSec": {"value": 60}}}
        )
        assert (made.status, made.json()["name"]) == (201, "c")
        await deploy(house, "put", says("put", "", put=put))
        await deploy(house, "get", says("get", "{flow.v}", get=get))
        await house.call("/put?v=kept")
        assert (await house.call("/get")).text == "kept"
        assert (await edge.ask("POST", f"{path}/c/entries?action=clear")).status == 200
        assert (await house.call("/get")).text == ""


# ---- resource files, hosts


async def test_resource_files_of_the_environment_are_seen_by_proxies() -> None:
    script = "<Javascript name='s'><ResourceURL>jsc://shared.js</ResourceURL></Javascript>"
    async with control_house() as house:
        x, path = X(house), "environments/test/resourcefiles"
        content = b"context.setVariable('flow.v', 'shared');"
        assert (
            await x.ask("POST", f"{path}?type=jsc&name=shared.js", data=content, headers=OCTETS)
        ).status == 201
        assert (await x.ask("POST", f"{path}?type=jsc&name=shared.js", data=content)).status == 409
        await deploy(house, "hello", says("hello", "{flow.v}", s=script))
        assert (await house.call("/hello")).text == "shared"
        changed = content.replace(b"shared", b"changed")
        assert (await x.ask("PUT", f"{path}/jsc/shared.js", data=changed)).status == 200
        assert (await house.call("/hello")).text == "changed"
        assert (await x.ask("GET", f"{path}/jsc/shared.js")).body == changed
        assert (await x.ask("GET", path)).json() == {"resourceFile": [{"name": "shared.js", "type": "jsc"}]}
        assert (await x.ask("DELETE", f"{path}/jsc/missing.js")).status == 404


async def test_hosts_lead_to_the_traffic_port() -> None:
    async with control_house() as house:
        house.host.here.address = "http://0.0.0.0:8998"
        host = (await Edge(house).ask("GET", "environments/test/virtualhosts/secure")).json()
        assert (host["hostAliases"], host["port"]) == (["localhost"], "8998")
        assert "sSLInfo" not in host
        group = (await X(house).ask("GET", "envgroups")).json()["environmentGroups"][0]
        assert group["hostnames"] == ["localhost"]
        attached = (await X(house).ask("GET", "envgroups/default/attachments")).json()
        assert [item["environment"] for item in attached["environmentGroupAttachments"]] == ["test"]


# ---- debug sessions


async def test_a_debug_session_holds_transactions_of_its_revision() -> None:
    async with control_house() as house:
        await deploy(house, "hello", says("hello", "hi"))
        place = "environments/test/apis/hello/revisions/1/debugsessions"
        begun = await X(house).ask("POST", place, json={"count": 2, "timeout": "60"})
        name = begun.json()["name"]
        await house.call("/hello?n=1")
        ids = [item["id"] for item in (await X(house).ask("GET", f"{place}/{name}/data")).json()["sessions"]]
        assert len(ids) == 1
        recorded = (await X(house).ask("GET", f"{place}/{name}/data/{ids[0]}")).json()
        assert recorded["completed"] is True
        assert recorded["point"][0]["id"] == "StateChange"
        assert [item["id"] for item in (await X(house).ask("GET", place)).json()["sessions"]] == [name]
        assert (await X(house).ask("DELETE", f"{place}/{name}/data")).status == 200
        assert (await X(house).ask("GET", f"{place}/{name}")).status == 404


async def test_edge_names_a_debug_session_itself() -> None:
    async with control_house() as house:
        await deploy(house, "hello", says("hello", "hi"))
        place = "environments/test/apis/hello/revisions/1/debugsessions"
        assert (await Edge(house).ask("POST", f"{place}?session=mine&timeout=60")).status == 201
        assert (await Edge(house).ask("GET", place)).json() == ["mine"]
        await house.call("/hello")
        assert len((await Edge(house).ask("GET", f"{place}/mine/data")).json()) == 1
        missing = "environments/test/apis/hello/revisions/9/debugsessions"
        assert (await Edge(house).ask("POST", missing)).status == 404

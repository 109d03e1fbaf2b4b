"""Proxies that call proxies, shared flows and flow hooks."""

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment, FlowHook
from apiproxy_runtime.bundle.finding import Place
from tests.house import house, mark, proxy, raise_fault, show, steps, target, write_bundle


def local(inside: str) -> str:
    return f'<TargetEndpoint name="default"><LocalTargetConnection>{inside}</LocalTargetConnection></TargetEndpoint>'


def shared(folder: Path, name: str, body: str, **policies: str) -> Path:
    files = {"sharedflows/default.xml": f'<SharedFlow name="default">{body}</SharedFlow>'}
    files |= {f"policies/{policy.replace('_', '-')}.xml": text for policy, text in policies.items()}
    return write_bundle(folder, name, files, kind="sharedflowbundle")


def second(folder: Path) -> Path:
    return write_bundle(
        folder,
        "second",
        {
            "proxies/default.xml": proxy("/second", request=steps("in-second"), response=steps("tell")),
            "targets/default.xml": target(),
            "policies/in-second.xml": mark("in-second"),
            "policies/tell.xml": show("tell", X_Var="[{own}]", X_Proxy="{apiproxy.name} {client.ip}"),
        },
    )


def first(folder: Path, inside: str) -> Path:
    own = "<AssignMessage name='own'><AssignVariable><Name>own</Name><Value>1</Value></AssignVariable></AssignMessage>"
    return write_bundle(
        folder,
        "first",
        {
            "proxies/default.xml": proxy("/first", request=steps("own")),
            "targets/default.xml": local(inside),
            "policies/own.xml": own,
        },
    )


async def test_a_local_target_by_names_runs_the_other_proxy(tmp_path: Path) -> None:
    inside = "<APIProxy>second</APIProxy><ProxyEndpoint>default</ProxyEndpoint>"
    async with house(first(tmp_path, inside), second(tmp_path)) as gateway:
        reply = await gateway.call("POST", "/first/x?q=1", data="body")
    assert reply.json()["path"] == "/x?q=1"
    assert reply.json()["body"] == "body"
    assert reply.json()["headers"]["x-trail"] == "in-second"
    assert reply.headers["X-Var"] == "[]"
    assert reply.headers["X-Proxy"] == "second 127.0.0.1"


async def test_a_local_target_by_path(tmp_path: Path) -> None:
    async with house(first(tmp_path, "<Path>/second/deep</Path>"), second(tmp_path)) as gateway:
        assert (await gateway.get("/first/x")).json()["path"] == "/deep/x"


async def test_a_url_set_in_the_request_takes_the_place_of_a_local_target(tmp_path: Path) -> None:
    away = "<AssignMessage name='away'><AssignVariable><Name>target.url</Name><Value>http://up.test/away</Value></AssignVariable></AssignMessage>"
    inside = "<LocalTargetConnection><Path>/second</Path></LocalTargetConnection>"
    bundle = write_bundle(
        tmp_path,
        "first",
        {
            "proxies/default.xml": proxy("/first"),
            "targets/default.xml": f'<TargetEndpoint name="default"><PreFlow><Request>{steps("away")}</Request></PreFlow>{inside}</TargetEndpoint>',
            "policies/away.xml": away,
        },
    )
    async with house(bundle, second(tmp_path)) as gateway:
        reply = (await gateway.get("/first/x")).json()
    assert (reply["path"], "x-trail" in reply["headers"]) == ("/away", False)


@pytest.mark.parametrize(
    ("inside", "url", "path", "proxy_of"),
    [
        ("<APIProxy>second</APIProxy><ProxyEndpoint>default</ProxyEndpoint>", "{target.url}/a?q=1", "/a?q=1", "second"),
        ("<Path>/second/deep</Path>", "{target.url}/a", "/deep/a", "second"),
        ("<Path>/</Path>", "{client.scheme}://{request.header.host}/second/b", "/b", "second"),
        ("<APIProxy>second</APIProxy><ProxyEndpoint>default</ProxyEndpoint>", "{client.scheme}://{request.header.host}/third/c?q", "/c?q", "third"),
    ],
)  # fmt: skip
async def test_the_url_of_a_local_target_can_be_extended(
    tmp_path: Path, inside: str, url: str, path: str, proxy_of: str
) -> None:
    away = f"<AssignMessage name='away'><AssignVariable><Name>target.url</Name><Template>{url}</Template></AssignVariable></AssignMessage>"
    connection = f"<LocalTargetConnection>{inside}</LocalTargetConnection>"
    files = {
        "proxies/default.xml": proxy("/first"),
        "targets/default.xml": f'<TargetEndpoint name="default"><PreFlow><Request>{steps("away")}</Request></PreFlow>{connection}</TargetEndpoint>',
        "policies/away.xml": away,
    }
    third = {
        "proxies/default.xml": proxy("/third", response=steps("tell")),
        "targets/default.xml": target(),
        "policies/tell.xml": show("tell", X_Proxy="{apiproxy.name} {client.ip}"),
    }
    bundles = (
        write_bundle(tmp_path, "first", files),
        second(tmp_path),
        write_bundle(tmp_path, "third", third),
    )
    async with house(*bundles) as gateway:
        reply = await gateway.get("/first/x?own=1")
    assert (reply.json()["path"], reply.headers["X-Proxy"]) == (path, f"{proxy_of} 127.0.0.1")


async def test_a_local_target_that_is_not_deployed_is_unavailable(tmp_path: Path) -> None:
    async with house(
        first(tmp_path, "<APIProxy>gone</APIProxy><ProxyEndpoint>default</ProxyEndpoint>")
    ) as gateway:
        reply = await gateway.get("/first")
    assert (reply.status, reply.fault()[0]) == (503, "messaging.adaptors.http.flow.ServiceUnavailable")


async def test_proxies_that_call_each_other_come_to_an_end(tmp_path: Path) -> None:
    async with house(first(tmp_path, "<Path>/first</Path>")) as gateway:
        assert (await gateway.get("/first")).status == 502


def caller(folder: Path, parameters: str = "", then: str = "", **policies: str) -> Path:
    callout = (
        f"<FlowCallout name='call'><SharedFlowBundle>common</SharedFlowBundle>{parameters}</FlowCallout>"
    )
    files = {
        "proxies/default.xml": proxy(request=steps("call", "after")),
        "targets/default.xml": target(),
        "policies/call.xml": callout,
        "policies/after.xml": then
        or show("after", X_After="[{word}][{set.inside}][{apigee.edge.sharedflow.name}]"),
    }
    files |= {f"policies/{policy}.xml": text for policy, text in policies.items()}
    return write_bundle(folder, "caller", files)


async def test_a_shared_flow_sees_the_callers_variables_and_its_parameters_end_with_it(
    tmp_path: Path,
) -> None:
    inside = """<AssignMessage name="inside"><Set><Headers><Header name="X-Inside">{word} {request.verb} {apigee.edge.sharedflow.name}</Header>
</Headers></Set><AssignVariable><Name>set.inside</Name><Value>kept</Value></AssignVariable></AssignMessage>"""
    parameters = '<Parameters><Parameter name="word" value="hello"/></Parameters>'
    paths = (caller(tmp_path, parameters), shared(tmp_path, "common", steps("inside"), inside=inside))
    async with house(*paths) as gateway:
        seen = (await gateway.get("/t")).json()["headers"]
    assert seen["x-inside"] == "hello GET common"
    assert seen["x-after"] == "[][kept][]"


async def test_a_fault_in_a_shared_flow_is_the_callers(tmp_path: Path) -> None:
    paths = (
        caller(tmp_path),
        shared(tmp_path, "common", steps("boom"), boom=raise_fault("boom", 418, "inside")),
    )
    async with house(*paths) as gateway:
        reply = await gateway.get("/t")
    assert (reply.status, reply.text) == (418, "inside")


async def test_a_missing_shared_flow_is_a_fault_at_run_time(tmp_path: Path) -> None:
    async with house(caller(tmp_path)) as gateway:
        reply = await gateway.get("/t")
    assert (reply.status, reply.fault()) == (500, ("flow.SharedFlowNotFound", "Shared Flow common Not Found"))


async def test_flow_hooks_run_at_their_points(tmp_path: Path) -> None:
    points = ("PreProxyFlowHook", "PreTargetFlowHook", "PostTargetFlowHook", "PostProxyFlowHook")
    path = write_bundle(
        tmp_path,
        "hooked",
        {
            "proxies/default.xml": proxy(
                request=steps("p"),
                response=steps("q"),
                routes='<RouteRule name="null"><Condition>proxy.pathsuffix = "/null"</Condition></RouteRule>'
                '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>',
            ),
            "targets/default.xml": target(request=steps("t"), response=steps("r")),
            **{f"policies/{name}.xml": mark(name) for name in "pqtr"},
        },
    )
    flow = shared(
        tmp_path,
        "hook",
        steps("h"),
        h=mark("{apigee.edge.flowhook.name}").replace('name="{apigee.edge.flowhook.name}"', 'name="h"', 1),
    )
    hooks = {point: FlowHook("hook", False, Place("flowhooks.json")) for point in points}
    async with house(path, flow, environment=Environment(flow_hooks=hooks)) as gateway:
        reply = await gateway.get("/t")
        assert reply.json()["headers"]["x-trail"] == "PreProxyFlowHook, p, PreTargetFlowHook, t" or [
            value for name, value in gateway.upstream.seen[0]["raw_headers"] if name == "X-Trail"
        ] == ["PreProxyFlowHook", "p", "PreTargetFlowHook", "t"]
        assert reply.all("X-Trail") == ["r", "PostTargetFlowHook", "q", "PostProxyFlowHook"]
        null = await gateway.get("/t/null")
        assert null.all("X-Trail") == ["PreProxyFlowHook", "p", "q", "PostProxyFlowHook"]


async def test_continue_on_error_of_a_hook_decides(tmp_path: Path) -> None:
    path = write_bundle(tmp_path, "hooked", {"proxies/default.xml": proxy(), "targets/default.xml": target()})
    flow = shared(tmp_path, "hook", steps("boom"), boom=raise_fault("boom", 418))
    for lenient, status in ((True, 418), (False, 418)):
        hooks = {"PreProxyFlowHook": FlowHook("hook", lenient, Place("flowhooks.json"))}
        async with house(path, flow, environment=Environment(flow_hooks=hooks)) as gateway:
            assert (await gateway.get("/t")).status == status
    broken = shared(
        tmp_path,
        "lax",
        steps("bad"),
        bad="<AssignMessage name='bad'><Set><Payload>{nothing}</Payload></Set></AssignMessage>",
    )
    for lenient, status in ((True, 200), (False, 500)):
        hooks = {"PreProxyFlowHook": FlowHook("lax", lenient, Place("flowhooks.json"))}
        async with house(path, broken, environment=Environment(flow_hooks=hooks)) as gateway:
            assert (await gateway.get("/t")).status == status

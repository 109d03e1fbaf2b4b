"""Callouts as clients of a gateway see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.targetserver import TargetServer
from tests.house import House, house, proxy, show, steps, target, write_bundle
from tests.policies.extension.callout_server import CalloutServer
from tests.policies.extension.conftest import Backend


def service_callout(attributes: str = "") -> str:
    return f"""<ServiceCallout name="SC" {attributes}><Response>answer</Response>
      <HTTPTargetConnection><URL>http://directory.test/people</URL></HTTPTargetConnection></ServiceCallout>"""


def bundle(folder: Path, proxy_xml: str, **policies: str) -> Path:
    files = {"proxies/default.xml": proxy_xml, "targets/default.xml": target()}
    return write_bundle(
        folder, "callouts", files | {f"policies/{name}.xml": text for name, text in policies.items()}
    )


async def test_answer_of_a_callout_decorates_the_response(tmp_path: Path, backend: Backend) -> None:
    path = bundle(
        tmp_path,
        proxy(response=steps("SC", "show")),
        SC=service_callout(),
        show=show("show", X_City="{jsonPath($.city,answer.content)}", X_Failed="{servicecallout.SC.failed}"),
    )
    async with house(path, connect_to={"directory.test": backend.url}) as gateway:
        reply = await gateway.get("/t")

    assert (reply.status, reply.headers["X-City"], reply.headers["X-Failed"]) == (200, "Utrecht", "false")
    assert reply.json()["path"] == "/"


async def test_error_of_a_callout_is_a_fault_body(tmp_path: Path, backend: Backend) -> None:
    backend.status = 404
    path = bundle(tmp_path, proxy(request=steps("SC")), SC=service_callout())
    async with house(path, connect_to={"directory.test": backend.url}) as gateway:
        reply = await gateway.get("/t")
        assert gateway.upstream.seen == []

    assert reply.status == 500
    assert reply.fault() == (
        "steps.servicecallout.ExecutionFailed",
        "Execution of ServiceCallout SC failed. Reason: ResponseCode 404 is treated as error",
    )


async def test_continue_on_error_leaves_the_answer_and_the_failed_flag(
    tmp_path: Path, backend: Backend
) -> None:
    backend.status = 404
    path = bundle(
        tmp_path,
        proxy(request=steps("SC"), response=steps("show")),
        SC=service_callout('continueOnError="true"'),
        show=show("show", X_Status="{answer.status.code}", X_Failed="{servicecallout.SC.failed}"),
    )
    async with house(path, connect_to={"directory.test": backend.url}) as gateway:
        reply = await gateway.get("/t")

    assert (reply.status, reply.headers["X-Status"], reply.headers["X-Failed"]) == (200, "404", "true")


EXTERNAL = """<ExternalCallout name="EC" continueOnError="true"><TimeoutMs>5000</TimeoutMs>
  <GrpcConnection><Server name="enricher"/></GrpcConnection>
  <Configurations>
    <Property name="with.request.headers">true</Property><Property name="with.request.content">true</Property>
    <Property name="with.response.headers">true</Property><Property name="with.response.content">true</Property>
    <FlowVariable>order</FlowVariable>
  </Configurations></ExternalCallout>"""


async def ask(path: Path, change: Any) -> tuple[Any, House, CalloutServer]:
    """One request through a gateway whose callout server makes `change` of the context."""

    async def behave(context: Any, call: Any) -> Any:
        change(context)
        return context

    server = await CalloutServer(behave).start()
    around = Environment(
        target_servers={
            "enricher": TargetServer(
                "enricher", "127.0.0.1", server.port, "GRPC", True, None, "", Place("targetservers.json")
            )
        }
    )
    async with house(path, environment=around) as gateway:
        reply = await gateway.call("POST", "/t/items?id=7", data="hello", headers={"X-Id": "7"})
    await server.stop()
    return reply, gateway, server


async def test_server_changes_the_request_that_the_target_gets(tmp_path: Path) -> None:
    def change(context: Any) -> None:
        context.request.headers["X-Price"].strings.append("12.50")
        context.request.content = "changed"

    path = bundle(tmp_path, proxy(request=steps("EC")), EC=EXTERNAL)
    reply, gateway, _ = await ask(path, change)

    (got,) = gateway.upstream.seen
    assert (got["path"], got["body"], got["headers"]["x-price"]) == ("/items?id=7", "changed", "12.50")
    assert got["headers"]["x-id"] == "7"
    assert reply.status == 200


async def test_server_changes_the_response_that_the_client_gets(tmp_path: Path) -> None:
    def change(context: Any) -> None:
        context.response.content = "changed"
        context.response.headers["X-By"].strings.append("server")

    path = bundle(tmp_path, proxy(response=steps("EC")), EC=EXTERNAL)
    reply, _, server = await ask(path, change)

    assert (reply.status, reply.text, reply.headers["X-By"]) == (200, "changed", "server")
    assert server.seen[0].route.target == "default"
    assert server.seen[0].target.name == "default"


async def test_server_sends_the_request_elsewhere(tmp_path: Path, backend: Backend) -> None:
    files = {
        "proxies/default.xml": proxy(),
        "targets/default.xml": target(request=steps("EC")),
        "policies/EC.xml": EXTERNAL,
    }
    path = write_bundle(tmp_path, "callouts", files)
    reply, gateway, _ = await ask(
        path, lambda context: setattr(context.target, "url", f"{backend.url}/there")
    )

    assert reply.text == backend.body
    assert [seen.target for seen in backend.seen] == ["/there"]
    assert gateway.upstream.seen == []


@pytest.mark.parametrize("rule", ["", "fault.name = &quot;OutOfStock&quot;"])
async def test_fault_of_the_server_reaches_the_client_in_spite_of_continue_on_error(
    tmp_path: Path, rule: str
) -> None:
    def change(context: Any) -> None:
        context.fault.name, context.fault.fault_string = "OutOfStock", "there is none left"

    rules = f"""<FaultRules><FaultRule name="stock"><Condition>{rule.replace("&quot;", '"')}</Condition>
      {steps("show")}</FaultRule></FaultRules>"""
    path = bundle(
        tmp_path,
        proxy(request=steps("EC"), extra=rules if rule else ""),
        EC=EXTERNAL,
        show=show("show", X_Failed="{externalcallout.EC.failed}"),
    )
    reply, gateway, _ = await ask(path, change)

    assert reply.status == 500
    assert reply.fault() == ("steps.externalcallout.OutOfStock", "there is none left")
    assert reply.headers.get("X-Failed") == ("true" if rule else None)
    assert gateway.upstream.seen == []

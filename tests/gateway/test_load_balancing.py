"""Load balancing over target servers: shares, failures, fallback, retries and health monitors."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.targetserver import TargetServer
from tests.house import House, Upstream, house, proxy, show, steps, target, upstream_server, write_bundle


def server(name: str, enabled: bool = True) -> TargetServer:
    return TargetServer(name, f"{name}.test", 80, "HTTP", enabled, None, "", Place("targetservers.json"))


@contextlib.asynccontextmanager
async def balanced(
    folder: Path,
    balancer: str,
    dead: tuple[str, ...] = (),
    statuses: dict[str, int] | None = None,
    monitor: str = "",
    off: tuple[str, ...] = (),
) -> AsyncIterator[tuple[House, dict[str, Upstream]]]:
    """A gateway whose target balances over the servers a, b and c; `dead` ones refuse connections."""
    answers = statuses if statuses is not None else {}
    async with contextlib.AsyncExitStack() as stack:
        ups: dict[str, Upstream] = {}
        for name in "abc":

            async def answer(request: web.Request, name: str = name) -> web.Response:
                return web.Response(text=name, status=answers.get(name, 200))

            ups[name] = await stack.enter_async_context(upstream_server(Upstream(answer=answer)))
        ways = {
            f"{name}.test": f"http://127.0.0.1:{1 if name in dead else up.port}" for name, up in ups.items()
        }
        tell = show(
            "tell",
            X_Server="{loadbalancing.targetserver}|{loadbalancing.failedservers}|{loadbalancing.isfallback}",
        )
        path = write_bundle(
            folder,
            "balance",
            {
                "proxies/default.xml": proxy(response=steps("tell")),
                "targets/default.xml": target(
                    connection=f"<LoadBalancer>{balancer}</LoadBalancer><Path>/base/{{request.verb}}</Path>{monitor}"
                ),
                "policies/tell.xml": tell,
            },
        )
        environment = Environment(target_servers={name: server(name, name not in off) for name in "abc"})
        yield (
            await stack.enter_async_context(house(path, environment=environment, connect_to=ways)),
            ups,
        )


SERVERS = "<Server name='a'/><Server name='b'/><Server name='c'/>"


async def counts(gateway: House, calls: int) -> Counter[str]:
    return Counter([(await gateway.get("/t/x?q=1")).text for _ in range(calls)])


async def test_round_robin_is_the_default_and_path_is_a_template(tmp_path: Path) -> None:
    async with balanced(tmp_path, SERVERS) as (gateway, ups):
        assert await counts(gateway, 6) == {"a": 2, "b": 2, "c": 2}
        assert ups["a"].seen[0]["path"] == "/base/GET/x?q=1"
        reply = await gateway.get("/t")
        assert reply.headers["X-Server"].startswith(reply.text + "|")


async def test_weights_give_proportional_shares(tmp_path: Path) -> None:
    weighted = "<Algorithm>Weighted</Algorithm>" + "".join(
        f"<Server name='{name}'><Weight>{weight}</Weight></Server>"
        for name, weight in (("a", 1), ("b", 2), ("c", 5))
    )
    async with balanced(tmp_path, weighted) as (gateway, _):
        assert await counts(gateway, 16) == {"a": 2, "b": 4, "c": 10}


async def test_least_connections_prefers_the_idle_server(tmp_path: Path) -> None:
    async with balanced(tmp_path, f"<Algorithm>LeastConnections</Algorithm>{SERVERS}") as (gateway, ups):
        entered, release = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            entered.set()
            await release.wait()
            return web.Response(text="slow")

        ups["a"].answer = slow
        held = asyncio.create_task(gateway.get("/t"))
        await entered.wait()
        assert "slow" not in await counts(gateway, 4)
        release.set()
        assert (await held).text == "slow"


async def test_a_dead_server_is_retried_on_the_next(tmp_path: Path) -> None:
    async with balanced(tmp_path, SERVERS, dead=("a",)) as (gateway, _):
        replies = [await gateway.get("/t") for _ in range(3)]
        assert {reply.status for reply in replies} == {200}
        assert any("[a]" in reply.headers["X-Server"] for reply in replies)


async def test_without_retry_the_failure_reaches_the_client(tmp_path: Path) -> None:
    balancer = f"{SERVERS}<RetryEnabled>false</RetryEnabled>"
    async with balanced(tmp_path, balancer, dead=("a", "b", "c")) as (gateway, _):
        reply = await gateway.get("/t")
        assert (reply.status, reply.fault()[0]) == (503, "messaging.adaptors.http.flow.ServiceUnavailable")


async def test_max_failures_takes_a_server_out(tmp_path: Path) -> None:
    async with balanced(tmp_path, f"{SERVERS}<MaxFailures>2</MaxFailures>", dead=("a",)) as (gateway, _):
        seen = [(await gateway.get("/t")).headers["X-Server"] for _ in range(12)]
        assert sum("[a]" in text for text in seen) == 2
        assert all("[]" in text for text in seen[-3:])


async def test_the_fallback_is_used_only_when_all_others_are_out(tmp_path: Path) -> None:
    balancer = "<Server name='a'/><Server name='b'/><Server name='c'><IsFallback>true</IsFallback></Server><MaxFailures>1</MaxFailures>"
    async with balanced(tmp_path, balancer) as (gateway, _):
        assert set(await counts(gateway, 6)) == {"a", "b"}
    async with balanced(tmp_path / "2", balancer, dead=("a", "b")) as (gateway, _):
        reply = await gateway.get("/t")
        assert reply.text == "c"
        assert reply.headers["X-Server"].endswith("|true")


async def test_unhealthy_codes_count_as_failures_and_are_retried(tmp_path: Path) -> None:
    balancer = (
        f"{SERVERS}<MaxFailures>1</MaxFailures>"
        "<ServerUnhealthyResponse><ResponseCode>500</ResponseCode></ServerUnhealthyResponse>"
    )
    async with balanced(tmp_path, balancer, statuses={"a": 500}) as (gateway, ups):
        assert await counts(gateway, 8) == {"b": 4, "c": 4}
        assert len(ups["a"].seen) == 1


async def test_disabled_servers_are_left_out_and_none_left_is_a_fault(tmp_path: Path) -> None:
    async with balanced(tmp_path, SERVERS, off=("a",)) as (gateway, _):
        assert set(await counts(gateway, 6)) == {"b", "c"}
    async with balanced(tmp_path / "2", SERVERS, off=("a", "b", "c")) as (gateway, _):
        reply = await gateway.get("/t")
        assert (reply.status, reply.fault()) == (
            503,
            ("messaging.adaptors.http.flow.NoActiveTargets", "The Service is temporarily unavailable"),
        )


async def test_a_health_monitor_brings_a_server_back(tmp_path: Path) -> None:
    statuses = {"a": 500}
    balancer = (
        f"{SERVERS}<MaxFailures>1</MaxFailures>"
        "<ServerUnhealthyResponse><ResponseCode>500</ResponseCode></ServerUnhealthyResponse>"
    )
    monitor = """<HealthMonitor><IsEnabled>true</IsEnabled><IntervalInSec>1</IntervalInSec><HTTPMonitor><Request>
<ConnectTimeoutInSec>1</ConnectTimeoutInSec><SocketReadTimeoutInSec>1</SocketReadTimeoutInSec><Verb>GET</Verb><Path>/health</Path>
<Header name="X-Check">yes</Header><IncludeHealthCheckIdHeader>true</IncludeHealthCheckIdHeader></Request>
<SuccessResponse><ResponseCode>200</ResponseCode></SuccessResponse></HTTPMonitor></HealthMonitor>"""
    async with balanced(tmp_path, balancer, statuses=statuses, monitor=monitor) as (gateway, ups):
        assert set(await counts(gateway, 6)) == {"b", "c"}
        statuses["a"] = 200
        for _ in range(40):
            await asyncio.sleep(0.1)
            if any(call["path"] == "/health" for call in ups["a"].seen):
                break
        await asyncio.sleep(0.2)
        assert set(await counts(gateway, 6)) == {"a", "b", "c"}
        check = next(call for call in ups["a"].seen if call["path"] == "/health")
        assert check["headers"]["x-check"] == "yes"
        assert check["headers"]["x-apigee-healthcheck-id"].startswith("hybrid/test/")

"""Watches: who is told of a transaction, what it costs when nobody is, and what outlives a change of programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.gateway.observation import UNKNOWN
from tests.house import house, proxy, raise_fault, steps, target, write_bundle

ASSIGN = """<AssignMessage name="AM"><AssignVariable><Name>colour</Name><Ref>request.queryparam.c</Ref></AssignVariable>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>"""
BALANCED = '<LoadBalancer><Server name="a"/><Server name="b"/></LoadBalancer>'
PING = """<HealthMonitor><IsEnabled>true</IsEnabled><IntervalInSec>60</IntervalInSec>
<TCPMonitor><ConnectTimeoutInSec>1</ConnectTimeoutInSec></TCPMonitor></HealthMonitor>"""


class Told:
    """A watch whose observers write down what they are told."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted = wanted
        self.told: list[tuple[Any, ...]] = []

    def observer(self, ctx: Any, exchange: Any) -> Any:
        return Ear(self.told) if self.wanted else None


class Ear:
    def __init__(self, told: list[tuple[Any, ...]]) -> None:
        self.told = told

    def variable_written(self, name: str, value: Any, done: bool, before: Any = UNKNOWN) -> None:
        self.told.append(("write", name, value, before))

    def inner(self, ctx: Any) -> Ear:
        return self

    def __getattr__(self, event: str) -> Any:
        def tell(*values: Any) -> None:
            names = [getattr(value, "policy", None) or getattr(value, "name", value) for value in values[-2:]]
            self.told.append((event, *names))

        return tell


def bundle(folder: Path, **files: str) -> Path:
    return write_bundle(
        folder,
        "w",
        {
            "proxies/default.xml": files.get("proxy") or proxy("/w", request=steps("AM")),
            "targets/default.xml": target(),
            "policies/AM.xml": ASSIGN,
        },
    )


async def test_variables_are_told_only_while_somebody_watches(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as home:
        plain = home.runtime.router.endpoint("w", "default")
        watch = Told()
        home.runtime.watch(watch)
        assert home.runtime.router.endpoint("w", "default") is not plain
        await home.get("/w?c=red")
        assert ("write", "colour", "red", None) in watch.told
        assert any(event[0] == "variable_read" and event[1] == "request.queryparam.c" for event in watch.told)

        home.runtime.unwatch(watch)
        assert home.runtime.router.endpoint("w", "default") is plain
        assert home.runtime.gateway.watch is None
        watch.told.clear()
        assert (await home.get("/w?c=red")).status == 200
        assert watch.told == []


async def test_several_watches_are_told_of_the_same_transaction(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as home:
        first, second, third = Told(), Told(), Told(wanted=False)
        for watch in (first, second, third):
            home.runtime.watch(watch)
        await home.get("/w?c=blue")
        assert first.told
        assert first.told == second.told
        assert third.told == []
        home.runtime.unwatch(first)
        before = len(first.told)
        await home.get("/w?c=blue")
        assert len(first.told) == before < len(second.told)


async def test_a_deploy_while_watched_is_watched_and_unwatched_afterwards(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as home:
        watch = Told()
        home.runtime.watch(watch)
        home.runtime.deploy([home.runtime.router.proxies["w"].bundle])
        await home.get("/w?c=red")
        assert ("write", "colour", "red", None) in watch.told
        home.runtime.unwatch(watch)
        watch.told.clear()
        await home.get("/w?c=red")
        assert watch.told == []


async def test_a_watch_that_begins_between_two_bundles_of_a_deploy_leaves_it_whole(tmp_path: Path) -> None:
    """A deploy of many bundles lets requests, and whoever wants to watch, have their turn."""
    roots = [
        write_bundle(
            tmp_path,
            name,
            {
                "proxies/default.xml": proxy(f"/{name}"),
                "targets/default.xml": target(connection=BALANCED),
            },
        )
        for name in ("v", "w")
    ]
    place = Place("targetservers.json")
    servers = {name: TargetServer(name, "up.test", 80, "HTTP", True, None, "", place) for name in ("a", "b")}
    watch = Told()
    async with house(*roots, environment=Environment(target_servers=servers)) as home:
        runtime = home.runtime

        def balances() -> list[Any]:
            return [
                runtime.router.endpoint(name, "default").routes[0].target.connection.balance
                for name in ("v", "w")
            ]

        before = balances()
        deploying = asyncio.ensure_future(
            runtime.prepare([program.bundle for program in runtime.router.proxies.values()])
        )
        await asyncio.sleep(0)
        assert not deploying.done()
        runtime.watch(watch)
        assert balances() == before
        runtime.commit(await deploying)
        after = balances()
        assert not any(new in before for new in after)
        assert (await home.get("/w")).status == 200
        assert watch.told
        runtime.unwatch(watch)
        assert balances() == after


async def test_a_watched_program_is_the_deployed_one_though_its_files_have_changed(tmp_path: Path) -> None:
    root = write_bundle(
        tmp_path,
        "w",
        {
            "proxies/default.xml": proxy(
                "/w", request=steps("JS"), routes='<RouteRule name="none"/>', post_response=""
            ),
            "policies/JS.xml": '<Javascript name="JS"><ResourceURL>jsc://a.js</ResourceURL></Javascript>',
            "resources/jsc/a.js": "context.setVariable('request.header.X-Version', 'deployed');",
        },
    )
    async with house(root) as home:
        (root / "resources/jsc/a.js").write_text("this is no script")
        home.runtime.watch(Told())
        assert (await home.get("/w")).headers["X-Version"] == "deployed"


async def test_choices_and_disabled_steps_are_told(tmp_path: Path) -> None:
    root = write_bundle(
        tmp_path,
        "w",
        {
            "proxies/default.xml": proxy(
                "/w",
                request=steps("Off", "Stop"),
                flows='<Flow name="F"><Condition>request.verb = "PUT"</Condition></Flow>',
                routes='<RouteRule name="none"/>',
                extra='<FaultRules><FaultRule name="R"><Condition>fault.name = "X"</Condition></FaultRule></FaultRules>',
            ),
            "policies/Off.xml": raise_fault("Off").replace("<RaiseFault", '<RaiseFault enabled="false"'),
            "policies/Stop.xml": ASSIGN.replace('"AM"', '"Stop"'),
        },
    )
    async with house(root) as home:
        watch = Told()
        home.runtime.watch(watch)
        assert (await home.get("/w")).status == 200
        assert ("choice_ends", "F", False) in watch.told
        assert any(event[0] == "step_disabled" and event[-1] == "Off" for event in watch.told)
        watch.wanted = False
        assert (await home.get("/w")).status == 200


async def test_turns_of_a_load_balancer_and_its_health_checks_go_on(tmp_path: Path) -> None:
    ways = {"a.test": "http://127.0.0.1:1", "b.test": "http://127.0.0.1:1"}
    place = Place("targetservers.json")
    servers = {
        name: TargetServer(name, f"{name}.test", 80, "HTTP", True, None, "", place) for name in ("a", "b")
    }
    root = write_bundle(
        tmp_path,
        "w",
        {
            "proxies/default.xml": proxy("/w", request=steps("AM")),
            "targets/default.xml": target(
                connection=BALANCED.replace("<Server", "<MaxFailures>3</MaxFailures><Server", 1) + PING
            ),
            "policies/AM.xml": ASSIGN,
        },
    )

    def balance(home: Any) -> Any:
        return home.runtime.router.endpoint("w", "default").routes[0].target.connection.balance

    environment = Environment(target_servers=servers)
    async with house(root, environment=environment, connect_to=ways) as home:
        before, checks = balance(home), home.runtime.health._tasks
        await home.get("/w")
        failures = [server.failures for server in before.servers]
        watch = Told()
        home.runtime.watch(watch)
        assert balance(home) is before
        assert [server.failures for server in before.servers] == failures
        assert home.runtime.health._tasks is checks
        assert len(checks) == 1
        home.runtime.unwatch(watch)
        assert balance(home) is before

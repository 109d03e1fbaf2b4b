"""The four kinds of sides."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.runtime import load_kong
from apiproxy_runtime.rehearsal.acceptance import read_pack
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response
from apiproxy_runtime.rehearsal.journal import Journal
from apiproxy_runtime.rehearsal.judge import Judge
from apiproxy_runtime.rehearsal.run import Rehearsal, rehearse
from apiproxy_runtime.rehearsal.side import Side
from apiproxy_runtime.rehearsal.sides.kong import KongSide
from apiproxy_runtime.rehearsal.sides.live import LiveSide
from apiproxy_runtime.rehearsal.sides.recorded import RecordedSide
from apiproxy_runtime.rehearsal.stubs import Policy
from tests.house import Upstream, upstream_server
from tests.rehearsal.shop import START, UPSTREAMS, side


async def compared(folder: Path, before: Side, after: Side, cases: list[Exchange]) -> Rehearsal:
    for each in (before, after):
        await each.open()
    judge = Judge([read_pack("apigee-to-kong")], [], date(2026, 1, 1))
    with Journal(folder / "journal", {}) as journal:
        run = await rehearse(cases, before, after, None, judge, journal)
    for each in (before, after):
        await each.close()
    return run


def case(
    path: str, response: Response | None = None, *headers: tuple[str, str], method: str = "GET"
) -> Exchange:
    request = Request(method, path, (("Host", "api.test"), *headers))
    return Exchange(path, request, response, UPSTREAMS, False, at=START + len(path))


KEY = ("apikey", "good")
TEXT = (("Content-Type", "text/plain"), ("X-Shop", "tea"), ("Access-Control-Allow-Origin", "*"))


async def test_recorded_answers_are_a_side(tmp_path: Path) -> None:
    cases = [
        case("/shop/greeting", Response(200, TEXT, b"hello\nworld\n"), KEY),
        case("/shop/greeting?x", Response(200, TEXT, b"hello\nearth\n"), KEY),
    ]
    run = await compared(tmp_path, RecordedSide(), side(tmp_path), cases)
    assert run.tally.verdicts == {"identical": 1, "expected": 0, "different": 1, "critical": 0}
    assert [group.key.place for group in run.tally.ordered()] == ["body.line 2"]


async def test_a_recording_without_an_answer_is_no_match(tmp_path: Path) -> None:
    run = await compared(tmp_path, RecordedSide(), side(tmp_path), [case("/shop/greeting", None, KEY)])
    assert [group.key.kind for group in run.tally.ordered()] == ["no-answer"]


async def test_a_live_gateway_is_a_side(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["X-A"] == "1"
        return web.Response(text=f"{request.method} {request.path_qs} {await request.text()}", status=201)

    async with upstream_server(Upstream(answer=answer)) as upstream:
        url = f"http://127.0.0.1:{upstream.port}"
        live = LiveSide(f"{url}/base/", rate=1000)
        told = Response(
            201,
            (("Content-Type", "text/plain; charset=utf-8"), ("Server", "x"), ("Date", "x")),
            b"POST /base/a?b=1 hi",
        )
        request = Request(
            "POST", "https://old.example.com/a?b=1", (("Host", "old.example.com"), ("X-A", "1")), b"hi"
        )
        run = await compared(tmp_path, RecordedSide(), live, [Exchange("1", request, told)])
    assert upstream.seen[0]["headers"]["host"] == url[7:]
    assert len(upstream.seen) == 1
    assert {group.key.place for group in run.tally.ordered() if group.unexpected} == {"header.server"}


async def test_a_gateway_that_is_gone_is_a_difference_and_no_crash(tmp_path: Path) -> None:
    run = await compared(
        tmp_path, RecordedSide(), LiveSide("http://127.0.0.1:1"), [case("/x", Response(200))]
    )
    group = run.tally.ordered()[0]
    assert group.key.kind == "no-answer"
    assert "unreachable" in group.examples[0].after


KONG = """
_format_version: "3.0"
services:
- name: shop
  url: http://shop.test/v1
  routes:
  - {name: shop, paths: [/shop]}
  plugins:
  - {name: key-auth, config: {key_names: [apikey], hide_credentials: true}}
  - {name: response-transformer, config: {add: {headers: ["X-Shop:tea", "Access-Control-Allow-Origin:*"]}}}
consumers:
- username: app
  keyauth_credentials: [{key: good}]
"""


def kong(folder: Path, text: str = KONG) -> KongSide:
    file = folder / "kong.yml"
    file.write_text(text)
    findings = Findings()
    configuration = load_kong(file, findings)
    findings.raise_errors()
    assert configuration is not None
    return KongSide("kong.yml", configuration, findings, Policy())


async def test_a_kong_configuration_is_a_side(tmp_path: Path) -> None:
    cases = [
        case("/shop/greeting", None, KEY),
        case("/shop/greeting?none"),
        case("/shop/greeting?bad", None, ("apikey", "bad")),
    ]
    after = kong(tmp_path)
    run = await compared(tmp_path, side(tmp_path), after, cases)
    unexpected = {(group.key.face, group.key.place) for group in run.tally.ordered() if group.unexpected}
    # the plugin chain of this kong.yml does not tell the target who called, and words a missing key as Kong does
    assert ("upstream", "header.x-caller") in unexpected
    assert ("answer", "body.$.error") in unexpected
    assert not {kind for group in run.tally.ordered() for kind in [group.key.kind] if kind == "open-door"}
    rules = set(run.tally.rules)
    assert {
        "apigee-to-kong:kong-names-itself",
        "apigee-to-kong:fault-body-message",
        "apigee-to-kong:kong-connection-extras",
    } <= rules
    assert run.reached_after is not None
    assert {(branch.kind, branch.name, times) for branch, times in run.reached_after.branches.items()} == {
        ("route", "shop", 1),
        ("plugin", "key-auth", 3),
        ("plugin", "response-transformer", 3),
    }


async def test_a_kong_configuration_is_the_same_as_itself(tmp_path: Path) -> None:
    cases = [case("/shop/greeting", None, KEY), case("/shop/greeting?none")]
    run = await compared(tmp_path, kong(tmp_path), kong(tmp_path), cases)
    assert run.tally.verdicts["identical"] == 2


async def test_a_kong_side_without_its_authentication_is_an_open_door(tmp_path: Path) -> None:
    open_kong = KONG.replace(
        "  - {name: key-auth, config: {key_names: [apikey], hide_credentials: true}}\n", ""
    )
    run = await compared(tmp_path, side(tmp_path), kong(tmp_path, open_kong), [case("/shop/greeting")])
    assert run.tally.verdicts["critical"] == 1
    assert run.tally.ordered()[0].key.kind == "open-door"
    assert run.tally.ordered()[0].key.cause_before.startswith("VK")


async def test_sessions_keep_their_address_so_that_limits_by_address_work(tmp_path: Path) -> None:
    seen = replace(case("/shop/greeting", None, KEY), session="203.0.113.9")
    before = side(tmp_path)
    await before.open()
    outcome = await before.answer(0, START, seen)
    await before.close()
    assert ("X-Forwarded-For", "203.0.113.9") in outcome.calls[0].request.headers

"""A run as a whole: taken up again, without growing, fast enough, and with tokens that each side issues itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from time import process_time

import pytest

from apiproxy_runtime.rehearsal.aliases import Aliases
from apiproxy_runtime.rehearsal.difference import Difference, Severity
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.journal import CaseLine, Journal, JournalMismatch, found_of
from apiproxy_runtime.rehearsal.judge import Judge
from apiproxy_runtime.rehearsal.run import Rehearsal, rehearse
from apiproxy_runtime.rehearsal.virtual import Clock, VirtualWorld
from tests.house import proxy, show, steps, target
from tests.rehearsal.shop import FILES, START, rehearsed, side, traffic

COFFEE = {**FILES, "policies/AM-Answer.xml": FILES["policies/AM-Answer.xml"].replace(">tea<", ">coffee<")}


def sums(run: Rehearsal) -> object:
    return (
        run.tally.verdicts,
        {group.key: (group.times, group.cases, len(group.examples)) for group in run.tally.groups.values()},
        sorted(run.tally.views),
    )


async def test_an_interrupted_run_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    cases = traffic()
    whole = await rehearsed(tmp_path / "whole", COFFEE)
    await rehearsed(tmp_path, COFFEE, cases=cases[:20])
    journal = tmp_path / "journal.jsonl"
    with journal.open("a") as file:
        file.write('{"n": 20, "id": "torn')
    resumed = await rehearsed(tmp_path, COFFEE, cases=cases, resume=True)
    assert sums(resumed) == sums(whole)
    assert len(journal.read_text().splitlines()) == 1 + len(cases)


async def test_a_finished_run_taken_up_again_says_the_same(tmp_path: Path) -> None:
    first = await rehearsed(tmp_path, COFFEE)
    again = await rehearsed(tmp_path, COFFEE, resume=True)
    assert sums(again) == sums(first)


def test_a_journal_of_another_rehearsal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, {"before": "a"}).close()
    with pytest.raises(JournalMismatch, match="before changed since"):
        Journal(path, {"before": "b"}, resume=True)
    path.write_text("not ours\n")
    with pytest.raises(JournalMismatch, match="no journal"):
        Journal(path, {"before": "b"}, resume=True)


def test_a_line_of_the_journal_reads_back_as_it_was(tmp_path: Path) -> None:
    found = found_of(Difference("answer", "", "body.a[1]", "value", "1", "2", Severity.minor, raised=True))
    line = CaseLine(
        3, "c", "s", "GET", "/x", "name", 200, 201, "different", [found], {"curl": "x"}, ("miss",)
    )
    with Journal(tmp_path / "j", {}) as journal:
        journal.add(line)
        assert list(journal.cases()) == [line]


PLAIN = {
    "proxies/default.xml": proxy(request=steps("AM", "Q"), response=steps("AR")),
    "targets/default.xml": target(),
    "policies/AM.xml": show("AM", X_Id="{messageid}", X_Path="{proxy.pathsuffix}"),
    "policies/Q.xml": '<Quota name="Q"><Allow count="1000000"/><Interval>1</Interval><TimeUnit>hour</TimeUnit></Quota>',
    "policies/AR.xml": show("AR", X_Out="1"),
}
OTHER = {**PLAIN, "policies/AR.xml": show("AR", X_Out="2")}
JSON = (("Content-Type", "application/json"),)


def many(count: int) -> Iterator[Exchange]:
    """Orders, each with its own path, body and recorded call."""
    for number in range(count):
        body = b'{"sku":"tea","number":%d}' % number
        request = Request("POST", f"/t/orders/{number}?a=b", (("Host", "x.test"), *JSON), body)
        upstream = Request("POST", f"http://up.test/orders/{number}?a=b", JSON, body)
        response = Response(200, JSON, b'{"ok":true}')
        call = UpstreamCall("target", upstream, response)
        yield Exchange(str(number), request, response, (call,), True, at=START + number)


def resident() -> int:
    """Memory of this process in KiB, as the system sees it now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


async def test_ten_thousand_cases_do_not_grow_memory(tmp_path: Path) -> None:
    marks: dict[int, int] = {}

    def cases() -> Iterator[Exchange]:
        for number, case in enumerate(many(10_000)):
            if number in (3000, 9999):
                marks[number] = resident()
            yield case

    sides = [side(tmp_path / "before", PLAIN), side(tmp_path / "after", OTHER)]
    for each in sides:
        await each.open()
    with Journal(tmp_path / "journal", {}) as journal:
        run = await rehearse(cases(), sides[0], sides[1], None, Judge([], [], date(2026, 1, 1)), journal)
        told = sum(1 for _ in journal.cases())
    for each in sides:
        await each.close()
    assert run.tally.verdicts["different"] == told == 10_000
    assert len(run.tally.groups) == 1
    # every case differs, and all that is kept of them is a sum and three examples
    assert marks[9999] - marks[3000] < 6 * 1024


async def test_a_small_bundle_is_replayed_fast(tmp_path: Path) -> None:
    """2,000 a second and more on a core of its own; a fifth of that is asked here, where others compute too."""
    sides = [side(tmp_path / "before", PLAIN), side(tmp_path / "after", PLAIN)]
    for each in sides:
        await each.open()
    with Journal(tmp_path / "journal", {}) as journal:
        began = process_time()
        run = await rehearse(many(1000), sides[0], sides[1], None, Judge([], [], date(2026, 1, 1)), journal)
        seconds = process_time() - began
    for each in sides:
        await each.close()
    assert run.tally.verdicts["identical"] == 1000
    assert 1000 / seconds > 400


def test_the_clock_follows_the_recording_and_never_goes_back() -> None:
    clock = Clock(gap=2.0)
    assert [clock.of(at) for at in (100.0, 107.5, 90.0, 0.0, 0.0)] == [100.0, 107.5, 107.5, 109.5, 111.5]


def test_ids_depend_on_seed_and_case_alone() -> None:
    one, other, twin = VirtualWorld(1), VirtualWorld(1), VirtualWorld(2)
    one.begin(0, 5.0)
    one.uuid()
    for world in (one, other, twin):
        world.begin(1, 6.0)
    assert one.uuid() == other.uuid()
    assert one.random_int(1, 10**9) == other.random_int(1, 10**9)
    assert one.uuid() != twin.uuid()
    assert one.now() == one.monotonic() == 6.0


# ---- tokens

TOKENS = {
    "proxies/default.xml": proxy(
        "/auth",
        flows=f"""<Flow name="Token"><Condition>proxy.pathsuffix MatchesPath "/token"</Condition>
<Request>{steps("OA-Issue")}</Request></Flow>""",
        request=steps(OA_Verify='not (proxy.pathsuffix MatchesPath "/token")'),
        routes='<RouteRule name="n"><Condition>proxy.pathsuffix MatchesPath "/token"</Condition></RouteRule>'
        '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>',
    ),
    "targets/default.xml": target("http://up.test"),
    "policies/OA-Issue.xml": """<OAuthV2 name="OA-Issue"><Operation>GenerateAccessToken</Operation>
<SupportedGrantTypes><GrantType>client_credentials</GrantType></SupportedGrantTypes><GrantType>request.formparam.grant_type</GrantType>
<GenerateResponse enabled="true"/></OAuthV2>""",
    "policies/OA-Verify.xml": '<OAuthV2 name="OA-Verify"><Operation>VerifyAccessToken</Operation></OAuthV2>',
}


async def test_a_recorded_token_stands_for_the_one_that_the_side_issues(tmp_path: Path) -> None:
    """The recording's token is a pseudonym that no side knows; each side gets its own in its place."""
    ask = Request(
        "POST",
        "/auth/token",
        (
            ("Host", "x"),
            ("Authorization", "Basic Z29vZDpz"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ),
        b"grant_type=client_credentials",
    )
    given = Response(200, JSON, json.dumps({"access_token": "tok_recorded_1"}).encode())
    use = Request("GET", "/auth/things", (("Host", "x"), ("Authorization", "Bearer tok_recorded_1")))
    cases = [Exchange("1", ask, given, at=START), Exchange("2", use, Response(200), at=START + 1)]
    run = await rehearsed(tmp_path, TOKENS, before=TOKENS, cases=cases)
    assert run.journal is not None
    assert [(line.before, line.after, line.verdict) for line in run.journal.cases()] == [
        (200, 200, "identical"),
        (200, 200, "identical"),
    ]


def test_aliases_are_put_where_a_token_may_stand() -> None:
    aliases = Aliases()
    old = Response(
        200, (*JSON, ("Set-Cookie", "sid=abcdef1; Path=/")), b'{"data":{"refresh_token":"RRRRRR1"}}'
    )
    new = Response(
        200, (*JSON, ("Set-Cookie", "sid=uvwxyz2; Path=/")), b'{"data":{"refresh_token":"SSSSSS2"}}'
    )
    aliases.learn(old, new)
    request = Request(
        "POST",
        "/x?refresh_token=RRRRRR1",
        (("Cookie", "a=1; sid=abcdef1"), ("Authorization", "Bearer RRRRRR1")),
        b"grant_type=refresh_token&refresh_token=RRRRRR1",
    )
    changed = aliases.request(request)
    assert changed.url == "/x?refresh_token=SSSSSS2"
    assert changed.headers == (("Cookie", "a=1; sid=uvwxyz2"), ("Authorization", "Bearer SSSSSS2"))
    assert changed.body == b"grant_type=refresh_token&refresh_token=SSSSSS2"


def test_a_request_without_known_tokens_stays_itself() -> None:
    aliases = Aliases()
    aliases.learn(Response(200, JSON, b'{"token":"RRRRRR1"}'), Response(200, JSON, b'{"token":"SSSSSS2"}'))
    request = Request("GET", "/x", (("Authorization", "Bearer other-one"),))
    assert aliases.request(request) is request


async def test_a_case_that_no_proxy_takes_is_answered_alike(tmp_path: Path) -> None:
    cases = [Exchange("1", Request("GET", "/nowhere", (("Host", "x"),)))]
    run = await rehearsed(tmp_path, cases=cases)
    assert run.tally.verdicts["identical"] == 1


async def test_a_header_that_no_wire_carries_is_refused_as_the_wire_refuses_it(tmp_path: Path) -> None:
    broken = {
        **FILES,
        "policies/AM-Answer.xml": FILES["policies/AM-Answer.xml"].replace(
            ">tea<", ">{request.queryparam.lang}<"
        ),
    }
    cases = [
        Exchange("1", Request("GET", "/shop/greeting?lang=a%0D%0Ab", (("Host", "x"), ("apikey", "good"))))
    ]
    run = await rehearsed(tmp_path, broken, cases=cases)
    assert run.journal is not None
    assert [(line.before, line.after) for line in run.journal.cases()] == [(200, 500)]


async def test_requests_of_other_protocol_versions_arrive_as_http_1_1(tmp_path: Path) -> None:
    files = {**FILES, "policies/AM-Answer.xml": show("AM-Answer", X_Version="{request.version}")}
    headers = (("Host", "x"), ("apikey", "good"))
    versions = ("HTTP/2", "HTTP/1.1", "HTTP/1.0", "h3")
    before = side(tmp_path, files)
    await before.open()
    told = []
    for number, version in enumerate(versions):
        request = Request("GET", "/shop/greeting", headers, version=version)
        outcome = await before.answer(number, START + number, Exchange(str(number), request))
        assert outcome.response is not None
        told.append(outcome.response.header("X-Version"))
    await before.close()
    assert told == ["1.1", "1.1", "1.0", "1.1"]


async def test_services_of_the_cloud_answer_as_recorded_and_else_their_stand_ins_do(tmp_path: Path) -> None:
    publishing = {
        "proxies/default.xml": proxy(request=steps("PM"), response=steps("AM")),
        "targets/default.xml": target(),
        "policies/PM.xml": '<PublishMessage name="PM"><Source>tea</Source>'
        "<CloudPubSub><Topic>projects/p/topics/t</Topic></CloudPubSub></PublishMessage>",
        "policies/AM.xml": show("AM", X_Id="{publishmessage.message.id}"),
    }
    asked = Request("POST", "https://pubsub.googleapis.com/v1/projects/p/topics/t:publish", JSON)
    answers = (None, Response(200, JSON, b'{"messageIds":["77"]}'), Response(403))
    cases = [
        Exchange(
            str(number),
            Request("GET", "/t", (("Host", "x.test"),)),
            calls=() if answer is None else (UpstreamCall("callout", asked, answer),),
            at=START + number,
        )
        for number, answer in enumerate(answers)
    ]
    run = await rehearsed(
        tmp_path, publishing, before={**publishing, "policies/AM.xml": show("AM", X_Id="0")}, cases=cases
    )
    assert run.journal is not None
    lines = list(run.journal.cases())
    assert [(line.before, line.after) for line in lines] == [(200, 200), (200, 200), (500, 500)]
    ids = [found.after for line in lines for found in line.found if "x-id" in found.place.lower()]
    assert (len(ids), len(ids[0]), ids[1]) == (2, 16, "77")

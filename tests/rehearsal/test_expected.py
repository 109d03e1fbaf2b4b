"""What makes a difference expected, and what never does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from apiproxy_runtime.rehearsal.acceptance import BadRules, Facts, Rule, pack_names, read_pack, read_rules
from apiproxy_runtime.rehearsal.difference import Difference, Severity
from apiproxy_runtime.rehearsal.judge import is_rewritten
from apiproxy_runtime.rehearsal.noise import Noise, alike
from tests.house import show, steps
from tests.rehearsal.shop import FILES, rehearsed

TODAY = date(2026, 1, 1)


def rules(folder: Path, text: str) -> list[Rule]:
    file = folder / "accept.yaml"
    file.write_text(text)
    return read_rules(file)


SHOP_HEADER = """accept:
- id: renamed
  reason: the shop sells coffee now
  owner: ada
  expires: 2026-06-30
  face: answer
  path: header.x-shop
  kind: header-value
  before: tea
  after: "{after}"
"""
COFFEE = {**FILES, "policies/AM-Answer.xml": FILES["policies/AM-Answer.xml"].replace(">tea<", ">coffee<")}


async def test_an_accepted_difference_is_expected_and_counted(tmp_path: Path) -> None:
    accepted = rules(tmp_path, SHOP_HEADER.replace("{after}", "cof+ee"))
    run = await rehearsed(tmp_path, COFFEE, accepted=accepted, today=TODAY)
    # a cached answer carries the header too, so that its entry has another length
    left = {(group.key.face, group.key.about) for group in run.tally.ordered() if group.unexpected}
    assert left == {("effect", "cache")}
    assert run.tally.rules["accepted:renamed"] == accepted[0].used > 40


async def test_a_rule_covers_a_value_only_while_it_fits_its_pattern(tmp_path: Path) -> None:
    accepted = rules(tmp_path, SHOP_HEADER.replace("{after}", "milk"))
    run = await rehearsed(tmp_path, COFFEE, accepted=accepted, today=TODAY)
    assert not run.passed
    assert accepted[0].used == 0


async def test_an_expired_rule_covers_nothing_and_fails_the_run(tmp_path: Path) -> None:
    accepted = rules(tmp_path, SHOP_HEADER.replace("{after}", "coffee"))
    run = await rehearsed(tmp_path, COFFEE, accepted=accepted, today=date(2026, 7, 1))
    assert accepted[0].used == 0
    assert not run.passed
    same = await rehearsed(tmp_path, accepted=accepted, today=date(2026, 7, 1))
    assert not same.tally.unexpected
    assert not same.passed


async def test_an_open_door_cannot_be_accepted(tmp_path: Path) -> None:
    broad = "accept:\n- {id: all, reason: away with it, expires: 2026-12-31, path: '*', before: '.*'}\n"
    files = {**FILES, "proxies/default.xml": FILES["proxies/default.xml"].replace(steps("VK"), "")}
    run = await rehearsed(tmp_path, files, accepted=rules(tmp_path, broad), today=TODAY)
    left = {group.key.kind for group in run.tally.ordered() if group.unexpected}
    assert left == {"open-door"}
    assert run.tally.verdicts["critical"] == 3


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("{id: a, expires: 2026-12-31, path: status, kind: status}", "reason is missing"),
        ("{id: a, reason: r, path: status, kind: status}", "expires is missing"),
        ("{id: a, reason: r, expires: soon, path: status, kind: status}", "must be a date such as"),
        ("{id: a, reason: r, expires: 2026-12-31, kind: status}", "path is missing"),
        ("{id: a, reason: r, expires: 2026-12-31, path: status}", "give a kind, or patterns"),
        (
            "{id: a, reason: r, expires: 2026-12-31, path: status, kind: stattus}",
            "there is no kind 'stattus'",
        ),
        ("{id: a, reason: r, expires: 2026-12-31, path: status, kind: open-door}", "cannot be accepted"),
        ("{id: a, reason: r, expires: 2026-12-31, path: status, before: '('}", "rule a: missing )"),
        ("{id: a, reason: r, expires: 2026-12-31, path: s, kind: status, face: back}", "there is no face"),
        (
            "{id: a, reason: r, expires: 2026-12-31, path: s, kind: status, until: x}",
            "there is no member 'until'",
        ),
        ("{id: a, reason: r, expires: 2026-12-31, path: s, kind: status, when: never}", "when must be"),
        ("7", "a rule must be an object"),
    ],
)
def test_a_rule_that_says_too_little_or_nonsense_is_refused(rule: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadRules, match=r"accept\.yaml: rule") as error:
        rules(tmp_path, f"accept:\n- {rule}\n")
    assert told in str(error.value)


def test_an_id_may_stand_once(tmp_path: Path) -> None:
    one = "- {id: a, reason: r, expires: 2026-12-31, path: status, kind: status}\n"
    with pytest.raises(BadRules, match="given twice"):
        rules(tmp_path, f"accept:\n{one}{one}")


@pytest.mark.parametrize("name", pack_names())
def test_every_rule_of_a_pack_has_reason_and_source(name: str) -> None:
    pack = read_pack(name)
    assert pack.title
    assert pack.rules
    assert all(rule.reason and rule.source for rule in pack.rules)


def test_a_pack_that_is_not_there_is_told_of() -> None:
    with pytest.raises(BadRules, match="use apigee-to-kong, edge-to-x"):
        read_pack("kong-to-apigee")


#: For each rule of the pack: a difference it is about, then one that is nearly so.
KONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "kong-names-itself": (
        ("answer", "header.via", "header-extra", "", "1.1 kong/3.10.0"),
        ("answer", "header.via", "header-extra", "", "1.1 proxy"),
    ),
    "kong-server-header": (
        ("answer", "header.server", "header-value", "nginx", "kong/3.10.0"),
        ("answer", "header.server", "header-value", "nginx", "apache"),
    ),
    "kong-latency-headers": (
        ("answer", "header.x-kong-proxy-latency", "header-extra", "", "1"),
        ("answer", "header.x-kongfu", "header-extra", "", "1"),
    ),
    "kong-request-id-upstream": (
        ("upstream", "header.x-kong-request-id", "header-extra", "", "a1"),
        ("upstream", "header.x-kong-other", "header-extra", "", "a1"),
    ),
    "kong-forwarded": (
        ("upstream", "header.x-forwarded-path", "header-extra", "", "/a"),
        ("upstream", "header.x-forwarded-for", "header-missing", "1.2.3.4", ""),
    ),
    "kong-real-ip": (
        ("upstream", "header.x-real-ip", "header-extra", "", "1.2.3.4"),
        ("answer", "header.x-real-ip", "header-extra", "", "1.2.3.4"),
    ),
    "kong-via-upstream": (
        ("upstream", "header.via", "header-extra", "", "1.1 kong/3.10.0"),
        ("upstream", "header.via", "header-value", "1.1 a, 1.1 b", "1.1 a"),
    ),
    "kong-connection-extras": (
        ("upstream", "header.x-consumer-id", "header-extra", "", "1"),
        ("upstream", "header.x-consumer-id", "header-missing", "1", ""),
    ),
    "kong-credential": (
        ("upstream", "header.x-credential-identifier", "header-extra", "", "1"),
        ("upstream", "header.x-credential-identifier", "header-value", "1", "2"),
    ),
    "kong-anonymous": (
        ("upstream", "header.x-anonymous-consumer", "header-extra", "", "true"),
        ("upstream", "header.x-anonymous", "header-extra", "", "true"),
    ),
    "rate-limit-headers": (
        ("answer", "header.x-ratelimit-limit-minute", "header-extra", "", "5"),
        ("answer", "header.x-ratelimit-limit-minute", "header-missing", "5", ""),
    ),
    "cache-headers": (
        ("answer", "header.x-cache-key", "header-extra", "", "0f" * 32),
        ("answer", "header.x-cache-hits", "header-extra", "", "3"),
    ),
    "echoed-forwarding-headers": (
        ("answer", "header.x-forwarded-for", "header-missing", "10.0.0.1, 10.0.0.2", ""),
        ("answer", "header.x-forwarded-host", "header-missing", "shop.example.com", ""),
    ),
    "echoed-host": (
        ("answer", "header.host", "header-missing", "api.test", ""),
        ("answer", "header.host", "header-missing", "other.test", ""),
    ),
    "retry-after": (
        ("answer", "header.retry-after", "header-extra", "", "30", "error"),
        ("answer", "header.retry-after", "header-extra", "", "30", "success"),
    ),
    "fault-body-shape": (
        ("answer", "body.$.fault", "missing", "{}", "", "error"),
        ("answer", "body.$.fault", "missing", "{}", "", "success"),
    ),
    "fault-body-message": (
        ("answer", "body.$.message", "extra", "", '"no"', "error"),
        ("answer", "body.$.message", "value", '"yes"', '"no"', "error"),
    ),
    "fault-body-request-id": (
        ("answer", "body.$.request_id", "extra", "", '"a1"', "error"),
        ("answer", "body.$.request_id", "extra", "", '"a1"', "success"),
    ),
    "fault-content-type": (
        ("answer", "header.content-type", "header-value", "application/json", "application/json; charset=utf-8", "error"),
        ("answer", "header.content-type", "header-value", "application/xml", "application/json; charset=utf-8", "error"),
    ),
    "authenticate-challenge": (
        ("answer", "header.www-authenticate", "header-extra", "", "Key", "error"),
        ("answer", "header.www-authenticate", "header-missing", "Key", "", "error"),
    ),
    "authenticate-challenge-words": (
        ("answer", "header.www-authenticate", "header-value", "Bearer", 'Bearer error="invalid_token"', "error"),
        ("answer", "header.www-authenticate", "header-value", "Bearer", "Negotiate", "error"),
    ),
    "path-normal-form": (
        ("answer", "status", "open-door", "404", "200", "", "/t//a"),
        ("answer", "status", "open-door", "404", "200", "", "/t/a"),
    ),
    "echoed-header": (
        ("answer", "header.x-mine", "header-missing", "1", ""),
        ("answer", "header.x-mine", "header-missing", "2", ""),
    ),
}  # fmt: skip


def covering(told: tuple[str, ...]) -> set[str]:
    """The rules of the pack that are about a difference: face, path, kind, before, after, when, path of the request."""
    face, path, kind, before, after, when, asked = (*told, *("success", "/t/a")[len(told) - 5 :])
    assert face in ("answer", "upstream")
    difference = Difference(face, "", path, kind, before, after, Severity.minor)
    sent = (("Host", "api.test"), ("X-Mine", "1"))
    pack = read_pack("apigee-to-kong")
    case = Facts(f"GET {asked}", when, sent, is_rewritten(asked))
    return {rule.id for rule in (*pack.rules, *pack.known) if rule.covers(difference, case)}


@pytest.mark.parametrize("rule", KONG)
def test_a_rule_of_the_kong_pack_covers_its_difference_and_no_near_one(rule: str) -> None:
    hit, miss = KONG[rule]
    assert rule in covering(hit)
    assert rule not in covering(miss)


def test_each_rule_of_the_kong_pack_is_tried() -> None:
    pack = read_pack("apigee-to-kong")
    assert [rule.id for rule in (*pack.rules, *pack.known)] == list(KONG)


IDS = {**FILES, "policies/AM-Answer.xml": show("AM-Answer", X_Id="{messageid}")}
#: the new side draws an id more before it
MORE_IDS = {
    **IDS,
    "policies/AM-Target.xml": show("AM-Target", X_Caller="{createUuid()}"),
    "policies/AM-Answer.xml": show("AM-Answer", X_Id="{createUuid()}"),
}


async def test_what_differs_between_two_runs_of_the_old_side_is_noise(tmp_path: Path) -> None:
    learnt = await rehearsed(tmp_path, MORE_IDS, before=IDS)
    silent = {group.key.place for group in learnt.tally.ordered() if group.key.rule == "noise:learnt"}
    assert "header.x-id" in silent
    told = await rehearsed(tmp_path, MORE_IDS, before=IDS, noise=False)
    loud = {group.key.place for group in told.tally.ordered() if group.unexpected}
    assert "header.x-id" in loud


async def test_noise_covers_no_header_that_is_missing(tmp_path: Path) -> None:
    lost = {**IDS, "policies/AM-Answer.xml": show("AM-Answer", X_No="{messageid}")}
    run = await rehearsed(tmp_path, lost, before=IDS)
    assert ("header.x-id", "header-missing") in {
        (group.key.place, group.key.kind) for group in run.tally.ordered() if group.unexpected
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0a4f-11", "9c2e-27", True),
        ("17000001", "17000002", True),
        ("17000001", "never", False),
        ("3f1c9d2e-aaaa", "constant", False),
        ("", "x", False),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z", True),
    ],
)
def test_noise_keeps_its_shape(one: str, other: str, same: bool) -> None:
    assert alike(one, other) == same


@pytest.mark.parametrize(
    ("path", "kind", "rule"),
    [
        ("header.date", "header-value", "noise:volatile-header"),
        ("header.date", "header-missing", ""),
        ("header.x-request-id", "header-value", "noise:volatile-header"),
        ("header.etag", "header-value", ""),
        ("body", "layout", "noise:layout"),
    ],
)
def test_what_is_known_to_be_volatile_needs_no_second_run(path: str, kind: str, rule: str) -> None:
    assert Noise().covers(Difference("answer", "", path, kind, "a", "b", Severity.minor)) == rule


def test_what_tells_of_the_connection_is_noise_only_where_a_side_ran_elsewhere() -> None:
    lost = Difference("answer", "", "header.date", "header-missing", "Mon", "", Severity.minor)
    assert Noise(elsewhere=True).covers(lost) == "noise:connection"
    assert Noise().covers(lost) == ""

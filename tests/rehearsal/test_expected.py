"""What makes a difference expected, and what never does."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from apiproxy_runtime.rehearsal.acceptance import BadRules, Facts, Rule, pack_names, read_pack, read_rules
from apiproxy_runtime.rehearsal.difference import Difference, Severity
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


@pytest.mark.parametrize(
    ("face", "path", "kind", "before", "after", "when", "rule"),
    [
        ("answer", "header.via", "header-extra", "", "1.1 kong/3.10.0", "success", "kong-names-itself"),
        ("answer", "header.via", "header-extra", "", "1.1 proxy", "success", ""),
        (
            "answer",
            "header.x-ratelimit-limit-minute",
            "header-extra",
            "",
            "5",
            "success",
            "rate-limit-headers",
        ),
        ("answer", "body.$.fault", "missing", "{}", "", "error", "fault-body-shape"),
        ("answer", "body.$.fault", "missing", "{}", "", "success", ""),
        ("answer", "body.$.message", "extra", "", '"no"', "error", "fault-body-message"),
        ("upstream", "header.x-consumer-id", "header-extra", "", "1", "success", "kong-connection-extras"),
        ("upstream", "header.x-consumer-id", "header-missing", "1", "", "success", ""),
    ],
)
def test_the_kong_pack_covers_what_kong_is_known_for(
    face: str, path: str, kind: str, before: str, after: str, when: str, rule: str
) -> None:
    assert face in ("answer", "upstream")
    difference = Difference(face, "", path, kind, before, after, Severity.minor)
    pack = read_pack("apigee-to-kong")
    assert [each.id for each in pack.rules if each.covers(difference, Facts("GET /", when))][:1] == (
        [rule] if rule else []
    )


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

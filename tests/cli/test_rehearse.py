"""`apiproxy rehearse`: what is given, what is printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from apiproxy_runtime.cli.main import main
from apiproxy_runtime.rehearsal.exchange import Exchange, Request, Response, UpstreamCall
from apiproxy_runtime.rehearsal.har import write_har
from tests.house import mark, proxy, steps, target, write_bundle

Rehearse = Callable[..., int]
FILES = {
    "proxies/default.xml": proxy("/t", response=steps("Old")),
    "targets/default.xml": target("http://up.test"),
    "policies/Old.xml": mark("Old"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a bundle, one that is changed, one that is broken, and a recording."""
    changed = {**FILES, "policies/Old.xml": mark("Old").replace(">Old<", ">New<")}
    write_bundle(tmp_path / "old", "shop", FILES)
    write_bundle(tmp_path / "new", "shop", changed)
    write_bundle(tmp_path / "broken", "shop", {**FILES, "policies/Old.xml": "<AssignMessage"})
    answer = Response(200, (("Content-Type", "text/plain"),), b"hi")
    told = Response(200, (("Content-Type", "text/plain"), ("X-Trail", "Old")), b"hi")
    cases = []
    for number in range(5):
        call = UpstreamCall("target", Request("GET", f"http://up.test/{number}"), answer)
        request = Request("GET", f"http://api.test/t/{number}", (("Host", "api.test"),))
        cases.append(Exchange(str(number), request, told, (call,), True, at=1_700_000_000.0 + number))
    cases.append(
        Exchange("post", Request("POST", "http://api.test/t/1", (("Host", "api.test"),), b"x"), told)
    )
    write_har(tmp_path / "day.har", cases)
    return tmp_path


def rehearse(folder: Path, before: str, after: str, *options: str) -> int:
    sides = [name if "://" in name or name == "recorded" else str(folder / name) for name in (before, after)]
    return main(
        [
            "rehearse",
            "--traffic",
            str(folder / "day.har"),
            "--before",
            sides[0],
            "--after",
            sides[1],
            *options,
        ]
    )


def test_equal_sides_end_with_0(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "old/shop", "old/shop") == 0
    out = capsys.readouterr().out
    assert "6 cases: 6 identical" in out
    assert out.endswith("Ready: all 6 cases are the same.\n")


def test_differences_end_with_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "old/shop", "new/shop") == 1
    assert "answer: header.x-trail: a header with another value, in 6 cases" in capsys.readouterr().out


def test_the_recorded_answers_are_a_side(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "recorded", "old/shop", "--limit", "5") == 0
    assert rehearse(shop, "recorded", "new/shop", "--limit", "5") == 1


def test_an_accepted_difference_ends_with_0_until_it_runs_out(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = shop / "accept.yaml"
    text = "accept: [{id: trail, reason: renamed, expires: UNTIL, path: header.x-trail, kind: header-value}]"
    rules.write_text(text.replace("UNTIL", "2999-01-01"))
    assert rehearse(shop, "old/shop", "new/shop", "--accept", str(rules)) == 0
    assert "accepted:trail  renamed" in capsys.readouterr().out
    rules.write_text(text.replace("UNTIL", "2020-01-01"))
    assert rehearse(shop, "old/shop", "new/shop", "--accept", str(rules)) == 1
    assert "trail ran out on 2020-01-01" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "options", "told"),
    [
        ("old/shop", "broken/shop", (), "Old.xml:1"),
        ("old/shop", "gone/shop", (), "--after: there is no"),
        ("old/shop", "old", ("--mocks", "gone.yaml"), "gone.yaml"),
        ("old/shop", "old/shop", ("--accept", "gone.yaml"), "gone.yaml"),
        ("old/shop", "old/shop", ("--rules", "nonsense"), "no rule pack 'nonsense'"),
        ("old/shop", "old/shop", ("--connect-to", "x"), "--connect-to must be"),
        ("old/shop", "old/shop", ("--limit", "0"), "holds no case"),
        ("old/shop", "old/shop", ("--format", "json", "--format", "html"), "give each --format its -o"),
    ],
)
def test_what_cannot_run_ends_with_2_and_says_why(
    shop: Path,
    before: str,
    after: str,
    options: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rehearse(shop, before, after, *options) == 2
    assert told in capsys.readouterr().err


def test_a_recording_that_is_broken_or_missing_ends_with_2(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "day.har").write_text('{"log": {"entries": [{"request": {}}]}}')
    assert rehearse(shop, "old/shop", "old/shop") == 2
    assert "day.har" in capsys.readouterr().err
    (shop / "day.har").unlink()
    assert rehearse(shop, "old/shop", "old/shop") == 2
    assert "no such recording" in capsys.readouterr().err


def test_reports_go_to_their_files(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [shop / "out" / name for name in ("r.html", "r.json", "r.xml", "r.md")]
    assert (
        rehearse(shop, "old/shop", "new/shop", *(word for file in files for word in ("-o", str(file)))) == 1
    )
    out = capsys.readouterr().out
    assert out == (
        "Not the same yet: 6 cases would be answered or passed on differently. "
        "(6 cases: 0 identical, 0 expected, 6 different, 0 critical)\n"
    )
    assert files[0].read_text().startswith("<!doctype html>")
    assert json.loads(files[1].read_text())["totals"]["different"] == 6
    assert files[2].read_text().startswith("<?xml")
    assert files[3].read_text().startswith("## Rehearsal")


def test_json_goes_to_standard_output_alone(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "old/shop", "new/shop", "--format", "json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["passed"] is False
    assert captured.err == ""


def test_unsafe_methods_do_not_go_to_a_live_side(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearse(shop, "recorded", "http://127.0.0.1:1", "--rate", "1000") == 1
    out = capsys.readouterr().out
    assert "5 cases: " in out
    assert "1 case not sent: unsafe methods" in out


def test_a_journal_is_gone_on_from_and_belongs_to_one_rehearsal(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = ("--resume", str(shop / "journal.jsonl"))
    assert rehearse(shop, "old/shop", "new/shop", *journal) == 1
    lines = (shop / "journal.jsonl").read_text()
    assert rehearse(shop, "old/shop", "new/shop", *journal) == 1
    assert (shop / "journal.jsonl").read_text() == lines
    assert rehearse(shop, "old/shop", "old/shop", *journal) == 2
    assert "after changed since" in capsys.readouterr().err


def test_mocks_answer_the_upstreams(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mocks = shop / "mocks.yaml"
    mocks.write_text("- {request: {host: up.test}, response: {status: 404, body: no}}\n")
    assert rehearse(shop, "recorded", "old/shop", "--mocks", str(mocks)) == 1
    assert "after:  404" in capsys.readouterr().out


def test_a_vault_puts_secrets_back_and_no_report_shows_them(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, pseudonym = "s3cr3t-s3cr3t-s3cr3t", "pppppppp-pppp-pppppp"
    headers = (("Host", "api.test"), ("X-Api-Key", pseudonym))
    write_har(
        shop / "day.har", [Exchange("1", Request("GET", f"http://api.test/t/1?apikey={pseudonym}", headers))]
    )
    vault = {"key": "AAAA", "masks": {}, "secrets": {pseudonym: secret}}
    (shop / "vault.json").write_text(json.dumps(vault))
    write_bundle(
        shop / "keyed",
        "shop",
        {**FILES, "policies/Old.xml": mark("Old").replace(">Old<", ">{request.header.x-api-key}<")},
    )
    journal, page = shop / "journal.jsonl", shop / "report.html"
    options = (
        "--vault",
        str(shop / "vault.json"),
        "--resume",
        str(journal),
        "-o",
        str(page),
        "--format",
        "html",
    )
    assert rehearse(shop, "old/shop", "keyed/shop", *options) == 1
    for file in (journal, page):
        assert secret not in file.read_text()
        assert pseudonym in file.read_text()
    assert rehearse(shop, "old/shop", "keyed/shop", "--vault", str(shop / "gone.json")) == 2

"""`apiproxy rehearse` with what it makes of the old side: generated traffic, a converted new side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.cli.main import main
from tests.house import mark, proxy, raise_fault, steps, target, write_bundle


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A bundle that Kong can do everything of."""
    files = {
        "proxies/default.xml": proxy("/t", response=steps("Tell")),
        "targets/default.xml": target("http://up.test/back"),
        "policies/Tell.xml": mark("Tell"),
    }
    return write_bundle(tmp_path, "plain", files)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A bundle with a refusal whose condition no route of Kong can ask."""
    files = {
        "proxies/default.xml": proxy("/t", request=steps(Refuse='request.queryparam.role != "admin"')),
        "targets/default.xml": target("http://up.test/back"),
        "policies/Refuse.xml": raise_fault("Refuse", 403),
    }
    return write_bundle(tmp_path, "closed", files)


def move(bundle: Path, *options: str) -> int:
    return main(["rehearse", "--traffic", "generated", "--before", str(bundle), "--after", "kong", *options])


def test_the_whole_way_to_kong_is_one_command(closed: Path, tmp_path: Path, capsys) -> None:
    assert move(closed, "-o", str(tmp_path / "report.json")) == 1
    told = capsys.readouterr()
    assert "Converted: 1 service, 1 route" in told.err
    assert "Generated: " in told.err
    assert "lets in" not in told.out
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["totals"]["cases"] > 2
    assert not [group for group in report["differences"] if group["kind"] == "open-door"]
    reasons = {group["reason"] for group in report["differences"]}
    assert any("no route can ask" in reason or "keeps callers out" in reason for reason in reasons)


def test_what_was_made_is_kept_where_wanted_and_runs_again_alike(plain: Path, tmp_path: Path, capsys) -> None:
    kept = tmp_path / "made" / "here"
    first = move(plain, "--keep", str(kept), "-o", str(tmp_path / "1.txt"))
    assert sorted(path.name for path in kept.iterdir()) == ["cases.har", "kong.yml"]
    by_hand = main(
        [
            "rehearse",
            "--traffic",
            str(kept / "cases.har"),
            "--before",
            str(plain),
            "--after",
            str(kept / "kong.yml"),
        ]
    )
    assert first == by_hand
    counted = capsys.readouterr().out.splitlines()
    assert counted[0].partition("(")[2].rstrip(")") in "\n".join(counted[1:])


def test_a_run_is_taken_up_again(plain: Path, tmp_path: Path, capsys) -> None:
    journal = str(tmp_path / "journal")
    assert move(plain, "--resume", journal) == move(plain, "--resume", journal)
    assert "could not run" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--traffic", "generated", "--before", "recorded", "--after", "kong"],
            "needs the bundle of the old side",
        ),
        (
            ["--traffic", "generated", "--before", "kong.json", "--after", "kong"],
            "needs the bundle of the old side",
        ),
        (
            ["--traffic", "x.har", "--before", "http://up.test", "--after", "kong"],
            "--after kong needs the bundle",
        ),
        (["--traffic", "x.har", "--before", "kong", "--after", "kong"], "there is no kong"),
    ],
)
def test_only_a_bundle_can_be_converted_or_tell_what_to_send(options: list[str], told: str, capsys) -> None:
    assert main(["rehearse", *options]) == 2
    assert told in capsys.readouterr().err


def test_what_kong_does_to_paths_is_told(plain: Path, tmp_path: Path) -> None:
    move(plain, "-o", str(tmp_path / "report.json"), "-o", str(tmp_path / "report.txt"))
    unexpected = [
        group
        for group in json.loads((tmp_path / "report.json").read_text())["differences"]
        if not group["rule"]
    ]
    assert unexpected
    assert all("Kong decodes and normalises a path" in group["reason"] for group in unexpected)
    assert "  Kong decodes and normalises a path" in (tmp_path / "report.txt").read_text()

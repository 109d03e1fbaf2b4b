"""Stand-in test data on the command line: told, kept, the same for both sides, and left out where it is not wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.cli.main import main
from tests.house import mark, proxy, steps, target, write_bundle

VERIFY = '<VerifyAPIKey name="VA"><APIKey ref="request.queryparam.apikey"/></VerifyAPIKey>'
LOOK_UP = """<KeyValueMapOperations name="KVM" mapIdentifier="settings"><Get assignTo="region">
<Key><Parameter>region</Parameter></Key></Get></KeyValueMapOperations>"""
SHOW = """<AssignMessage name="Show"><Set><Headers><Header name="X-Region">{region} {propertyset.shop.note}</Header></Headers></Set>
</AssignMessage>"""


@pytest.fixture
def guarded(tmp_path: Path) -> Path:
    """A bundle that asks for a key, an entry of a map, a property and a target server; Kong can do the key alone."""
    files = {
        "proxies/default.xml": proxy("/g", request=steps("VA"), response=steps("KVM", "Show", "Behind")),
        "targets/default.xml": target(connection='<LoadBalancer><Server name="backend"/></LoadBalancer>'),
        "policies/VA.xml": VERIFY,
        "policies/KVM.xml": LOOK_UP,
        "policies/Show.xml": SHOW,
        "policies/Behind.xml": mark("Behind"),
    }
    return write_bundle(tmp_path, "guarded", files)


def traffic(bundle: Path, file: Path, *options: str) -> list[dict[str, Any]]:
    assert main(["traffic", "--from", str(bundle), "-o", str(file), "--overwrite", *options]) == 0
    entries: list[dict[str, Any]] = json.loads(file.read_text())["log"]["entries"]
    return entries


def rehearse(
    traffic: str | Path, before: Path, after: str | Path, report: Path, *options: str
) -> dict[str, Any]:
    sides = ["--before", str(before), "--after", str(after)]
    assert main(["rehearse", "--traffic", str(traffic), *sides, "-o", str(report), *options]) in (0, 1)
    held: dict[str, Any] = json.loads(report.read_text())
    return held


def test_generated_requests_come_in_and_it_is_told_by_what(guarded: Path, tmp_path: Path, capsys) -> None:
    cases = traffic(guarded, tmp_path / "cases.har")
    told = capsys.readouterr().out
    assert "not reached" not in told
    (note,) = [line for line in told.splitlines() if "stand-in" in line]
    for made in (
        "target server backend",
        "property set shop (note)",
        "stand-in-key",
        "map settings (region)",
    ):
        assert made in note
    served = [case for case in cases if case["response"]["status"] == 200]
    shown = {
        header["value"]
        for case in served
        for header in case["response"]["headers"]
        if header["name"] == "X-Region"
    }
    assert shown == {"stand-in-region stand-in-note"}


def test_they_can_be_left_out(guarded: Path, tmp_path: Path, capsys) -> None:
    cases = traffic(guarded, tmp_path / "cases.har", "--no-stand-ins")
    told = capsys.readouterr().out
    assert "no app with an approved key" in told
    assert "stand-in" not in told
    assert not [case for case in cases if case["response"]["status"] == 200]


def test_what_is_not_made_cannot_be_kept(guarded: Path, tmp_path: Path, capsys) -> None:
    options = ["-o", str(tmp_path / "cases.har"), "--no-stand-ins", "--keep", str(tmp_path / "kept")]
    assert main(["traffic", "--from", str(guarded), *options]) == 2
    assert "Leave one of the two out" in capsys.readouterr().err


def test_the_same_bundle_gives_the_same_files(guarded: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        traffic(guarded, tmp_path / f"{name}.har", "--keep", str(tmp_path / name))
    assert (tmp_path / "one.har").read_bytes() == (tmp_path / "two.har").read_bytes()
    files = {
        name: {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    }
    assert files["one"] == files["two"]
    assert "src/main/apigee/environments/test/targetservers.json" in files["one"]


def test_both_sides_have_them(guarded: Path, tmp_path: Path, capsys) -> None:
    report = rehearse("generated", guarded, guarded, tmp_path / "report.json")
    assert report["totals"]["cases"] == report["totals"]["identical"] > 5
    assert "environment: test with stand-in test data" in report["sides"]["before"]["about"]
    assert "environment: test with stand-in test data" in report["sides"]["after"]["about"]
    assert "note: stand-in test data was made" in capsys.readouterr().err


def test_a_new_side_that_asks_for_more_has_that_too(guarded: Path, tmp_path: Path) -> None:
    more = LOOK_UP.replace("settings", "limits").replace('assignTo="region"', 'assignTo="limit"')
    new = write_bundle(
        tmp_path / "new",
        "guarded",
        {
            **{
                str(path.relative_to(guarded)): path.read_text()
                for path in guarded.rglob("*.xml")
                if path.name != "guarded.xml"
            },
            "policies/Behind.xml": more.replace('name="KVM"', 'name="Behind"'),
            "policies/Show.xml": SHOW.replace("{region}", "{limit}"),
        },
    )
    # Behind comes after Show, so the new side answers without the value it reads; what it asks for is there all the same
    kept = tmp_path / "kept"
    rehearse("generated", guarded, new, tmp_path / "report.json", "--keep", str(kept))
    maps = json.loads((kept / "src/tests/stand-ins/maps.json").read_text())
    assert [table["name"] for table in maps] == ["settings", "limits"]


def test_what_is_kept_runs_again_by_hand_alike(guarded: Path, tmp_path: Path, capsys) -> None:
    kept = tmp_path / "kept"
    first = rehearse("generated", guarded, "kong", tmp_path / "1.json", "--keep", str(kept))
    capsys.readouterr()
    options = ["--env-dir", str(kept)]
    second = rehearse(kept / "cases.har", guarded, kept / "kong.yml", tmp_path / "2.json", *options)
    assert "stand-in test data was made" not in capsys.readouterr().err
    for part in ("totals", "differences"):
        assert first[part] == second[part]
    assert first["totals"]["critical"] < first["totals"]["cases"]
    # a third run generates by itself, from the data that was kept
    third = rehearse(
        "generated", guarded, "kong", tmp_path / "3.json", "--keep", str(tmp_path / "more"), *options
    )
    assert third["totals"] == first["totals"]
    assert (tmp_path / "more" / "cases.har").read_bytes() == (kept / "cases.har").read_bytes()


def test_the_environment_is_kept_beside_them(guarded: Path, tmp_path: Path) -> None:
    home = tmp_path / "env" / "src/main/apigee/environments/prod"
    home.mkdir(parents=True)
    (home / "targetservers.json").write_text('[{"name": "other", "host": "other.test"}]')
    (home / "maps.json").write_text(
        '[{"name": "settings", "scope": "environment", "entries": {"region": "eu"}}]'
    )
    kept = tmp_path / "kept"
    options = ["--env-dir", str(tmp_path / "env"), "--keep", str(kept)]
    traffic(guarded, tmp_path / "1.har", *options)
    home = kept / "src/main/apigee/environments/prod"
    servers = json.loads((home / "targetservers.json").read_text())
    assert [server["name"] for server in servers] == ["other", "backend"]
    assert "eu" in (home / "maps.json").read_text()
    assert not (kept / "src/tests/stand-ins/maps.json").exists()
    traffic(guarded, tmp_path / "2.har", "--env-dir", str(kept))
    assert (tmp_path / "1.har").read_bytes() == (tmp_path / "2.har").read_bytes()


def test_a_configuration_for_production_holds_no_made_up_consumer(guarded: Path, tmp_path: Path) -> None:
    file = tmp_path / "kong.yml"
    assert main(["convert", str(guarded), "--to", "kong", "-o", str(file)]) == 0
    assert "stand-in" not in file.read_text()


def test_recorded_traffic_is_replayed_without_them(guarded: Path, tmp_path: Path, capsys) -> None:
    file = tmp_path / "cases.har"
    traffic(guarded, file)
    capsys.readouterr()
    report = rehearse(file, guarded, guarded, tmp_path / "report.json")
    assert "stand-in" not in capsys.readouterr().err
    assert "stand-in" not in report["sides"]["before"]["about"]


def test_kong_lets_in_whom_apigee_lets_in(tmp_path: Path) -> None:
    bundle = write_bundle(
        tmp_path,
        "plain",
        {
            "proxies/default.xml": proxy("/p", request=steps("VA")),
            "targets/default.xml": target("http://up.test/back"),
            "policies/VA.xml": VERIFY,
        },
    )
    kept = tmp_path / "kept"
    report = rehearse("generated", bundle, "kong", tmp_path / "report.json", "--keep", str(kept))
    entries = json.loads((kept / "cases.har").read_text())["log"]["entries"]
    served = {entry["_id"] for entry in entries if entry["response"]["status"] == 200}
    # what Kong does to paths before it looks for a route is another matter
    judged = {case["id"]: case["verdict"] for case in report["cases"] if "path:" not in case["name"]}
    behind = {verdict for number, verdict in judged.items() if number in served}
    refused = {verdict for number, verdict in judged.items() if number not in served}
    assert behind == refused == {"expected"}
    assert len(served & set(judged)) > 4
    assert "stand-in-key" in (kept / "kong.yml").read_text()

import json

import pytest

from apiproxy_runtime.cli.main import main
from tests.house import write_bundle
from tests.rehearsal.readiness.looked_at import files

READY = files({"P": '<SpikeArrest name="P"><Rate>5ps</Rate></SpikeArrest>'})
REVIEW = files(
    {
        "P": '<Quota name="P"><Allow count="1"/><Interval>1</Interval><TimeUnit>hour</TimeUnit><Distributed>false</Distributed></Quota>'
    }
)
BLOCKED = files({"P": '<StatisticsCollector name="P"/>'})


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (READY, [], 0),
        (READY, ["--strict"], 0),
        (REVIEW, [], 0),
        (REVIEW, ["--strict"], 1),
        (BLOCKED, [], 1),
        (BLOCKED, ["--strict"], 1),
    ],
)
def test_the_exit_code_tells_the_status(tmp_path, capsys, content, options, code):
    bundle = write_bundle(tmp_path, "p", content)
    assert main(["readiness", str(bundle), "--to", "apigeex", *options]) == code
    assert "p revision 1 → Apigee X" in capsys.readouterr().out


def test_nothing_to_look_at_is_an_error(tmp_path, capsys):
    assert main(["readiness", str(tmp_path), "--to", "kong"]) == 2
    assert "no bundle here" in capsys.readouterr().err


def test_many_bundles_have_a_row_each(tmp_path, capsys):
    for name, content in (("a", READY), ("b", REVIEW), ("c", BLOCKED)):
        write_bundle(tmp_path / "deep" / "er", name, content)
    assert main(["readiness", str(tmp_path), "--to", "apigeex"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["status", "ready", "review", "blocked"]


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.json", "{"), ("r.html", "<!doctype html>"), ("r.md", "# Readiness"), ("r.txt", "p revision")],
)
def test_the_name_of_the_file_says_the_format(tmp_path, capsys, name, start):
    bundle = write_bundle(tmp_path, "p", READY)
    assert main(["readiness", str(bundle), "--to", "apigeex", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text().startswith(start)
    assert capsys.readouterr().out == "1 bundle: 1 ready\n"


def test_the_format_may_be_said(tmp_path, capsys):
    bundle = write_bundle(tmp_path, "p", READY)
    assert main(["readiness", str(bundle), "--to", "kong", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == "kong"

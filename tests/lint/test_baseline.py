"""Known problems are told once, and new ones are not lost among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apiproxy_runtime.cli.main import main
from apiproxy_runtime.lint.baseline import BaselineError, read_baseline
from tests.house import proxy, write_bundle

OLD = {
    "policies/AM-Old.xml": '<AssignMessage name="AM-Old"/>',
    "proxies/default.xml": proxy(routes='<RouteRule name="none"/>'),
}


def test_only_new_problems_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(write_bundle(tmp_path, "known", OLD))
    known = str(tmp_path / "known.json")
    assert main(["lint", bundle, "--fail-on", "warning"]) == 1
    assert main(["lint", bundle, "--baseline", known, "--write-baseline"]) == 0
    assert main(["lint", bundle, "--baseline", known, "--fail-on", "warning"]) == 0
    (tmp_path / "known/apiproxy/policies/AM-New.xml").write_text(
        '<AssignMessage name="AM-New"><Remove/></AssignMessage>'
    )
    old = tmp_path / "known/apiproxy/policies/AM-Old.xml"
    old.write_text("<!-- a line more -->\n" + old.read_text())
    capsys.readouterr()
    assert main(["lint", bundle, "--baseline", known, "--fail-on", "warning", "-f", "json"]) == 1
    told = {Path(file["filePath"]).name for file in json.loads(capsys.readouterr().out) if file["messages"]}
    assert told == {"AM-New.xml"}


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "problems": {}}'])
def test_what_is_no_baseline_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match=r"baseline\.json"):
        read_baseline(file)
    bundle = str(write_bundle(tmp_path, "known", OLD))
    assert main(["lint", bundle, "--baseline", str(file)]) == 2

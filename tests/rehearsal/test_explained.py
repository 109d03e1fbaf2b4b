"""Every unexpected difference is explained or is said not to be, in each form of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from apiproxy_runtime.cli.main import main
from tests.house import mark, proxy, show, steps, target, write_bundle

ROUTES = (
    '<RouteRule name="beta"><Condition>request.queryparam.to = "beta"</Condition>'
    "<TargetEndpoint>beta</TargetEndpoint></RouteRule>"
    '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule>'
)
FILES = {
    "proxies/default.xml": proxy("/t", response=steps("Tell", "Keep"), routes=ROUTES),
    "targets/default.xml": target("http://up.test/back"),
    "targets/beta.xml": target("http://beta.test/new", name="beta"),
    "policies/Tell.xml": show("Tell", X_Size="{request.verb}"),
    "policies/Keep.xml": mark("Keep"),
}
CALLS = ["$BASE/t/a", "$BASE/t/a?to=beta", "$BASE//t/a", "$BASE/t/%61"]


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    """The reports of a move to Kong that loses a header, a route rule, and odd paths."""
    return move(tmp_path)


def move(
    folder: Path, edit: str = "", *, files: Mapping[str, str] = FILES, calls: Sequence[str] = CALLS
) -> dict[str, Any]:
    """Convert the bundle, change the kong.yml if wanted, and rehearse; each form of the report by its name."""
    bundle = write_bundle(folder, "plain", files)
    made = folder / "kong.yml"
    assert main(["convert", "--to", "kong", str(bundle), "-o", str(made)]) == 0
    if edit:
        made.write_text(made.read_text().replace("    routes:\n", edit + "    routes:\n", 1))
    traffic = folder / "calls.sh"
    traffic.write_text("".join(f'curl "{call.replace("$BASE", "http://api.test")}"\n' for call in calls))
    forms = {"text": "r.txt", "json": "r.json", "junit": "r.xml", "markdown": "r.md", "html": "r.html"}
    options = [word for form, name in forms.items() for word in ("--format", form, "-o", str(folder / name))]
    sides = ["--before", str(bundle), "--after", str(made)]
    assert main(["rehearse", "--traffic", str(traffic), *sides, *options]) == 1
    told: dict[str, Any] = {form: (folder / name).read_text() for form, name in forms.items()}
    told["json"] = json.loads(told["json"])
    return told


def reasons(report: dict[str, Any]) -> dict[str, set[str]]:
    """The reasons of the unexpected differences, by where they are."""
    found: dict[str, set[str]] = {}
    for group in report["json"]["differences"]:
        if not group["rule"]:
            found.setdefault(group["place"], set()).add(group["reason"])
    return found


def test_each_difference_has_the_reason_of_its_own_step_or_route(report: dict[str, Any]) -> None:
    found = reasons(report)
    assert all("the Header X-Size" in reason for reason in found["header.x-size"])
    assert all("the route rule beta applies if" in reason for reason in found["url.origin"])
    assert any("decodes and normalises" in reason for reason in found["url.path"])
    # what the other target answers is no work of a step
    assert any("the route rule beta" in reason for reason in found["body.$.path"])
    assert report["json"]["explained"] == {"differences": sum_of(report), "unexplained": 0}


def sum_of(report: dict[str, Any]) -> int:
    return sum(1 for group in report["json"]["differences"] if not group["rule"])


def test_every_form_tells_that_all_is_explained(report: dict[str, Any]) -> None:
    told = f"ll {sum_of(report)} differences are explained"
    assert f"critical; a{told}" in report["text"]
    for form in ("junit", "markdown", "html"):
        assert told in report[form]
    assert "ot explained" not in report["text"]


def test_an_open_door_is_explained_and_critical_all_the_same(report: dict[str, Any]) -> None:
    door = next(group for group in report["json"]["differences"] if group["kind"] == "open-door")
    assert door["severity"] == "critical"
    assert door["rule"] == ""
    assert "Kong decodes and normalises a path" in door["reason"]
    assert "source: " in door["reason"]
    assert report["json"]["totals"]["critical"] == 1


def test_what_nothing_explains_comes_first_and_is_counted(tmp_path: Path) -> None:
    plugin = (
        "    plugins:\n      - name: request-transformer\n        config: {add: {headers: ['X-Odd:1']}}\n"
    )
    report = move(tmp_path, plugin)
    left = [group for group in report["json"]["differences"] if not group["rule"] and not group["reason"]]
    assert {group["place"] for group in left} == {"header.x-odd"}
    text = report["text"]
    assert f"; {len(left)} of {sum_of(report)} differences are not explained" in text
    assert text.index("header.x-odd") < text.index("refused before, allowed after")
    assert text.index("header.x-odd") < text.index("the new side says")
    failures = [
        failure.text or "" for failure in ElementTree.fromstring(report["junit"].encode()).iter("failure")
    ]
    assert any("x-odd: '' became '1'" in failure and "not explained" in failure for failure in failures)


def test_moves_of_which_nobody_knows_anything_are_not_called_unexplained(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    changed = FILES | {"targets/default.xml": target("http://up.test/elsewhere")}
    before, after = write_bundle(old, "plain", FILES), write_bundle(new, "plain", changed)
    calls = tmp_path / "calls.sh"
    calls.write_text('curl "http://api.test/t/a"\n')
    file = tmp_path / "r.json"
    assert (
        main(
            [
                "rehearse",
                "--traffic",
                str(calls),
                "--before",
                str(before),
                "--after",
                str(after),
                "-o",
                str(file),
            ]
        )
        == 1
    )
    assert json.loads(file.read_text())["explained"] is None


JUMP = """<AssignMessage name="Jump"><AssignVariable><Name>target.url</Name><Template>http://far.test/{request.verb}</Template>
</AssignVariable></AssignMessage>"""
STRICT = """<AssignMessage name="Strict"><Set><Headers><Header name="X-A">{nowhere.to.find}</Header></Headers></Set>
<IgnoreUnresolvedVariables>false</IgnoreUnresolvedVariables></AssignMessage>"""
CACHE = """<ResponseCache name="Keep"><CacheKey><KeyFragment>one</KeyFragment></CacheKey><ExpirySettings>
<TimeoutInSec>60</TimeoutInSec></ExpirySettings></ResponseCache>"""


@pytest.mark.parametrize(
    ("name", "xml", "where", "place", "reason"),
    [
        ("Jump", JUMP, "target", "url.origin", "target.url"),
        ("Strict", STRICT, "request", "status", "the Header X-A from {nowhere.to.find}"),
        ("Keep", CACHE, "both", "call", "the key holds no path"),
    ],
)
def test_the_step_behind_a_difference_is_found(
    name: str, xml: str, where: str, place: str, reason: str, tmp_path: Path
) -> None:
    """It set the address, it failed, or it answered from a cache."""
    response = steps(name) if where == "both" else ""
    files = {
        "proxies/default.xml": proxy(
            "/t", request="" if where == "target" else steps(name), response=response
        ),
        "targets/default.xml": target(
            "http://up.test/back", request=steps(name) if where == "target" else ""
        ),
        f"policies/{name}.xml": xml,
    }
    report = move(tmp_path, files=files, calls=["$BASE/t/a", "$BASE/t/b"])
    group = next(one for one in report["json"]["differences"] if not one["rule"] and one["place"] == place)
    assert group["cause_before"].startswith(f"{name} (apiproxy/policies/{name}.xml:1)")
    assert reason in group["reason"]
    assert report["json"]["explained"]["unexplained"] == 0


ASK = """<ServiceCallout name="Ask"><Request/><HTTPTargetConnection><URL>http://side.test/{request.queryparam.x}</URL>
</HTTPTargetConnection></ServiceCallout>"""


def test_a_missing_callout_is_no_matter_of_the_target(tmp_path: Path) -> None:
    files = {
        "proxies/default.xml": proxy("/t", request=steps("Ask")),
        "targets/default.xml": target("http://up.test/back"),
        "policies/Ask.xml": ASK,
    }
    report = move(tmp_path, files=files, calls=["$BASE/t/a?x=1"])
    (group,) = (one for one in report["json"]["differences"] if one["kind"] == "call-missing")
    assert group["cause_before"].startswith("Ask (apiproxy/policies/Ask.xml:1)")
    assert group["cause_after"] == ""
    assert "the URL http://side.test/{request.queryparam.x}" in group["reason"]


def test_headers_on_refusals_are_explained(tmp_path: Path) -> None:
    files = {
        "proxies/default.xml": proxy("/t", request=steps("Closed"), response=steps("Tell")),
        "targets/default.xml": target("http://up.test/back"),
        "policies/Closed.xml": '<VerifyAPIKey name="Closed"><APIKey ref="request.header.x-key"/></VerifyAPIKey>',
        "policies/Tell.xml": show("Tell", X_Shop="tea"),
    }
    report = move(tmp_path, files=files, calls=["$BASE/t/a"])
    (group,) = (one for one in report["json"]["differences"] if one["place"] == "header.x-shop")
    assert group["kind"] == "header-extra"
    assert "after a fault Apigee runs no response flow" in group["reason"]

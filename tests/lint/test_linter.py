"""The engine: what reaches the result whatever rules do, and who may keep it out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.xml import parse_xml
from apiproxy_runtime.lint.bundle import LintBundle
from apiproxy_runtime.lint.config import Config, PathConfig
from apiproxy_runtime.lint.edit import replace_node, replace_text, set_attribute
from apiproxy_runtime.lint.fix import edited
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import Report, lint
from apiproxy_runtime.lint.position import place_in
from apiproxy_runtime.lint.registry import find_rule, find_rules, rule_ids
from apiproxy_runtime.lint.rule import Match, OptionError, PolicyFile, Rule
from tests.house import proxy, target, write_bundle


class EveryPolicy(Rule):
    """Every policy."""

    id = "XX001"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        yield Match(policy.node, f"there is {policy.name}")


class Failing(Rule):
    """Fails on one policy of two."""

    id = "XX002"

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if policy.name == "A":
            raise KeyError("oops")
        yield Match(policy.node, "fine")


def run(folder: Path, files: dict[str, str], *rules: type[Rule], config: Config | None = None) -> Report:
    complete = {"proxies/default.xml": proxy(), "targets/default.xml": target(), **files}
    write_bundle(folder, "api", complete)
    gathered = gather([folder / "api"])
    return lint(gathered.bundles, rules, config or Config(), gathered.findings)


def found(report: Report) -> list[tuple[str, int, str]]:
    return [
        (file.file.rpartition("/")[2], problem.line, problem.rule)
        for file in report.files
        for problem in file.problems
    ]


A = {"policies/A.xml": '<AssignMessage name="A"/>'}
B = {"policies/B.xml": '<AssignMessage name="B"/>'}


def test_a_rule_that_fails_is_told_and_hides_nothing(tmp_path: Path) -> None:
    report = run(tmp_path, {**A, **B}, Failing, EveryPolicy)
    assert found(report) == [
        ("A.xml", 1, "XX001"),
        ("A.xml", 1, "XX002"),
        ("B.xml", 1, "XX001"),
        ("B.xml", 1, "XX002"),
    ]
    assert report.broken
    texts = [problem.message for file in report.files for problem in file.problems if problem.internal]
    assert len(texts) == 1
    assert "KeyError" in texts[0]


def test_a_malformed_file_is_a_finding_and_the_others_are_still_looked_at(tmp_path: Path) -> None:
    report = run(tmp_path, {"policies/A.xml": "<AssignMessage", **B}, EveryPolicy)
    assert ("A.xml", 1, "deploy/InvalidXml") in found(report)
    assert ("B.xml", 1, "XX001") in found(report)
    assert not report.broken


@pytest.mark.parametrize(
    "text", ["", "\x00", "<", "<a><b></a>", "<!DOCTYPE x [<!ENTITY e 'x'>]><x>&e;</x>", "<x/>"]
)
@pytest.mark.parametrize("file", ["policies/A.xml", "proxies/default.xml", "targets/default.xml", "api.xml"])
def test_whatever_a_file_holds_nothing_fails(tmp_path: Path, file: str, text: str) -> None:
    report = run(tmp_path, {**B, file: text}, *find_rules())
    assert not report.broken
    assert report.errors or report.warnings


def test_deploy_errors_are_problems_with_apigees_names(tmp_path: Path) -> None:
    report = run(tmp_path, {"policies/SA.xml": '<SpikeArrest name="SA">\n<Rate>ten</Rate></SpikeArrest>'})
    assert ("SA.xml", 2, "deploy/InvalidAllowedRate") in found(report)


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("<!-- apigeelint disable=XX001 -->\n", False),
        ("<!-- apigeelint disable=BN005,XX001 -->\n", False),
        ("<!-- apiproxy disable=XX001 it is meant so -->\n", False),
        ("<!-- apigeelint disable=BN005 -->\n", True),
        ("<!-- apigeelint disable=XX0011 -->\n", True),
    ],
)
def test_a_comment_switches_a_rule_off(tmp_path: Path, comment: str, kept: bool) -> None:
    report = run(tmp_path, {"policies/A.xml": comment + A["policies/A.xml"]}, EveryPolicy)
    assert (("A.xml", 2, "XX001") in found(report)) is kept


def test_a_comment_further_down_holds_for_the_next_line_only(tmp_path: Path) -> None:
    rate = '<SpikeArrest name="SA">\n\n\n<!-- apiproxy disable=deploy -->\n{}<Rate>ten</Rate></SpikeArrest>'
    near = run(tmp_path / "near", {"policies/SA.xml": rate.format("")})
    far = run(tmp_path / "far", {"policies/SA.xml": rate.format("\n")})
    assert ("SA.xml", 5, "deploy/InvalidAllowedRate") not in found(near)
    assert ("SA.xml", 6, "deploy/InvalidAllowedRate") in found(far)


def test_directives_can_be_ignored(tmp_path: Path) -> None:
    files = {"policies/A.xml": "<!-- apiproxy disable=XX001 -->" + A["policies/A.xml"]}
    assert ("A.xml", 1, "XX001") in found(
        run(tmp_path, files, EveryPolicy, config=Config(ignore_directives=True))
    )


def test_excluded_rules_say_nothing(tmp_path: Path) -> None:
    excluded = Config(exclude=frozenset({"XX001", "DEPLOY"}))
    assert found(run(tmp_path, {**A, "policies/C.xml": "<"}, EveryPolicy, config=excluded)) == []


def test_a_rule_can_be_left_out_for_some_paths(tmp_path: Path) -> None:
    config = Config(paths=(PathConfig("**/policies/A.xml", frozenset({"XX001"})),))
    assert found(run(tmp_path, {**A, **B}, EveryPolicy, config=config)) == [("B.xml", 1, "XX001")]


def test_severities_can_be_set(tmp_path: Path) -> None:
    report = run(tmp_path, A, EveryPolicy, config=Config(severities={"XX001": "error"}))
    assert (report.errors, report.warnings) == (1, 0)


def test_every_file_is_told_in_apigeelints_order(tmp_path: Path) -> None:
    report = run(tmp_path, {**A, "resources/jsc/a.js": "1"})
    assert [file.file for file in report.files] == [
        "apiproxy/api.xml",
        "apiproxy/proxies/default.xml",
        "apiproxy/targets/default.xml",
        "apiproxy/policies/A.xml",
        "apiproxy/resources/jsc/a.js",
    ]


def test_rules_are_found_by_the_names_of_their_modules() -> None:
    assert {"BN005", "CC004", "PO007"} <= set(rule_ids())
    for rule_id in rule_ids():
        rule = find_rule(rule_id.lower())
        assert rule is not None
        assert rule.id == rule_id
        assert rule.name
        assert rule.description()


def test_an_option_that_a_rule_does_not_have_is_refused() -> None:
    rule = find_rule("CC004")
    assert rule is not None
    with pytest.raises(OptionError, match="CC004 has no option 'term'; it has terms"):
        rule({"term": 3})
    with pytest.raises(OptionError, match="CC004: terms must be of type whole number, not 'many'"):
        rule({"terms": "many"})


@pytest.mark.parametrize(
    ("xml", "offset", "place"),
    [
        ("<C>abc</C>", 1, (1, 5)),
        ('<C\n a=">">a\nbc</C>', 2, (3, 1)),
        ("<C>a &amp;&amp; b</C>", 5, (1, 17)),
        ("<C><![CDATA[a<b]]></C>", 1, (1, 14)),
        ("<C>a<!-- no -->b</C>", 1, (1, 16)),
    ],
)
def test_a_character_of_a_text_has_its_place_in_the_file(
    xml: str, offset: int, place: tuple[int, int]
) -> None:
    found = place_in(parse_xml(xml.encode(), "a.xml"), offset)
    assert (found.line, found.column) == place


def test_edits_change_what_they_name_and_nothing_else() -> None:
    data = "<P é='1'>\n <A x = '1'/><B/><C>old</C>\n</P>".encode()
    root = parse_xml(data, "p.xml")
    first, second, third = root.children
    fixes = [set_attribute(first, "x", "2"), replace_node(second, ""), replace_text(third, "a<b")]
    assert edited(data, fixes)[0].decode() == "<P é='1'>\n <A x=\"2\"/><C>a&lt;b</C>\n</P>"
    assert edited(data, [set_attribute(second, "y", "3")])[0].decode().count('<B y="3"/>') == 1
    assert edited(data, [replace_text(second, "t")])[0].decode().count("<B>t</B>") == 1


def test_edits_count_bytes_where_lines_end_with_a_carriage_return_too() -> None:
    data = b'<P>\r\n<A\r\n x="1"/><B/></P>'
    root = parse_xml(data, "p.xml")
    mended = edited(data, [set_attribute(root.children[0], "x", "2"), replace_node(root.children[1], "")])[0]
    assert mended == b'<P>\r\n<A\r\n x="2"/></P>'


def test_of_overlapping_edits_the_first_is_made() -> None:
    data = b"<P><A/></P>"
    root = parse_xml(data, "p.xml")
    assert edited(data, [replace_node(root, "<Q/>"), replace_node(root.children[0], "")]) == (b"<Q/>", 1)

import tempfile
from pathlib import Path

from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import lint
from apiproxy_runtime.lint.registry import find_rules
from tests.house import proxy, write_bundle
from tests.lint.kit import Case, policy, table

test_bad, test_good = table(
    "BN011",
    bad={
        "an element left open": Case({"policies/A.xml": '<Quota name="A">\n<Allow>'}, lines=[2], severity=2),
        "an ampersand": Case(
            {"proxies/default.xml": proxy(request="<Step><Condition>a && b</Condition></Step>")}, lines=[2]
        ),
        "a declaration that does not come first": Case(
            {"policies/A.xml": '\n<?xml version="1.0"?><Quota name="A"/>'}
        ),
        "an empty file": Case({"policies/A.xml": ""}),
        "an entity that is not defined": Case(
            {"targets/default.xml": "<TargetEndpoint>&nbsp;</TargetEndpoint>"}
        ),
        "a shared flow": Case({"sharedflows/default.xml": "<SharedFlow"}, kind="sharedflowbundle"),
        "apigeelint passes over the manifest": Case({"api.xml": "<APIProxy"}),
    },
    good={
        "well-formed": policy(
            '<?xml version="1.0"?>\n<!-- & -->\n<Quota name="A"><Allow count="1"/></Quota>'
        ),
        "only XML is looked at": Case({"resources/jsc/a.js": "a && b"}),
    },
)


def test_apigeelint_tells_more_of_a_half_read_proxy_only_its_markup_is_told() -> None:
    files = {
        "proxies/default.xml": proxy(request="<Step><Name>Q-A</Name></Step>").replace("</ProxyEndpoint>", ""),
        "targets/default.xml": """<TargetEndpoint name="default"><HTTPTargetConnection>
<LoadBalancer><Server name="a"/></LoadBalancer></HTTPTargetConnection></TargetEndpoint>""",
        "policies/Q-A.xml": '<Quota name="Q-A"/>',
    }
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), "api", files)
        bundles = gather([Path(folder)], compiled=False).bundles
        classes = [
            rule for rule in find_rules() if rule.id in ("BN005", "BN010", "BN011", "BN012", "PD002", "PD005")
        ]
        report = lint(bundles, classes, Config(exclude=frozenset({"DEPLOY"})))
        assert [problem.rule for file in report.files for problem in file.problems] == ["BN011"]


def test_other_rules_read_a_file_whose_declaration_does_not_come_first() -> None:
    late = '<!-- a licence\n-->\n<?xml version="1.0"\n?>\n<Quota name="A"/>'
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), "api", {"policies/A.xml": late, "proxies/default.xml": proxy()})
        bundles = gather([Path(folder)], compiled=False).bundles
        classes = [rule for rule in find_rules() if rule.id in ("BN005", "BN011")]
        report = lint(bundles, classes, Config(exclude=frozenset({"DEPLOY"})))
        found = [(problem.rule, problem.line) for file in report.files for problem in file.problems]
        assert found == [("BN011", 3), ("BN005", 5)]


def test_apigeelint_goes_silent_after_an_empty_policy_file_other_policies_are_still_told() -> None:
    files = {"policies/A.xml": "", "policies/B.xml": '<Quota name="B"/>', "proxies/default.xml": proxy()}
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(Path(folder), "api", files)
        bundles = gather([Path(folder)], compiled=False).bundles
        classes = [rule for rule in find_rules() if rule.id in ("BN005", "BN011")]
        report = lint(bundles, classes, Config(exclude=frozenset({"DEPLOY"})))
        found = [(file.file, problem.rule) for file in report.files for problem in file.problems]
        assert found == [("apiproxy/policies/A.xml", "BN011"), ("apiproxy/policies/B.xml", "BN005")]

from __future__ import annotations

import pytest

from apiproxy_runtime.bundle.finding import DeployError, Finding, Findings, Place

PLACE = Place("apiproxy/policies/SC-Lookup.xml", 7, 3)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (
            Finding("p/SC.xml", 7, 3, "URLMissing", "URL is missing in Step SC.", "Add <URL>."),
            "p/SC.xml:7: URLMissing: URL is missing in Step SC. Add <URL>.",
        ),
        (
            Finding("p/SC.xml", 7, 3, "", '<Timeout> must be positive, not "5s"', "Write 5000."),
            'p/SC.xml:7: <Timeout> must be positive, not "5s". Write 5000.',
        ),
        (Finding("apiproxy/", 0, 1, "BadBundle", "nothing in it"), "apiproxy/: BadBundle: nothing in it"),
    ],
)
def test_a_finding_reads_place_name_message_cure(finding: Finding, text: str) -> None:
    assert str(finding) == text


def test_warnings_do_not_keep_a_bundle_from_being_deployed() -> None:
    findings = Findings()
    findings.warning(PLACE, "UnknownElement", "<Hue> is ignored")
    assert findings.ok
    findings.raise_errors()
    findings.error(PLACE, "URLMissing", "URL is missing")
    assert not findings.ok
    assert [finding.name for finding in findings.errors] == ["URLMissing"]
    assert [finding.name for finding in findings.warnings] == ["UnknownElement"]


def test_the_deploy_error_carries_everything_and_says_the_errors() -> None:
    findings = Findings()
    findings.error(PLACE, "URLMissing", "URL is missing")
    findings.warning(PLACE, "UnknownElement", "<Hue> is ignored")
    with pytest.raises(DeployError) as caught:
        findings.raise_errors()
    assert len(caught.value.findings) == 2
    assert str(caught.value) == "apiproxy/policies/SC-Lookup.xml:7: URLMissing: URL is missing"


def test_what_is_found_twice_is_listed_once() -> None:
    findings = Findings()
    findings.error(PLACE, "URLMissing", "URL is missing")
    findings.extend([findings.items[0]])
    findings.error(PLACE, "URLMissing", "URL is missing")
    assert len(findings) == 1

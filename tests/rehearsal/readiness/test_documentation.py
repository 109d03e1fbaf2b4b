from apiproxy_runtime.rehearsal.readiness.registry import all_checks
from tests.samples.sample import REPOSITORY


def test_every_check_stands_in_the_documentation():
    page = (REPOSITORY / "docs" / "readiness.md").read_text(encoding="utf-8")
    for check in all_checks():
        assert f"| {check.id} | {check.severity} | {check.title} | {check.why} |" in page

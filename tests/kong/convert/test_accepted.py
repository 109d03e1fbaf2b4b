"""Everything that is written for the samples is accepted by our own reader, and nothing of them is passed over."""

from pathlib import Path

import pytest

from apiproxy_runtime.kong.convert.coverage import as_json, as_markdown
from tests.kong.convert.converted import accepted, bundles_of, converted, row
from tests.samples.sample import REPOSITORY

SAMPLES = sorted(
    {folder.parent for folder in (REPOSITORY / "samples").rglob("apiproxy") if (folder / "proxies").is_dir()}
)


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda folder: str(folder.relative_to(REPOSITORY)))
@pytest.mark.parametrize("edition", ["oss", "enterprise"])
@pytest.mark.parametrize("callouts", ["global", "route"])
def test_the_samples(folder: Path, edition, callouts, tmp_path):
    shared = REPOSITORY / "samples" / "sharedflowbundle"
    result = converted(folder / "apiproxy", shared, edition=edition, callouts=callouts)
    accepted(result, tmp_path)
    bundle, *_ = bundles_of(folder / "apiproxy")
    for policy in bundle.policies.values():
        found = row(result, policy.name)
        assert found.reason
        if found.verdict == "manual":
            assert f"{policy.file}:{policy.node.line}" in result.text or _only_in_fault_rules(
                bundle, policy.name
            )
    rows = result.coverage.sorted()
    assert len(as_json(rows)) == len(rows)
    assert all(found.name in as_markdown(rows) for found in rows)


def _only_in_fault_rules(bundle, name):
    rules = [
        rule for endpoint in (*bundle.proxies, *bundle.targets.values()) for rule in endpoint.fault_rules
    ]
    rules += [
        endpoint.default_fault_rule
        for endpoint in (*bundle.proxies, *bundle.targets.values())
        if endpoint.default_fault_rule is not None
    ]
    return any(step.policy == name for rule in rules for step in rule.steps)

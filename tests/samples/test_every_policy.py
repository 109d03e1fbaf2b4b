"""Every policy has a place in a sample bundle, and its step is attached there."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.discover import find_bundles
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(scope="module")
def attached() -> set[str]:
    """The root elements of all policies that a flow of a sample attaches."""
    found: set[str] = set()
    for folder in [SAMPLES, *(SAMPLES / "policies").iterdir()]:
        for source in find_bundles(folder):
            bundle = read_bundle(source, Findings())
            assert bundle is not None
            names = {
                node.child_text("Name", "").strip()
                for endpoint in [*bundle.proxies, *bundle.targets.values(), *bundle.shared_flows]
                for node in endpoint.node.walk()
                if node.tag == "Step"
            }
            found |= {policy.element for policy in bundle.policies.values() if policy.name in names}
    return found


@pytest.mark.parametrize("policy", all_policies(), ids=lambda policy: policy.tag)
def test_a_sample_shows_the_policy(policy: type[Policy], attached: set[str]) -> None:
    if not policy.__module__.startswith("apiproxy_policies."):
        pytest.skip("a policy of another package")
    assert {policy.tag, *policy.aliases} & attached, (
        f"attach {policy.tag} in samples/policies/{policy.family}"
    )

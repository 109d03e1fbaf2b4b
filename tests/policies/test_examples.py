"""Every policy's example is complete: it deploys without an error, and says what `apiproxy explain` shows."""

import pytest

from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from tests.policies.kit import load

POLICIES = [policy for policy in all_policies() if policy.__module__.startswith("apiproxy_policies.")]

#: An example is one file; the resources and target servers that it names lie in others.
ELSEWHERE = ("ResourceDoesNotExist", "TargetServerNotFound")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.tag)
def test_the_example_parses_without_findings(policy: type[Policy]) -> None:
    assert policy.example.strip(), f"{policy.tag} has no example"
    parsed, findings = load(policy.example)
    assert type(parsed) is policy
    unexpected = [str(finding) for finding in findings if finding.name not in ELSEWHERE]
    assert unexpected == []


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.tag)
def test_the_declaration_says_what_the_reference_needs(policy: type[Policy]) -> None:
    assert policy.docs.startswith("https://")
    assert policy.family in ("security", "traffic", "mediation", "extension")
    assert (policy.__doc__ or "").strip()
    assert set(policy.profiles) <= {"apigeex", "apigee"}
    assert policy.profiles

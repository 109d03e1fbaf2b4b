from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.edit import set_attribute
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class PolicyNameIsFileName(Rule):
    """A policy whose file is called otherwise is hard to find, and Apigee X refuses the import.

    The fix takes the file's name where the steps use it already.
    """

    id = "PO006"
    name = "Policy name is the file name"
    severity = "error"
    bad = 'policies/AM-Old.xml: <AssignMessage name="AM-New">'
    good = 'policies/AM-New.xml: <AssignMessage name="AM-New">'
    fixable = True
    supersedes = ("PolicyFileName",)

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        if not policy.name or policy.name == policy.stem:
            return
        steps = bundle.attachments
        used = policy.stem in steps and policy.name not in steps
        yield Match(
            policy.node,
            f"the policy is called {policy.name!r}, its file {policy.stem!r}",
            "Rename one of the two, and the steps that name it.",
            fix=set_attribute(policy.node, "name", policy.stem) if used else None,
        )

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.xml import XmlError
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode


class MissingPolicy(Rule):
    """A step names a policy that the bundle does not hold; it is refused then.

    Steps of every flow are looked at. A policy whose file is not well-formed is there, and told by BN011.
    """

    id = "BN010"
    name = "Missing policy"
    severity = "error"
    cure = "Add the policy, or mend the name."
    bad = "<Step><Name>AM-SetHeader</Name></Step>  <!-- the policy is called AM-SetHeaders -->"
    good = "<Step><Name>AM-SetHeaders</Name></Step>"
    supersedes = ("UnknownPolicy",)

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        name = step.policy_name
        if name and step.policy is None and name not in bundle.table(_unreadable):
            cures = bundle.table(_cures)
            if name not in cures:
                cures[name] = suggestion(name, [policy.called for policy in bundle.policies]) or self.cure
            yield Match(
                step.node,
                f"the bundle holds no policy {name!r}",
                cures[name],
            )


def _cures(bundle: LintBundle) -> dict[str, str]:
    """What to do about each missing name, filled as they are met."""
    return {}


def _unreadable(bundle: LintBundle) -> frozenset[str]:
    """What policies are probably called whose files cannot be read."""
    return frozenset(
        PurePosixPath(file).stem
        for file in bundle.in_folder("policies")
        if isinstance(bundle.xml(file), XmlError)
    )

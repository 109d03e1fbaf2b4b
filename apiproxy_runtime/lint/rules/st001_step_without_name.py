from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode


class StepWithoutName(Rule):
    """A step that names no policy makes the bundle be refused."""

    id = "ST001"
    name = "Step without name"
    severity = "error"
    cure = "Write <Name>the policy's name</Name> in it, or remove it."
    bad = "<Step/>"
    good = "<Step><Name>AM-1</Name></Step>"
    supersedes = ("MissingName",)

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        if not step.policy_name:
            yield Match(step.node, "the step names no policy")

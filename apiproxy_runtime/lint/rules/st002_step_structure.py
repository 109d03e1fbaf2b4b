from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.edit import replace_text
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule, StepNode

_KNOWN = ("Name", "Condition", "FaultRules")


class StepStructure(Rule):
    """A step holds one name, and at most one condition, each with nothing but text.

    Blanks around a name are mended with --fix.
    """

    id = "ST002"
    name = "Step structure"
    severity = "error"
    bad = "<Step><Name> AM-1 </Name><Condition/></Step>"
    good = "<Step><Name>AM-1</Name></Step>"
    fixable = True
    supersedes = ("UnknownElement", "DuplicateElement")

    def on_step(self, step: StepNode, bundle: LintBundle) -> Iterator[Match]:
        for tag in ("Name", "Condition"):
            if len(step.node.all(tag)) > 1:
                yield Match(step.node, f"the step has more than one <{tag}>", "Keep one.")
            for stray in (child for node in step.node.all(tag)[:1] for child in node.children):
                yield Match(step.node, f"<{stray.tag}> has no meaning in <{tag}>", "Write plain text.")
        for child in step.node.children:
            if child.tag not in _KNOWN:
                yield Match(step.node, f"<{child.tag}> has no meaning in <Step>", "Remove it.")
        name = step.node.child("Name")
        if name is not None and not name.children and name.text.strip() and name.text != name.text.strip():
            fix = replace_text(name, name.text.strip()) if not name.comments else None
            yield Match(step.node, "there are blanks around the policy's name", "Remove them.", fix=fix)
        condition = step.condition
        if condition is not None and not step.conditional and not condition.node.children:
            yield Match(step.node, "the condition is empty", "Write one, or remove <Condition>.")

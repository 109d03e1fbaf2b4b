"""Whether a step that reads a message's content is guarded by a check that there is any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.expression.condition.nodes import (
    And,
    Comparison,
    Literal,
    Node,
    Operator,
    Variable,
    walk,
)
from apiproxy_runtime.expression.condition.satisfiability import can_hold
from apiproxy_runtime.lint.parts import PolicyFile, StepNode
from apiproxy_runtime.lint.rule import Match


def source_of(policy: PolicyFile) -> str:
    """The message that a policy reads; without <Source> that of the moment."""
    return policy.node.child_text("Source", "") or "message"


def content_variables(policy: PolicyFile, step: StepNode) -> tuple[str, ...]:
    """The variables of which one must be checked before a policy reads the content of its message.

    A source that is no message is a plain text; then it may be checked itself.
    """
    source = source_of(policy)
    plain = () if source in ("message", "request", "response") else (source,)
    return (*(f"{name}.content" for name in _also_called(source, step)), *plain)


def form_variables(policy: PolicyFile, parameters: Sequence[str], step: StepNode) -> tuple[str, ...]:
    """As `content_variables`, for form parameters."""
    return tuple(
        f"{name}.{part}"
        for name in _also_called(source_of(policy), step)
        for part in ("formstring", *(f"formparam.{parameter}" for parameter in parameters))
    )


def _also_called(source: str, step: StepNode) -> tuple[str, ...]:
    """`message` is the request in the request flow, and the response in the response flow."""
    moment = {"Request": "request", "Response": "response"}.get(step.phase, "")
    if source == "message" and moment:
        return source, moment
    return (source, "message") if source == moment else (source,)


def unguarded(step: StepNode, variables: Sequence[str], what: str) -> Iterator[Match]:
    """A match unless the condition of the step, or of its flow or fault rule, asks for one of the variables.

    A condition asks if it compares with null or "" by any `!=`, or if it cannot hold while the variable is null; one
    that cannot be read, if the variable is in it.
    """
    owners = (step, step.flow, step.rule)
    conditions = [owner.condition for owner in owners if owner is not None and owner.condition is not None]
    if any(c.error is not None and any(name in c.text for name in variables) for c in conditions):
        return
    trees = tuple(condition.tree for condition in conditions if condition.tree is not None)
    if not any(_asks(tree, variables) for tree in trees) and not _implies(trees, variables):
        yield Match(
            step.node,
            f"{step.policy_name!r} reads {what}, though there may be none",
            f"Give the step a condition such as {variables[0]} != null.",
        )


def _asks(tree: Node, variables: Sequence[str]) -> bool:
    return any(
        isinstance(part, Comparison)
        and part.operator is Operator.NOT_EQUALS
        and isinstance(part.left, Variable)
        and part.left.name in variables
        and isinstance(part.right, Literal)
        and part.right.value in (None, "")
        for part in walk(tree)
    )


def _implies(trees: tuple[Node, ...], variables: Sequence[str]) -> bool:
    for name in variables:
        if any(isinstance(part, Variable) and part.name == name for tree in trees for part in walk(tree)):
            null = Comparison(Operator.EQUALS, Variable(name, 0, 0), Literal(None, "null", 0, 0), 0, "=")
            if not can_hold(And((*trees, null), 0)):
                return True
    return False

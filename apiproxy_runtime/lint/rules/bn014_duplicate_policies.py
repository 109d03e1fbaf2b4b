from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule

_Content = tuple[object, ...]


class DuplicatePolicies(Rule):
    """Two policies that say the same need to be changed together, which somebody will forget.

    The name attribute, comments, blanks and the order of attributes do not count. The first by name is let pass.
    """

    id = "BN014"
    name = "Duplicate policies"
    cure = "Keep one, and attach it in each place."
    bad = """<RaiseFault name="RF-404"><FaultResponse>…</FaultResponse></RaiseFault>
  <RaiseFault name="RF-NotFound"><FaultResponse>…</FaultResponse></RaiseFault>"""
    good = '<RaiseFault name="RF-404"><FaultResponse>…</FaultResponse></RaiseFault>'

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        first = bundle.table(_firsts)[policy.file]
        if first is not policy:
            yield Match(policy.node, f"{policy.called!r} is the same as {first.called!r}")


def _firsts(bundle: LintBundle) -> dict[str, PolicyFile]:
    """For each policy's file the first policy by name that says the same."""
    by_content: dict[_Content, PolicyFile] = {}
    ordered = sorted(bundle.policies, key=lambda policy: (_order(policy.called), policy.file))
    return {
        policy.file: by_content.setdefault(_content(policy.node, root=True), policy) for policy in ordered
    }


def _content(node: Node, root: bool = False) -> _Content:
    attributes = frozenset(item for item in node.attributes.items() if not (root and item[0] == "name"))
    children = tuple(_content(child) for child in node.children)
    return node.tag, attributes, children, "" if children else node.text.strip()


def _order(name: str) -> list[tuple[int, str]]:
    """Names as lists have them: punctuation before digits before letters, whose case does not matter."""
    return [(2 * character.isalpha() + character.isdigit(), character.casefold()) for character in name]

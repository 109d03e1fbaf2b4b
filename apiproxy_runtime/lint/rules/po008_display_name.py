from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.edit import replace_text
from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class DisplayName(Rule):
    """The DisplayName is what Apigee's pages show; when it is not the file's name, people look for another policy."""

    id = "PO008"
    name = "DisplayName is the file name"
    bad = "policies/AM-New.xml: <DisplayName>Set the headers</DisplayName>"
    good = "policies/AM-New.xml: <DisplayName>AM-New</DisplayName>"
    fixable = True

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        node = policy.node.child("DisplayName")
        if node is not None and node.text != policy.stem:
            shown = node.text.strip()
            what = (
                f"the display name {shown!r} is not the file's name" if shown else "the display name is empty"
            )
            yield Match(node, what, f"Write {policy.stem}.", fix=replace_text(node, policy.stem))

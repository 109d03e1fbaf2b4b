from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.xml import XmlError
from apiproxy_runtime.lint.rule import LintBundle, Match, RouteRuleNode, Rule


class MissingTarget(Rule):
    """A route rule names a target endpoint that the bundle does not hold; it is refused then.

    A route rule without <TargetEndpoint> is a null route and fine. A target whose file is not well-formed is there,
    and told by BN011.
    """

    id = "PD001"
    name = "Missing target"
    severity = "error"
    cure = "Add the target endpoint, or mend the name."
    bad = '<RouteRule name="default"><TargetEndpoint>backnd</TargetEndpoint></RouteRule>'
    good = '<RouteRule name="default"><TargetEndpoint>backend</TargetEndpoint></RouteRule>'
    supersedes = ("UnknownTargetEndpoint", "InvalidRouteRule")

    def on_route_rule(self, rule: RouteRuleNode, bundle: LintBundle) -> Iterator[Match]:
        if rule.target is None:
            return
        if not rule.target:
            yield Match(
                rule.node, "<TargetEndpoint> is empty", "Name a target, or remove it for a null route."
            )
        elif rule.target not in bundle.table(_targets):
            known = [target.name or target.stem for target in bundle.targets]
            cure = suggestion(rule.target, known) or self.cure
            yield Match(rule.node, f"the bundle holds no target endpoint {rule.target!r}", cure)


def _targets(bundle: LintBundle) -> frozenset[str]:
    """The names of all targets; of those that cannot be read, what they are probably called."""
    return frozenset(target.name or target.stem for target in bundle.targets) | {
        PurePosixPath(file).stem
        for file in bundle.in_folder("targets")
        if isinstance(bundle.xml(file), XmlError)
    }

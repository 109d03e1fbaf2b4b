from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.endpointname import name_matches
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class TargetEndpointName(Rule):
    """A target endpoint should be called as its file is, so that it is found again.

    A missing name is mended with --fix. Another one is not, since route rules may name it.
    """

    id = "TD003"
    name = "Target endpoint name"
    severity = "error"
    bad = '<TargetEndpoint name="main">  <!-- in default.xml -->'
    good = '<TargetEndpoint name="default">  <!-- in default.xml -->'
    fixable = True
    supersedes = ("MissingName",)

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        yield from name_matches(endpoint)

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class ProxyEndpointHygiene(Rule):
    """A proxy endpoint has exactly one base path, and its PostClientFlow has no request.

    When the PostClientFlow runs, the answer has been sent already: steps in its <Request> never run.
    """

    id = "PD006"
    name = "Proxy endpoint hygiene"
    severity = "error"
    bad = "<PostClientFlow><Request><Step><Name>ML-1</Name></Step></Request></PostClientFlow>"
    good = "<PostClientFlow><Response><Step><Name>ML-1</Name></Step></Response></PostClientFlow>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference"
    )
    supersedes = ("MissingBasePath",)

    def on_proxy_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = endpoint.node.child("HTTPProxyConnection")
        if connection is not None:
            paths = connection.all("BasePath")
            if not paths:
                yield Match(connection, "there is no <BasePath>", "Add <BasePath>/your/path</BasePath>.")
            if len(paths) > 1:
                yield Match(connection, "there is more than one <BasePath>", "Keep one.")
        for flow in endpoint.flows:
            if flow.tag == "PostClientFlow" and (request := flow.node.child("Request")) is not None:
                steps = request.all("Step")
                yield Match(
                    flow.node,
                    "a PostClientFlow has no request; steps there never run",
                    "Move its steps to <Response>." if steps else "Remove <Request>.",
                    severity="error" if steps else "warning",
                )

from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class MaxFailures(Rule):
    """MaxFailures says when a server is taken out: without it a load balancer goes on asking a dead server.

    With a single server it may be 0 only, since there is no other to turn to.
    """

    id = "TD015"
    name = "MaxFailures of a LoadBalancer"
    bad = '<LoadBalancer><Server name="a"/><Server name="b"/></LoadBalancer>'
    good = '<LoadBalancer><Server name="a"/><Server name="b"/><MaxFailures>5</MaxFailures></LoadBalancer>'
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )
    supersedes = (
        "InvalidValue",
        "DuplicateElement",
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        balancer = connection.load_balancer
        if balancer is None:
            return
        servers, limits = len(balancer.all("Server")), balancer.all("MaxFailures")
        if not limits and servers != 1:
            cure = "Add <MaxFailures>5</MaxFailures>, and a <HealthMonitor>."
            yield Match(
                balancer, "<LoadBalancer> does not say after how many failures a server is left out", cure
            )
        for extra in limits[1:]:
            yield Match(extra, "there is more than one <MaxFailures>", "Keep one.")
        for limit in limits if len(limits) == 1 else ():
            text = limit.text.strip()
            if not text:
                yield Match(limit, "<MaxFailures> is empty", "Write a whole number, or remove it.")
            elif not (text.isascii() and text.isdigit()):
                yield Match(limit, f"<MaxFailures> is not a whole number: {text!r}", "Write a whole number.")
            elif servers == 1 and int(text):
                yield Match(
                    limit, "the only server would be left out after failures", "Remove it, or write 0."
                )
            elif servers != 1 and not int(text):
                yield Match(
                    limit, "<MaxFailures> is 0, so no server is ever left out", "Write a positive number."
                )

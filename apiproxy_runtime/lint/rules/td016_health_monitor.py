from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.connection import connection_of
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, Rule


class HealthMonitor(Rule):
    """A health monitor brings back servers that failures have taken out, so it and MaxFailures need each other.

    It watches the servers of a load balancer; without one there is nothing to watch.
    """

    id = "TD016"
    name = "HealthMonitor and LoadBalancer"
    severity = "error"
    bad = "<URL>https://a.example.com</URL><HealthMonitor>…</HealthMonitor>"
    good = "<LoadBalancer>…<MaxFailures>5</MaxFailures></LoadBalancer><HealthMonitor>…</HealthMonitor>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/deploy/load-balancing-across-backend-servers"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        connection = connection_of(endpoint)
        if connection is None:
            return
        balancer = connection.load_balancer
        if not connection.load_balancers and connection.health_monitors:
            cure = "Name target servers in a <LoadBalancer>, or remove it."
            yield Match(connection.health_monitors[0], "<HealthMonitor> without <LoadBalancer>", cure)
        elif balancer is not None and not connection.health_monitors:
            limits = balancer.all("MaxFailures")
            if len(limits) == 1 and limits[0].text.strip() != "0":
                message = "servers are left out after failures, but nothing brings them back"
                yield Match(balancer, message, "Add a <HealthMonitor>.", severity="warning")

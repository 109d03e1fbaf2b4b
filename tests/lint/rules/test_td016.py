from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


SERVERS = '<LoadBalancer><Server name="a"/><MaxFailures>{}</MaxFailures></LoadBalancer>\n'
MONITOR = "<HealthMonitor/>"

test_bad, test_good = table(
    "TD016",
    bad={
        "no servers": connection("<URL>https://a.test</URL>\n" + MONITOR, lines=[6], severity=2),
        "no monitor": connection(SERVERS.format(5), lines=[5], severity=1, says="brings them back"),
    },
    good={
        "both": connection(SERVERS.format(5) + MONITOR),
        "no server is left out": connection(SERVERS.format(0)),
        "not told when": connection('<LoadBalancer><Server name="a"/></LoadBalancer>'),
        "a URL": connection("<URL>https://a.test</URL>"),
    },
)

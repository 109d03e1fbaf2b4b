from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


URL, SERVERS = "<URL>https://a.test</URL>", '<LoadBalancer><Server name="a"/></LoadBalancer>'

test_bad, test_good = table(
    "TD014",
    bad={
        "neither": connection("", lines=[4], says="neither", severity=1),
        "both": connection(URL + SERVERS, lines=[4], says="1 <URL> and 1 <LoadBalancer>"),
        "two URLs": connection(URL + URL),
        "two load balancers": connection(SERVERS + SERVERS),
    },
    good={
        "a URL": connection(URL),
        "servers": connection(SERVERS),
        "no connection over HTTP": endpoint(
            '<TargetEndpoint name="default"><LocalTargetConnection/></TargetEndpoint>'
        ),
    },
)

from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


SERVERS = '<LoadBalancer><Server name="a"/></LoadBalancer>\n'

test_bad, test_good = table(
    "TD009",
    bad={"two": connection(SERVERS * 2, lines=[6], severity=1)},
    good={"one": connection(SERVERS), "a URL": connection("<URL>https://a.test</URL>")},
)

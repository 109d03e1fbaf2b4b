from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


SERVERS = '<LoadBalancer><Server name="a"/></LoadBalancer>'

test_bad, test_good = table(
    "TD006",
    bad={"both": connection(f"{SERVERS}\n<SSLInfo/>", lines=[6], severity=1)},
    good={"servers": connection(SERVERS), "a URL": connection("<URL>https://a.test</URL><SSLInfo/>")},
)

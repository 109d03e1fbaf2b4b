from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


HTTPS, HTTP, INFO = "<URL>https://a.test</URL>\n", "<URL>http://a.test</URL>\n", "<SSLInfo/>\n"
SERVERS = '<LoadBalancer><Server name="a"/></LoadBalancer>\n'

test_bad, test_good = table(
    "TD012",
    bad={
        "none for https": connection(HTTPS, lines=[4], says="no <SSLInfo>", severity=1),
        "two": connection(HTTPS + INFO * 2, lines=[7], says="more than one"),
        "one for http": connection(HTTP + INFO, lines=[6], says="http URL"),
        "two beside servers": connection(SERVERS + INFO * 2, lines=[7]),
    },
    good={
        "one for https": connection(HTTPS + INFO),
        "none for http": connection(HTTP),
        "apigeelint takes a URL in a variable for http": connection("<URL>{my.url}</URL>" + INFO),
        "one beside servers is told by TD006": connection(SERVERS + INFO),
    },
)

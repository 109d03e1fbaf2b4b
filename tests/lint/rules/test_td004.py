from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


ON, ENFORCED = "<Enabled>true</Enabled>", "<Enforce>true</Enforce>"


def secured(url: str, info: str, **case: Any) -> Case:
    return connection(f"<URL>{url}</URL>\n<SSLInfo>{info}</SSLInfo>", **case)


test_bad, test_good = table(
    "TD004",
    bad={
        "not enabled": secured("https://a.test", ENFORCED, lines=[4], says="<Enabled>true", severity=1),
        "not enforced": secured("https://a.test", ON, lines=[4], says="<Enforce>true"),
        "neither": secured("https://a.test", "", lines=[4, 4]),
        "enforced, on Edge": secured("https://a.test", ON + ENFORCED, profile="apigee", says="Edge"),
        "enabled for http": secured("http://a.test", ON, lines=[4], says="http URL"),
        "enforced for http": secured("http://a.test", ENFORCED, says="http URL"),
    },
    good={
        "both": secured("https://a.test", ON + ENFORCED),
        "enabled, on Edge": secured("https://a.test", ON, profile="apigee"),
        "a URL in a variable": secured("{my.url}", ""),
        "no SSLInfo is told by TD012": connection("<URL>https://a.test</URL>"),
        "servers": connection('<LoadBalancer><Server name="a"/></LoadBalancer><SSLInfo/>'),
    },
)

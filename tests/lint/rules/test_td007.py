from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


def secured(info: str, url: str = "https://a.test", **case: Any) -> Case:
    return connection(f"<URL>{url}</URL>\n<SSLInfo>{info}</SSLInfo>", **case)


test_bad, test_good = table(
    "TD007",
    bad={
        "none": secured("<Enabled>true</Enabled>", lines=[6], severity=1),
        "an empty one": secured("<TrustStore/>"),
        "two": secured("<TrustStore>a</TrustStore><TrustStore>b</TrustStore>"),
    },
    good={
        "one": secured("<TrustStore>ref://a</TrustStore>"),
        "an http URL": secured("", "http://a.test"),
        "no SSLInfo is told by TD012": connection("<URL>https://a.test</URL>"),
    },
)

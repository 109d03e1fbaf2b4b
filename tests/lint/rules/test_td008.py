from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


FALLBACK = '<Server name="{}"><IsFallback>true</IsFallback></Server>'


def servers(xml: str, **case: Any) -> Case:
    return connection(f"<LoadBalancer>\n{xml}</LoadBalancer>", **case)


test_bad, test_good = table(
    "TD008",
    bad={
        "two": servers(FALLBACK.format("a") + "\n" + FALLBACK.format("b"), lines=[5], severity=1),
        "the only server": servers(FALLBACK.format("a"), lines=[5], says="only server"),
    },
    good={
        "one of two": servers('<Server name="a"/>' + FALLBACK.format("b")),
        "none": servers('<Server name="a"/>'),
        "a URL": connection("<URL>https://a.test</URL>"),
    },
)

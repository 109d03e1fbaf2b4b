from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


def servers(xml: str, **case: Any) -> Case:
    return connection(f"<LoadBalancer>\n{xml}</LoadBalancer>", **case)


test_bad, test_good = table(
    "TD010",
    bad={
        "none": servers("", lines=[5], says="no <Server>", severity=1),
        "no name": servers('<Server name="a"/>\n<Server/>', lines=[7]),
        "apigeelint lets pass a nameless server that is alone": servers("<Server/>", lines=[6]),
        "a name twice": servers(
            '<Server name="a"/>\n<Server name="b"/>\n<Server name="a"/>', lines=[8], says="'a'"
        ),
    },
    good={
        "two": servers('<Server name="a"/><Server name="b"/>'),
        "a URL": connection("<URL>https://a.test</URL>"),
    },
)

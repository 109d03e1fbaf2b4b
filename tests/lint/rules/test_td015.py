from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


ONE, TWO = '<Server name="a"/>', '<Server name="a"/><Server name="b"/>'


def servers(xml: str, failures: str | None = None, **case: Any) -> Case:
    limit = f"\n<MaxFailures>{failures}</MaxFailures>" if failures is not None else ""
    return connection(f"<LoadBalancer>{xml}{limit}</LoadBalancer>", **case)


test_bad, test_good = table(
    "TD015",
    bad={
        "none with two servers": servers(TWO, lines=[5], says="left out", severity=1),
        "none without servers": servers(""),
        "empty": servers(TWO, "", lines=[6], says="empty"),
        "no number": servers(TWO, "many", lines=[6], says="'many'"),
        "negative": servers(TWO, "-1"),
        "zero with two servers": servers(TWO, "0", says="positive"),
        "some with one server": servers(ONE, "5", lines=[6], says="only server"),
        "twice": servers(TWO, "5</MaxFailures>\n<MaxFailures>6", lines=[7]),
    },
    good={
        "some with two servers": servers(TWO, "5"),
        "none with one server": servers(ONE),
        "zero with one server": servers(ONE, "0"),
        "a URL": connection("<URL>https://a.test</URL>"),
    },
)

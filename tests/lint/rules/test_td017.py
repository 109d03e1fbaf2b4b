from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


test_bad, test_good = table(
    "TD017",
    bad={
        "empty": connection("<URL/>", lines=[5], severity=2),
        "blank": connection("<URL> </URL>", lines=[5]),
    },
    good={"a URL": connection("<URL>https://a.test</URL>"), "none is told by TD014": connection("")},
)

from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


test_bad, test_good = table(
    "TD001",
    bad={
        "its host": connection("<URL>https://api.enterprise.apigee.com</URL>", lines=[5], severity=2),
        "its path": connection("<URL>https://a.test/v1/organizations/acme/apis</URL>"),
    },
    good={"another": connection("<URL>https://a.test/v1/orders</URL>"), "none": connection("")},
)

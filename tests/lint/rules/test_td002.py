from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


test_bad, test_good = table(
    "TD002",
    bad={"a URL": connection("<URL>https://a.test</URL>", lines=[5], says="https://a.test", severity=1)},
    good={
        "a target server": connection('<LoadBalancer><Server name="a"/></LoadBalancer>'),
        "an empty URL": connection("<URL/>"),
        "Edge Microgateway": Case(
            {
                "api.xml": '<APIProxy name="edgemicro_a"/>',
                "targets/default.xml": target(connection="<URL>https://a.test</URL>"),
            }
        ),
    },
)

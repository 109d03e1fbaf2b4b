from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


IGNORE = "\n<IgnoreValidationErrors>true</IgnoreValidationErrors>"


def secured(info: str, url: str = "https://a.test", **case: Any) -> Case:
    return connection(f"<URL>{url}</URL><SSLInfo>{info}</SSLInfo>", **case)


test_bad, test_good = table(
    "TD011",
    bad={
        "enabled": secured("<Enabled>true</Enabled>" + IGNORE, lines=[4], severity=1),
        "enabled is not told": secured(IGNORE),
    },
    good={
        "not ignored": secured("<IgnoreValidationErrors>false</IgnoreValidationErrors>"),
        "not enabled": secured("<Enabled>false</Enabled>" + IGNORE),
        "an http URL": secured(IGNORE, "http://a.test"),
    },
)

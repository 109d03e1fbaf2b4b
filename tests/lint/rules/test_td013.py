from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


AUTH = "<ClientAuthEnabled>true</ClientAuthEnabled>"
STORE, ALIAS = "<KeyStore>ref://a</KeyStore>", "<KeyAlias>b</KeyAlias>"


def secured(info: str, url: str = "https://a.test", **case: Any) -> Case:
    return connection(f"<URL>{url}</URL>\n<SSLInfo>{info}</SSLInfo>", **case)


test_bad, test_good = table(
    "TD013",
    bad={
        "no key": secured(AUTH, lines=[4], says="no key", severity=1),
        "no alias": secured(AUTH + STORE),
        "no store": secured(AUTH + ALIAS),
        "a key, but off": secured(STORE + ALIAS, says="off"),
    },
    good={
        "with a key": secured(AUTH + STORE + ALIAS),
        "neither": secured(""),
        "an http URL": secured(AUTH, "http://a.test"),
    },
)

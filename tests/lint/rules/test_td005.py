from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str, **case: Any) -> Case:
    return endpoint(target(connection=f"\n{xml}"), **case)


def stores(xml: str, **case: Any) -> Case:
    return connection(f"<URL>https://a.test</URL><SSLInfo>\n{xml}</SSLInfo>", **case)


test_bad, test_good = table(
    "TD005",
    bad={
        "a trust store": stores("<TrustStore>a</TrustStore>", lines=[6], says="'a' directly", severity=1),
        "a key store": stores("<KeyStore>a</KeyStore>", says="ref://NAME"),
        "two trust stores": stores(
            "<TrustStore>ref://a</TrustStore>\n<TrustStore>ref://b</TrustStore>", lines=[7]
        ),
        "apigeelint lets pass a second key store's name": stores(
            "<KeyStore>a</KeyStore>\n<KeyStore>ref://b</KeyStore>", lines=[6, 7]
        ),
    },
    good={
        "references": stores("<TrustStore>ref://a</TrustStore><KeyStore>ref://b</KeyStore>"),
        "a variable": stores("<TrustStore>{my.store}</TrustStore>"),
        "an empty one is told by TD007": stores("<TrustStore/>"),
    },
)

"""Products, developers and apps for tests, written as in `products.json`, `developers.json` and `developerapps.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.testdata import TestData, read_test_files

DEVELOPER = {
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Byron",
    "userName": "ada",
    "developerId": "dev-1",
}


class Files:
    """Test data in memory."""

    name = stem = "test-data"

    def __init__(self, files: Mapping[str, Any]) -> None:
        self.content = {name: json.dumps(value).encode() for name, value in files.items()}

    def files(self, below: str = "") -> tuple[str, ...]:
        return tuple(self.content)

    def folders(self, below: str = "") -> tuple[str, ...]:
        return ()

    def read(self, path: str) -> bytes:
        return self.content[path]


def data(products: list[Any], apps: list[Any], developers: list[Any] | None = None) -> TestData:
    """Test data read from lists of what the files hold; anything wrong with it fails the test."""
    findings = Findings()
    files = Files(
        {
            "products.json": products,
            "developers.json": developers if developers is not None else [DEVELOPER],
            "developerapps.json": apps,
        }
    )
    found = read_test_files(files, files.files(), findings)
    assert not findings.errors, findings.errors
    return found


def app(*products: str, key: str = "k", secret: str = "s", **fields: Any) -> dict[str, Any]:
    """An app of Ada's with one credential; `credential` adds to that."""
    return {
        "name": "app",
        "developerEmail": "ada@example.com",
        "apiProducts": list(products),
        "credentials": [
            {"consumerKey": key, "consumerSecret": secret, **fields.pop("credential", {})},
        ],
        **fields,
    }

"""Target servers of an environment."""

from __future__ import annotations

from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import Route
from apiproxy_runtime.control.management.collection import as_it_is, collection


def prepared(document: Document) -> Document:
    """Port and `isEnabled` as the API gives them back: apigeetool sends both as texts."""
    kept = {key: value for key, value in document.items() if value is not None}
    port, enabled = kept.get("port"), kept.get("isEnabled", True)
    if isinstance(port, str) and port.strip().isdecimal():
        kept["port"] = int(port)
    kept["isEnabled"] = enabled.strip().lower() == "true" if isinstance(enabled, str) else enabled
    return kept


ROUTES: list[Route] = collection("targetservers", "target server", prepared, as_it_is)

"""References of an environment: names under which keystores are known."""

from __future__ import annotations

from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import Route, required
from apiproxy_runtime.control.management.collection import as_it_is, collection


def prepared(document: Document) -> Document:
    required(document, "refers", "reference")
    return {"resourceType": "KeyStore", **document}


ROUTES: list[Route] = collection("references", "reference", prepared, as_it_is)

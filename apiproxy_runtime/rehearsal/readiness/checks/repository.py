"""X032: files beside the bundle that only tools for Edge read."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for file in subject.beside:
        path = PurePosixPath(file)
        if path.name == "edge.json" or "virtualhosts" in path.parts[:-1] or path.name == "virtualHosts.json":
            yield Hit(Place(file), f"{path.name} is configuration of Edge")
        elif path.name in ("caches.json", "companies.json") and "resources" in path.parts:
            yield Hit(Place(file), f"{path.name} has no counterpart on Apigee X")


CHECK = Check(
    "X032",
    "information",
    "configuration files of Edge",
    "no tool for Apigee X reads them",
    "Move what is still needed to environment groups, target servers and key value maps.",
    _find,
    "https://docs.cloud.google.com/apigee/docs/api-platform/get-started/compare-apigee-products",
)

"""What is converted so far: services with their routes, routes without one, and what stands for all of them."""

from __future__ import annotations

import re

from msgspec import Struct, field

from apiproxy_runtime.kong.convert.assembly import Assembly, Instance
from apiproxy_runtime.kong.convert.cells import Cell
from apiproxy_runtime.kong.convert.coverage import Coverage
from apiproxy_runtime.kong.convert.outcome import Config, Landscape
from apiproxy_runtime.kong.convert.targets import Target

_NAME = re.compile(r"[^A-Za-z0-9_.~-]+")


class RouteDraft(Struct):
    """A route: its fields without plugins, which the assembly holds until all routes are known."""

    name: str
    cell: Cell
    fields: Config
    assembly: Assembly


class ServiceDraft(Struct):
    """A service and its routes. `notes` are comments above it."""

    name: str
    target: Target
    notes: list[str]
    routes: list[RouteDraft] = field(default_factory=list)
    proxy: str = ""


class Draft(Struct):
    """Everything that will be written.

    services     by proxy and target
    loose        routes without service, with the name of their proxy
    loose_notes  comments that belong to no service
    callouts     plugins that their schemas allow for all requests only, with route and proxy
    """

    landscape: Landscape
    coverage: Coverage = field(default_factory=Coverage)
    services: dict[str, ServiceDraft] = field(default_factory=dict)
    loose: list[tuple[str, RouteDraft]] = field(default_factory=list)
    loose_notes: list[str] = field(default_factory=list)
    callouts: list[tuple[Instance, RouteDraft, str]] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)

    def named(self, kind: str, *words: str) -> str:
        """A name that Kong takes and that nothing else of the kind has."""
        plain = _NAME.sub("-", "-".join(word for word in words if word)).strip("-") or "unnamed"
        name, number = plain, 2
        while (kind, name) in self.names:
            name, number = f"{plain}-{number}", number + 1
        self.names.add((kind, name))
        return name

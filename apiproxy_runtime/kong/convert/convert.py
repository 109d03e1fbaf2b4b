"""Bundles → kong.yml: services, routes, plugins, upstreams, consumers, and a TODO for everything else.

The same bundles always give the same text. Nothing is dropped silently: what has no home on Kong is a comment with its
place, and a row of the coverage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.kong.convert.assembly import Assembly
from apiproxy_runtime.kong.convert.consumers import convert_consumers, tag
from apiproxy_runtime.kong.convert.coverage import Coverage
from apiproxy_runtime.kong.convert.draft import Draft, RouteDraft, ServiceDraft
from apiproxy_runtime.kong.convert.emit import Note, Noted, Tree, emit
from apiproxy_runtime.kong.convert.endpoint import draft_endpoint
from apiproxy_runtime.kong.convert.everywhere import everywhere
from apiproxy_runtime.kong.convert.leftovers import note_leftovers
from apiproxy_runtime.kong.convert.outcome import Callouts, Edition, Landscape, Row


class Converted(Struct):
    """The text of the kong.yml and what became of each part."""

    text: str
    coverage: Coverage
    services: int
    routes: int
    plugins: int
    todos: int


def convert(
    bundles: Sequence[Bundle],
    environment: Environment,
    test_data: TestData,
    *,
    edition: Edition = "oss",
    callouts: Callouts = "global",
    vault_keys: bool = False,
    let_pass: bool = False,
) -> Converted:
    """Convert the API proxies among the bundles; shared flows are put in where they are called."""
    shared = {bundle.name: bundle for bundle in bundles if bundle.kind == "sharedflowbundle"}
    landscape = Landscape(environment, test_data, shared, edition, callouts, vault_keys, let_pass)
    document = Draft(landscape)
    for bundle in bundles:
        if bundle.kind == "apiproxy":
            for proxy in bundle.proxies:
                draft_endpoint(bundle, proxy, document)
    for bundle in bundles:
        note_leftovers(bundle, document)
    rows: list[Row] = []
    consumers = convert_consumers(landscape, rows)
    for row in rows:
        document.coverage.note(row)
    return _write(bundles, document, consumers)


def _write(bundles: Sequence[Bundle], document: Draft, consumers: list[Noted]) -> Converted:
    tree: dict[str, Tree] = {"_format_version": "3.0"}
    callouts = everywhere(document)
    shared = [(service, _shared(service.routes)) for service in document.services.values()]
    _told_once(document)
    services = [_service_tree(service, common) for service, common in shared]
    if services:
        tree["services"] = services
    routes: list[Tree] = [Note(text) for text in document.loose_notes]
    routes += [Noted({**route.fields, **_plugins(route.assembly, proxy)}) for proxy, route in document.loose]
    if routes:
        tree["routes"] = routes
    upstreams = [service.target.upstream for service in document.services.values() if service.target.upstream]
    if upstreams:
        tree["upstreams"] = [{"name": up.name, **up.fields, "targets": up.targets} for up in upstreams]
    if consumers:
        tree["consumers"] = consumers
    if callouts:
        tree["plugins"] = callouts
    body = emit(tree)
    todos = len(re.findall(r"# TODO (?!.*: as above$)", body, re.MULTILINE))
    names = ", ".join(
        f"{bundle.name} revision {bundle.revision}" for bundle in bundles if bundle.kind == "apiproxy"
    )
    head = [
        f"# Converted from {names or 'no proxy'} by `apiproxy convert --to kong`.",
        f"# {todos} TODO comments say what Kong does not do by itself."
        if todos
        else "# Everything has a home on Kong.",
        "",
    ]
    made = [route for service in document.services.values() for route in service.routes]
    count = len(made) + len(document.loose)
    plugins = len(re.findall(r"^ *- name: \S+\n *config:", body, re.MULTILINE))
    return Converted("\n".join(head) + body, document.coverage, len(services), count, plugins, todos)


def _service_tree(service: ServiceDraft, shared: Assembly) -> Noted:
    """The service with its routes; a plugin that all routes have stands on the service."""
    fields: dict[str, Tree] = {"name": service.name, **service.target.fields}
    fields["tags"] = [f"apigee-proxy:{tag(service.proxy)}"]
    fields |= _plugins(shared, service.proxy)
    fields["routes"] = [
        Noted({**route.fields, **_plugins(route.assembly, service.proxy)}) for route in service.routes
    ]
    return Noted(fields, tuple(dict.fromkeys(service.notes)))


def _told_once(document: Draft) -> None:
    """A TODO that stands on several routes is told on the first; the others point there."""
    told: set[str] = set()

    def brief(notes: list[str]) -> list[str]:
        found = []
        for note in notes:
            if note not in told:
                told.add(note)
                found.append(note)
            else:
                head = note.split(": ", 2)
                found.append(f"{': '.join(head[:2])}: as above")
        return list(dict.fromkeys(found))

    routes = [route for service in document.services.values() for route in service.routes]
    for route in (*routes, *(route for _, route in document.loose)):
        route.assembly.todos = brief(route.assembly.todos)
        for instance in route.assembly.instances.values():
            instance.notes = brief(instance.notes)


def _shared(routes: list[RouteDraft]) -> Assembly:
    """Takes from the routes what all of them have."""
    shared = Assembly()
    if len(routes) < 2:
        return shared
    first, *others = (route.assembly for route in routes)
    for name, instance in list(first.instances.items()):
        if all(name in other.instances and other.instances[name].key == instance.key for other in others):
            shared.instances[name] = instance
            for route in routes:
                del route.assembly.instances[name]
    for todo in list(first.todos):
        if all(todo in other.todos for other in others):
            shared.todos.append(todo)
            for route in routes:
                route.assembly.todos.remove(todo)
    return shared


def _plugins(assembly: Assembly, proxy: str) -> dict[str, Tree]:
    items: list[Tree] = [Note(todo) for todo in assembly.todos]
    items += [Noted(one.fields(proxy), tuple(one.notes)) for one in assembly.instances.values()]
    return {"plugins": items} if items else {}

"""Plugins that stand for all requests, because their schemas know no routes: the callouts."""

from __future__ import annotations

from msgspec.structs import replace

from apiproxy_runtime.kong.convert.assembly import GLOBAL_ONLY, Instance, close
from apiproxy_runtime.kong.convert.draft import Draft, RouteDraft
from apiproxy_runtime.kong.convert.emit import Note, Noted, Tree, emit


def everywhere(document: Draft) -> list[Tree]:
    """The callouts: their schemas know no routes, so that one of each is for all requests of the node.

    One that Apigee calls on some routes only is written all the same when it only reads (GET, HEAD); one that may
    change something is switched off, and where a failed call keeps callers out its routes refuse until somebody decides.
    """
    total = sum(len(service.routes) for service in document.services.values()) + len(document.loose)
    items: list[Tree] = []
    for name in sorted(GLOBAL_ONLY):
        configs: dict[str, list[tuple[Instance, RouteDraft, str]]] = {}
        for use in document.callouts:
            if use[0].plugin.name == name:
                configs.setdefault(use[0].key, []).append(use)
        written = False
        for uses in configs.values():
            instance, _, proxy = uses[0]
            routes = ", ".join(route.name for _, route, _ in uses)
            todo = f"TODO {proxy}: {instance.policies[0]}:"
            if written:
                text = f"{todo} needs a {name} of its own on {routes}, and Kong takes one for all requests:\n"
                items += [
                    Note(note) for note in (*instance.notes, text + emit(instance.fields(proxy)).rstrip())
                ]
                _refuse(name, uses, document)
                continue
            written = True
            notes = list(instance.notes)
            if len(uses) < total:
                text = f"{todo} {name} is global by its schema, and Apigee calls only on {routes}; "
                if instance.plugin.config["method"] in ("GET", "HEAD"):
                    notes.append(text + "here it is called for EVERY request of this Kong")
                else:
                    instance.plugin = replace(instance.plugin, enabled=False)
                    notes.append(text + "it is switched OFF, for it may change something on the other routes")
                    _refuse(name, uses, document)
            items.append(Noted(instance.fields(proxy), tuple(notes)))
    return items


def _refuse(name: str, uses: list[tuple[Instance, RouteDraft, str]], document: Draft) -> None:
    """A call whose failure keeps callers out often decides who may pass: without it nobody does."""
    for _, route, _ in uses:
        gate = route.assembly.calls.get(name)
        if gate is not None and not document.landscape.let_pass:
            route.assembly.gates.append(gate)
            close(route.assembly)

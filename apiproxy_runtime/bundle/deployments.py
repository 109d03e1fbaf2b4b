"""`deployments.json`: which proxies and shared flows of a workspace an environment runs."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.entry import Entry, kind_of
from apiproxy_runtime.bundle.finding import Findings, Placed
from apiproxy_runtime.bundle.jsonfile import JsonNode, read_json
from apiproxy_runtime.bundle.workspace import Workspace


class Deployment(Struct, frozen=True):
    name: str
    service_account: str | None
    place: Placed


class Deployments(Struct, frozen=True):
    proxies: tuple[Deployment, ...] = ()
    shared_flows: tuple[Deployment, ...] = ()
    file: str = ""


def read_deployments(workspace: Workspace, environment: str, findings: Findings) -> Deployments | None:
    """The file of one environment; None if it has none, which leaves the choice to the caller."""
    folder = workspace.folder("environments", environment)
    for file in workspace.source.files(folder):
        if file.lower() == f"{folder}/deployments.json".lower():
            node = read_json(workspace.source, file, findings)
            return deployments_of(node, findings) if node is not None else None
    return None


def deployments_of(node: JsonNode, findings: Findings) -> Deployments:
    """Items are objects with a name, or names alone; `sharedflows` may be missing."""
    entry = Entry(node, "deployments.json", findings)
    entry.check_fields(("proxies", "sharedflows", "sharedFlows"))
    return Deployments(
        proxies=_items(entry.nodes("proxies"), "the proxy", findings),
        shared_flows=_items(entry.nodes("sharedflows", "sharedFlows"), "the shared flow", findings),
        file=node.file,
    )


def _items(nodes: list[JsonNode], noun: str, findings: Findings) -> tuple[Deployment, ...]:
    found: dict[str, Deployment] = {}
    for node in nodes:
        if isinstance(node.value, str):
            name, account = node.value.strip(), None
        elif isinstance(node.value, dict):
            entry = Entry(node, noun, findings)
            name, account = entry.name("name"), entry.text("serviceAccount") or None
        else:
            findings.error(node, "InvalidValue", f"{noun} must be a name or an object, not {kind_of(node)}")
            continue
        if name and found.setdefault(name, Deployment(name, account, node)).place is not node:
            findings.warning(node, "DuplicateName", f"{noun} {name!r} is listed twice")
    return tuple(found.values())

"""What is described in JSON: target servers, flow hooks and the like of an environment; products, developers and apps.

A document is kept as the management API writes it, with every field it came with, and remembers the file and line it
was read from. The types that policies are compiled with are read from the documents by the same readers that read a
workspace's files, so that whatever edits a document is checked in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.cache import read_cache
from apiproxy_runtime.bundle.debugmask import DebugMask, read_debug_mask
from apiproxy_runtime.bundle.entry import Entry, name_values
from apiproxy_runtime.bundle.environment import DataCollector, Environment
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.flowhook import read_flow_hooks
from apiproxy_runtime.bundle.jsonfile import JsonNode
from apiproxy_runtime.bundle.keystore import read_keystores
from apiproxy_runtime.bundle.model import Resource
from apiproxy_runtime.bundle.propertyset import parse_properties
from apiproxy_runtime.bundle.targetserver import read_target_server
from apiproxy_runtime.bundle.testdata import TestData, gather_test_data
from apiproxy_runtime.bundle.workspace import Workspace
from apiproxy_runtime.control.files import Files

Document: TypeAlias = dict[str, Any]

#: noun → the field that names a document (empty: the file is an object, its fields are the documents)
ENVIRONMENT_NOUNS = {
    "targetservers": "name",
    "flowhooks": "flowHookPoint",
    "references": "name",
    "caches": "name",
    "datacollectors": "name",
    "keystores": "name",
    "debugmask": "",
    "featureflags": "",
    "standins": "",
}
#: An app's key is `DEVELOPER/NAME`.
ORGANIZATION_NOUNS = {"products": "name", "developers": "email", "developerapps": "name"}


class Documents:
    """Documents by noun and key. Nodes are never changed in place: a copy shares them."""

    def __init__(self, nodes: Mapping[str, Mapping[str, JsonNode]] | None = None) -> None:
        self.nodes: dict[str, dict[str, JsonNode]] = {
            noun: dict(of_noun) for noun, of_noun in (nodes or {}).items() if of_noun
        }

    def __eq__(self, other: object) -> bool:
        """Whether both hold the very same nodes."""
        return isinstance(other, Documents) and self.nodes == other.nodes

    def copy(self) -> Documents:
        return Documents(self.nodes)

    def keys(self, noun: str) -> list[str]:
        """In order of arrival."""
        return list(self.nodes.get(noun, ()))

    def get(self, noun: str, key: str) -> Document | None:
        """A copy of a document; None when there is none."""
        node = self.nodes.get(noun, {}).get(key)
        value = node.plain() if node is not None else None
        return value if isinstance(value, dict) else None

    def all(self, noun: str) -> list[Document]:
        return [document for key in self.keys(noun) if (document := self.get(noun, key)) is not None]

    def put(self, noun: str, key: str, document: Mapping[str, Any]) -> None:
        """Add a document, or put it in the place of the one with that key."""
        self.nodes.setdefault(noun, {})[key] = node_of(dict(document), f"{noun}/{key}")

    def delete(self, noun: str, key: str) -> bool:
        """Whether there was one."""
        of_noun = self.nodes.get(noun, {})
        found = of_noun.pop(key, None) is not None
        if not of_noun:
            self.nodes.pop(noun, None)
        return found

    def clear(self, *nouns: str) -> None:
        for noun in nouns:
            self.nodes.pop(noun, None)

    def update(self, others: Documents) -> None:
        """Add documents; those with the same keys are replaced."""
        for noun, of_noun in others.nodes.items():
            self.nodes.setdefault(noun, {}).update(of_noun)

    def without(self, others: Documents) -> Documents:
        """Those that say something else than what `others` has for the same key."""
        return Documents(
            {
                noun: {
                    key: node
                    for key, node in of_noun.items()
                    if (other := others.nodes.get(noun, {}).get(key)) is None or other.plain() != node.plain()
                }
                for noun, of_noun in self.nodes.items()
            }
        )

    def plain(self) -> dict[str, dict[str, object]]:
        """For the store: noun → key → document."""
        return {
            noun: {key: node.plain() for key, node in of_noun.items()} for noun, of_noun in self.nodes.items()
        }

    @classmethod
    def of_plain(cls, stored: Mapping[str, Mapping[str, Any]]) -> Documents:
        return cls(
            {
                noun: {key: node_of(value, f"{noun}/{key}") for key, value in of_noun.items()}
                for noun, of_noun in stored.items()
            }
        )


def app_key(developer: str, name: str) -> str:
    """The key of an app."""
    return f"{developer}/{name}"


def node_of(value: Any, file: str) -> JsonNode:
    """A JSON value as a node; it has no line."""
    if isinstance(value, dict):
        return JsonNode({str(key): node_of(item, file) for key, item in value.items()}, file, 0, 1)
    if isinstance(value, (list, tuple)):
        return JsonNode([node_of(item, file) for item in value], file, 0, 1)
    return JsonNode(value, file, 0, 1)


def read_documents(noun: str, file: JsonNode, documents: Documents) -> None:
    """Take the documents of a file. What has no key is left to the typed readers, who complain of it."""
    key_field = {**ENVIRONMENT_NOUNS, **ORGANIZATION_NOUNS}[noun]
    found = documents.nodes.setdefault(noun, {})
    for key, node in _keyed(noun, key_field, file):
        found.setdefault(key, node)
    if not found:
        del documents.nodes[noun]


def _keyed(noun: str, key_field: str, file: JsonNode) -> Iterable[tuple[str, JsonNode]]:
    value = file.value
    if noun == "debugmask":
        return [("debugmask", file)]
    if noun == "developerapps" and isinstance(value, dict) and any("@" in key for key in value):
        return [
            (app_key(email, name), _with(node, "developerEmail", email))
            for email, apps in value.items()
            for name, node in _named(apps, "name")
        ]
    if isinstance(value, dict):
        lists = [member for member in value.values() if isinstance(member.value, list)]
        if not (len(value) == 1 and lists and key_field):
            return list(value.items()) if key_field in ("", "flowHookPoint") else []
        file = lists[0]
    named = _named(file, key_field)
    if noun == "developerapps":
        return [(app_key(_owner(node), name), node) for name, node in named]
    return named


def _named(nodes: JsonNode, field: str) -> list[tuple[str, JsonNode]]:
    found = []
    for node in nodes.value if isinstance(nodes.value, list) else ():
        name = node.value.get(field) if isinstance(node.value, dict) else None
        if name is not None and isinstance(name.value, str) and name.value.strip():
            found.append((name.value.strip(), node))
    return found


def _owner(app: JsonNode) -> str:
    for field in ("developerEmail", "developerId"):
        owner = app.value.get(field) if isinstance(app.value, dict) else None
        if owner is not None and isinstance(owner.value, str):
            return owner.value
    return ""


def _with(node: JsonNode, field: str, value: str) -> JsonNode:
    members = node.value if isinstance(node.value, dict) else {}
    if field in members:
        return node
    return JsonNode(
        {**members, field: JsonNode(value, node.file, node.line, node.column)},
        node.file,
        node.line,
        node.column,
    )


# ---- to the types that policies are compiled with


def environment_of(
    name: str, organization: str, documents: Documents, resources: Files, findings: Findings
) -> Environment:
    """The environment that documents describe; what is wrong goes to `findings`."""
    nodes = documents.nodes

    def entries(noun: str, one: str) -> list[Entry]:
        return [Entry(node, one, findings) for node in nodes.get(noun, {}).values()]

    servers = [read_target_server(entry, findings) for entry in entries("targetservers", "the target server")]
    caches = [read_cache(entry) for entry in entries("caches", "the cache")]
    hooks = JsonNode(dict(nodes.get("flowhooks", {})), "flowhooks.json", 0, 1)
    mask = nodes.get("debugmask", {}).get("debugmask")
    folder = f"src/main/apigee/environments/{name}/resources"
    own = {
        (type_, rest): Resource(type_, rest, path, resources)
        for path in resources.files()
        for type_, _, rest in [path.partition("/")]
        if rest
    }
    return Environment(
        name=name,
        organization=organization,
        target_servers={server.name: server for server in servers if server is not None},
        flow_hooks=read_flow_hooks(hooks, findings),
        property_sets=_property_sets(own, folder, findings),
        resources=own,
        keystores=read_keystores(
            Workspace(Files({}, "keystores")),
            name,
            JsonNode(list(nodes.get("keystores", {}).values()), "keystores", 0, 1),
            findings,
        ),
        references={
            entry.name("name"): entry.name("refers") for entry in entries("references", "the reference")
        },
        debug_mask=read_debug_mask(Entry(mask, "the debug mask", findings)) if mask else DebugMask(),
        caches={cache.name: cache for cache in caches if cache is not None},
        data_collectors={
            collector.name: collector
            for collector in map(_data_collector, entries("datacollectors", "the data collector"))
        },
        feature_flags=name_values(
            JsonNode(dict(nodes.get("featureflags", {})), "featureflags.json", 0, 1),
            "a feature flag",
            findings,
        ),
        stand_ins={key: node.plain() for key, node in nodes.get("standins", {}).items()},
    )


def _property_sets(
    resources: Mapping[tuple[str, str], Resource], folder: str, findings: Findings
) -> dict[str, dict[str, str]]:
    sets: dict[str, dict[str, str]] = {}
    for (type_, name), resource in resources.items():
        if type_ == "properties":
            try:
                sets[name.removesuffix(".properties")] = parse_properties(resource.read())
            except SourceError as error:
                findings.error(Place(f"{folder}/{resource.file}"), "InvalidPropertySet", str(error))
    return sets


def _data_collector(entry: Entry) -> DataCollector:
    place = Place(entry.file, entry.line, entry.column)
    return DataCollector(entry.name("name"), entry.text("type", default="STRING").upper(), place)


def consumers_of(documents: Documents, findings: Findings) -> TestData:
    """Products, developers and apps for the catalog."""
    return gather_test_data(
        [
            JsonNode(list(documents.nodes[noun].values()), f"{noun}.json", 0, 1)
            for noun in ORGANIZATION_NOUNS
            if noun in documents.nodes
        ],
        findings,
    )

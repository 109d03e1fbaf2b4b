"""The entities of a kong.yml before they refer to each other: read, checked one by one, and given ids."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.jsonfile import JsonNode
from apiproxy_runtime.kong.entities import ENTITIES, UNUSED, Entity
from apiproxy_runtime.kong.schema import Config, read_record, shown

FORMATS = ("1.1", "2.1", "3.0")

#: Kong derives the ids of a file's entities from this.
_IDS = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
_TOP = frozenset(
    (
        *("_format_version", "_transform", "_comment", "_ignore", "_info", "_konnect", "_workspace"),
        *("_plugin_configs", "_checksum", "_shared", "_global"),
    )
)
_PORTS = {"https": 443, "wss": 443, "grpcs": 443, "tls": 443}


class Row(Struct, eq=False):
    """An entity as it was read: its fields, where it stands, and what it is nested in.

    whole  False when its fields have errors; then only its name and id are here
    """

    entity: Entity
    config: Config
    node: JsonNode
    where: str
    owners: dict[str, Row]
    whole: bool
    id: str = ""

    @property
    def place(self) -> Place:
        return Place(self.node.file, self.node.line, self.node.column)

    def field(self, name: str) -> JsonNode:
        """Where a field stands, or the entity when it is not written."""
        members = self.node.value
        assert isinstance(members, dict)
        return members.get(name, self.node)


class Rows:
    """The entities of a file as they stand in it, each checked by itself."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.rows: dict[str, list[Row]] = {name: [] for name in ENTITIES}
        self.named: dict[tuple[str, str], Row] = {}
        self.by_id: dict[tuple[str, str], Row] = {}
        self.defaults: dict[str, dict[str, JsonNode]] = {}
        self.plugin_configs: dict[str, JsonNode] = {}
        self.transform = True

    def top(self, members: dict[str, JsonNode], root: JsonNode) -> None:
        """Read the whole document into rows."""
        self.header(members, root)
        known = [*ENTITIES, *_TOP]
        for name, node in members.items():
            if name in ENTITIES:
                self.collect(name, node, name, {})
            elif name == "vaults":
                continue  # what refers to one has its secret by now
            elif name in UNUSED:
                self.findings.warning(node, "", f"{name}: known to Kong, but nothing here uses it")
            elif name not in _TOP:
                self.findings.error(node, "", f"{name}: unknown field", suggestion(name, known))

    def header(self, members: dict[str, JsonNode], root: JsonNode) -> None:
        version = members.get("_format_version")
        cure = 'Write _format_version: "3.0".'
        if version is None:
            self.findings.error(root, "", "_format_version: required field missing", cure)
        elif not isinstance(version.value, str):
            found = f"expected a string, not {shown(version)}"
            self.findings.error(version, "", f"_format_version: {found}", cure)
        elif version.value not in FORMATS:
            self.findings.error(version, "", f"_format_version: expected one of: {', '.join(FORMATS)}", cure)
        transform = members.get("_transform")
        if transform is not None:
            if not isinstance(transform.value, bool):
                found = f"expected a boolean, not {shown(transform)}"
                self.findings.error(transform, "", f"_transform: {found}")
            self.transform = transform.value is not False
        info = members.get("_info")
        if info is not None and isinstance(info.value, dict):
            defaults = info.value.get("defaults")
            if defaults is not None and isinstance(defaults.value, dict):
                for name, node in defaults.value.items():
                    if isinstance(node.value, dict):
                        self.defaults[f"{name}s"] = node.value
        configs = members.get("_plugin_configs")
        if configs is not None and isinstance(configs.value, dict):
            self.plugin_configs = configs.value

    def collect(self, name: str, node: JsonNode, where: str, owners: dict[str, Row]) -> None:
        """The entities of one array, and those nested in them."""
        if node.value is None:
            return
        if not isinstance(node.value, list):
            self.findings.error(node, "", f"{where}: expected an array, not {shown(node)}")
            return
        entity = ENTITIES[name]
        for index, item in enumerate(node.value):
            self.entity(entity, item, f"{where}[{index}]", owners)

    def entity(self, entity: Entity, node: JsonNode, where: str, owners: dict[str, Row]) -> None:
        if entity.name == "snis" and isinstance(node.value, str):
            node = JsonNode({"name": node}, node.file, node.line, node.column)
        defaults = self.defaults.get(entity.name)
        if isinstance(node.value, dict):
            members = node.value
            if entity.name == "services":
                members = expand_url(members)
            if defaults:
                members = {**defaults, **members}
            node = JsonNode(members, node.file, node.line, node.column)
        config = read_record(
            node, entity.fields, where, self.findings, check=entity.check, skip=frozenset(entity.children)
        )
        whole = config is not None
        if config is None:
            # its name is kept, and what nests in it is read all the same, so that all errors are told at once
            config = dict.fromkeys(entity.fields)
            members = node.value if isinstance(node.value, dict) else {}
            for name in (entity.key, "id"):
                if name in members and isinstance(members[name].value, str):
                    config[name] = members[name].value
        row = Row(entity, config, node, where, owners, whole)
        if not isinstance(node.value, dict):
            return
        self.identify(row)
        self.rows[entity.name].append(row)
        for member, (child, fk) in entity.children.items():
            if member in node.value:
                self.collect(child, node.value[member], f"{where}.{member}", {fk: row})

    def identify(self, row: Row) -> None:
        """Set the id, and see that neither it nor the name was taken."""
        entity, config = row.entity, row.config
        key = config.get(entity.key) if entity.key else None
        seed = key or config.get("custom_id") or f"{self.file}#{row.where}"
        row.id = config.get("id") or str(uuid.uuid5(uuid.uuid5(_IDS, entity.name), str(seed)))
        for name in (entity.key, *entity.unique):
            value = config.get(name) if name else None
            if value is None:
                continue
            place = (entity.name, f"{name}:{value}")
            if place in self.named:
                self.violation(row, name, str(value), self.named[place])
            self.named.setdefault(place, row)
        if config.get("id"):
            other = self.by_id.get((entity.name, row.id))
            if other is not None:
                self.violation(row, "id", row.id, other)
        self.by_id.setdefault((entity.name, row.id), row)

    def violation(self, row: Row, name: str, value: str, other: Row) -> None:
        message = (
            f"{row.where}: uniqueness violation: '{row.entity.name}' entity with {name} set to '{value}' "
            "already declared"
        )
        self.findings.error(row.field(name), "", message, f"The other one is at line {other.node.line}.")


def expand_url(members: dict[str, JsonNode]) -> dict[str, JsonNode]:
    """A service's `url` as the fields that it stands for; these win over fields of the right type beside it."""
    node = members.get("url")
    protocol = members.get("protocol")
    expanded: dict[str, Any] = {}
    if node is not None and isinstance(node.value, str):
        try:
            parts = urlsplit(node.value if "://" in node.value else f"http://{node.value}")
            port = parts.port
        except ValueError:
            return members
        scheme = parts.scheme if "://" in node.value else "https" if port == 443 else "http"
        expanded = {"protocol": scheme, "host": parts.hostname, "port": port or _PORTS.get(scheme, 80)}
        if parts.path:
            expanded["path"] = parts.path
    elif protocol is not None and isinstance(protocol.value, str) and protocol.value in _PORTS:
        # a kong.yml says 443 itself; decK fills it in
        return members
    nodes = {}
    for name, value in expanded.items():
        beside = members.get(name)
        if node is not None and (beside is None or isinstance(beside.value, type(value))):
            nodes[name] = JsonNode(value, node.file, node.line, node.column)
    return {**members, **nodes}

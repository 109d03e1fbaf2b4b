"""Reads a kong.yml: every entity and field is checked, references are resolved, and every error tells its line.

Entities may be nested (a route in its service) or stand at the top level and name each other. Files of decK are read
too: `_info.defaults`, `_plugin_configs`, `${{ env "DECK_…" }}`. Source: declarative configuration reference (format
versions 1.1, 2.1 and 3.0), decK's file reference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import JsonNode
from apiproxy_runtime.kong.condition import ConditionError, compile_condition
from apiproxy_runtime.kong.document import read_document
from apiproxy_runtime.kong.entities import CREDENTIALS, ENTITIES, HTTP_PROTOCOLS
from apiproxy_runtime.kong.model import (
    Certificate,
    Configuration,
    Consumer,
    Credential,
    Instance,
    Route,
    Service,
    Target,
    Upstream,
)
from apiproxy_runtime.kong.plugin import Plugin, check_scope, plugin_named, plugins
from apiproxy_runtime.kong.rows import Row, Rows
from apiproxy_runtime.kong.schema import Config, read_record, shown

_SCOPES = ("route", "service", "consumer", "consumer_group")

E = TypeVar("E")


def read_configuration(path: Path, findings: Findings) -> Configuration | None:
    """Read and check a kong.yml; None (and errors) when it cannot be served."""
    root = read_document(path, findings)
    if root is None or not findings.ok:
        return None
    return configuration_of(root, findings)


def configuration_of(root: JsonNode, findings: Findings) -> Configuration | None:
    """The configuration that a document holds."""
    if not isinstance(root.value, dict):
        findings.error(root, "", f"expected a record with a _format_version, not {shown(root)}")
        return None
    rows = Rows(root.file, findings)
    rows.top(root.value, root)
    configuration = _Resolver(rows).resolve()
    return configuration if findings.ok else None


class _Resolver:
    """Turns rows into entities that refer to each other."""

    def __init__(self, rows: Rows) -> None:
        self.file = rows.file
        self.findings = rows.findings
        self.rows = rows.rows
        self.named = rows.named
        self.by_id = rows.by_id
        self.plugin_configs = rows.plugin_configs
        self.transform = rows.transform

    def refer(self, row: Row, name: str, target: str) -> Row | None:
        """The row that a field refers to, by being nested, by name or by id; None when it refers to nothing."""
        owner = row.owners.get(name)
        value = row.config.get(name)
        if value is None:
            return owner
        found = self.named.get((target, f"{ENTITIES[target].key}:{value}")) or self.by_id.get(
            (target, str(value))
        )
        if found is None:
            known = [key.partition(":")[2] for kind, key in self.named if kind == target]
            message = f"{row.where}.{name}: invalid reference '{name}: {value}' (no such entry in '{target}')"
            self.findings.error(row.field(name), "", message, suggestion(str(value), known))
        elif owner is not None and owner is not found:
            message = f"{row.where}.{name}: refers to another {name} than the one it stands in"
            self.findings.error(row.field(name), "", message)
        return found

    def required(self, row: Row, name: str, target: str) -> Row | None:
        found = self.refer(row, name, target)
        if found is None and row.config.get(name) is None:
            self.findings.error(row.node, "", f"{row.where}.{name}: required field missing")
        return found

    def resolve(self) -> Configuration:
        """Turn the rows into entities. Those with errors are left out; what remains is not to be served then."""
        certificates = self.each("certificates", self.certificate)
        services = self.each("services", lambda row: self.service(row, certificates))
        routes = self.each("routes", lambda row: self.route(row, services))
        groups = self.group_members()
        acls = self.acls()
        consumers = self.each("consumers", lambda row: self.consumer(row, groups, acls))
        credentials: list[Credential] = []
        for kind in CREDENTIALS:
            credentials += self.each(kind, lambda row: self.credential(row, consumers)).values()
        instances = self.each("plugins", lambda row: self.plugin(row, routes, services, consumers))
        self.unique_plugins(instances)
        self.known_anonymous(instances, consumers)
        upstreams = self.each("upstreams", self.upstream)
        authorities = {row.id: str(row.config["cert"]) for row in self.rows["ca_certificates"]}
        for row in self.rows["targets"]:
            self.required(row, "upstream", "upstreams")
        served = {id(route) for route in routes.values() if HTTP_PROTOCOLS & set(route.protocols)}
        return Configuration(
            self.file,
            tuple(services.values()),
            tuple(route for route in routes.values() if id(route) in served),
            tuple(consumers.values()),
            tuple(credentials),
            tuple(instances.values()),
            tuple(upstreams.values()),
            tuple(certificates.values()),
            authorities,
            self.transform,
            consumers_by_id={consumer.id: consumer for consumer in consumers.values()},
        )

    def each(self, name: str, make: Callable[[Row], E | None]) -> dict[Row, E]:
        made = {}
        for row in self.rows[name]:
            item = make(row) if row.whole else None
            if item is not None:
                made[row] = item
        return made

    def certificate(self, row: Row) -> Certificate:
        snis = tuple(
            str(sni.config["name"])
            for sni in self.rows["snis"]
            if self.required(sni, "certificate", "certificates") is row
        )
        return Certificate(row.id, row.config["cert"], row.config["key"], snis, row.place)

    def service(self, row: Row, certificates: dict[Row, Certificate]) -> Service:
        config = row.config
        shown_row = self.refer(row, "client_certificate", "certificates")
        if config["protocol"] in ("tcp", "udp", "tls", "tls_passthrough", "grpc", "grpcs"):
            message = (
                f"{row.where}: services of protocol {config['protocol']} are not proxied here, only HTTP"
            )
            self.findings.warning(row.field("protocol"), "", message)
        return Service(
            row.id,
            config["name"],
            config["protocol"],
            config["host"],
            config["port"],
            config["path"],
            config["retries"],
            config["connect_timeout"],
            config["write_timeout"],
            config["read_timeout"],
            config["enabled"],
            config["tls_verify"],
            tuple(config["ca_certificates"] or ()),
            certificates.get(shown_row) if shown_row is not None else None,
            tuple(config["tags"] or ()),
            row.place,
        )

    def route(self, row: Row, services: dict[Row, Service]) -> Route:
        config = row.config
        service = self.refer(row, "service", "services")
        if config["path_handling"] == "v1":
            message = f"{row.where}.path_handling: v1 is deprecated, and the default router ignores it"
            self.findings.warning(row.field("path_handling"), "", message, "It is followed here.")
        if not HTTP_PROTOCOLS & set(config["protocols"]):
            message = (
                f"{row.where}: routes for {', '.join(config['protocols'])} are not served here, only HTTP"
            )
            self.findings.warning(row.field("protocols"), "", message)
        return Route(
            row.id,
            config["name"],
            services.get(service) if service is not None else None,
            tuple(config["protocols"]),
            tuple(config["methods"] or ()),
            tuple(config["hosts"] or ()),
            tuple(config["paths"] or ()),
            {name: tuple(values) for name, values in (config["headers"] or {}).items()},
            tuple(config["snis"] or ()),
            config["strip_path"],
            config["preserve_host"],
            config["regex_priority"],
            config["path_handling"],
            config["https_redirect_status_code"],
            config["request_buffering"],
            config["response_buffering"],
            tuple(config["tags"] or ()),
            row.place,
        )

    def acls(self) -> dict[Row, list[str]]:
        found: dict[Row, list[str]] = {}
        for row in self.rows["acls"]:
            owner = self.required(row, "consumer", "consumers")
            if owner is not None and row.whole:
                found.setdefault(owner, []).append(row.config["group"])
        return found

    def group_members(self) -> dict[str, list[str]]:
        """The consumer groups of each consumer, by username: told on either side."""
        found: dict[str, list[str]] = {}
        for row in self.rows["consumer_groups"]:
            for member in row.config.get("consumers") or ():
                name = member.get("username") if isinstance(member, dict) else member
                found.setdefault(str(name), []).append(str(row.config["name"]))
        return found

    def consumer(self, row: Row, members: dict[str, list[str]], acls: dict[Row, list[str]]) -> Consumer:
        config = row.config
        groups = list(members.get(str(config["username"]), ()))
        for group in config["groups"] or ():
            name = str(group.get("name") if isinstance(group, dict) else group)
            if ("consumer_groups", f"name:{name}") not in self.named:
                message = (
                    f"{row.where}.groups: invalid reference '{name}' (no such entry in 'consumer_groups')"
                )
                self.findings.error(row.field("groups"), "", message)
            groups.append(name)
        return Consumer(
            row.id,
            config["username"],
            config["custom_id"],
            tuple(acls.get(row, ())),
            tuple(dict.fromkeys(groups)),
            tuple(config["tags"] or ()),
            row.place,
        )

    def credential(self, row: Row, consumers: dict[Row, Consumer]) -> Credential | None:
        owner = self.required(row, "consumer", "consumers")
        consumer = consumers.get(owner) if owner is not None else None
        if consumer is None:
            return None
        return Credential(row.id, row.entity.name, consumer, row.config, row.place)

    def upstream(self, row: Row) -> Upstream:
        targets = []
        for target in self.rows["targets"]:
            owned = target.owners.get("upstream") is row or target.config.get("upstream") in (
                row.config["name"],
                row.id,
            )
            if owned and target.whole:
                made = read_target(str(target.config["target"]), target.config["weight"])
                if made is None:
                    text = target.config["target"]
                    message = f"Invalid target ('{text}'); not a valid hostname or ip address"
                    self.findings.error(target.field("target"), "", f"{target.where}.target: {message}")
                else:
                    targets.append(made)
        return Upstream(row.id, row.config["name"], row.config, tuple(targets), row.place)

    # ---- plugins

    def plugin(
        self,
        row: Row,
        routes: dict[Row, Route],
        services: dict[Row, Service],
        consumers: dict[Row, Consumer],
    ) -> Instance | None:
        config = row.config
        plugin = plugin_named(config["name"])
        route, service = self.refer(row, "route", "routes"), self.refer(row, "service", "services")
        consumer = self.refer(row, "consumer", "consumers")
        group = self.refer(row, "consumer_group", "consumer_groups")
        if plugin is None:
            cure = suggestion(config["name"], plugins()) or "See docs/kong.md for those that there are."
            message = f"{row.where}: plugin '{config['name']}' is unknown"
            self.findings.error(row.field("name"), "UnknownPlugin", message, cure)
            return None
        if config["name"] != plugin.name:
            message = f"{row.where}.name: '{config['name']}' is taken for '{plugin.name}'"
            self.findings.warning(row.field("name"), "", message)
        bound = zip(_SCOPES, (route, service, consumer, group), strict=True)
        scopes = frozenset(name for name, owner in bound if owner is not None)
        check_scope(plugin, scopes, row.node, row.where, self.findings)
        settings = self.plugin_config(row, plugin, scopes)
        ordering = config["ordering"] or {}
        if config["condition"]:
            try:
                compile_condition(config["condition"])
            except ConditionError as error:
                message = f"{row.where}.condition: {error}"
                self.findings.error(row.field("condition"), "", message)
        if settings is None:
            return None
        return Instance(
            row.id,
            plugin,
            config["instance_name"] or "",
            settings,
            config["enabled"],
            tuple(config["protocols"]),
            routes.get(route) if route is not None else None,
            services.get(service) if service is not None else None,
            consumers.get(consumer) if consumer is not None else None,
            str(group.config["name"]) if group is not None else None,
            {side: tuple((ordering.get(side) or {}).get("access") or ()) for side in ("before", "after")},
            config["condition"] or "",
            tuple(config["tags"] or ()),
            row.place,
        )

    def plugin_config(self, row: Row, plugin: Plugin, scopes: frozenset[str]) -> Config | None:
        """The checked config of a plugin; a shared one that it names comes first."""
        node = row.field("config")
        if node is row.node or node.value is None:
            node = JsonNode({}, row.node.file, row.node.line, row.node.column)
        shared = row.config["_config"]
        if shared is not None:
            base = self.plugin_configs.get(shared)
            if base is None or not isinstance(base.value, dict):
                message = f"{row.where}._config: '{shared}' is not among _plugin_configs"
                self.findings.error(row.field("_config"), "", message)
            elif isinstance(node.value, dict):
                node = JsonNode({**base.value, **node.value}, node.file, node.line, node.column)
        where = f"{row.where}.config"
        if not plugin.runs:
            message = f"{row.where}: {plugin.name} is not run here; requests pass it by"
            self.findings.warning(row.field("name"), "PluginNotRun", message, plugin.doc)
            plain = node.plain()
            return plain if isinstance(plain, dict) else {}
        config = read_record(node, plugin.fields, where, self.findings, check=plugin.check)
        if config is not None and plugin.warn is not None:
            for name, message in plugin.warn({**config, "": scopes}):
                members = node.value if isinstance(node.value, dict) else {}
                path = f"{where}.{name}" if name else row.where
                self.findings.warning(members.get(name, row.node), "", f"{path}: {message}")
        return config

    def unique_plugins(self, instances: dict[Row, Instance]) -> None:
        """One plugin may be bound to the same things once only."""
        seen: dict[tuple[Any, ...], Row] = {}
        for row, instance in instances.items():
            key = (
                instance.plugin.name,
                instance.route,
                instance.service,
                instance.consumer,
                instance.consumer_group,
            )
            if key in seen:
                message = (
                    f"{row.where}: uniqueness violation: '{instance.plugin.name}' is bound twice to the same"
                )
                self.findings.error(row.node, "", message, f"The other one is at line {seen[key].node.line}.")
            seen.setdefault(key, row)

    def known_anonymous(self, instances: dict[Row, Instance], consumers: dict[Row, Consumer]) -> None:
        """The consumer that an authentication plugin falls back to should be there: without it Kong answers 500."""
        names = {name for each in consumers.values() for name in (each.id, each.username, each.custom_id)}
        for row, instance in instances.items():
            anonymous = instance.config.get("anonymous")
            if isinstance(anonymous, str) and anonymous and anonymous not in names:
                message = f"{row.where}.config.anonymous: there is no consumer '{anonymous}'"
                self.findings.warning(row.field("config"), "", message, "Such requests will be answered 500.")


def read_target(text: str, weight: int) -> Target | None:
    """A target `host`, `host:port` or `[v6]:port`; 8000 is the default port. None when it is none of these."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.path or " " in text:
        return None
    return Target(parts.hostname, port or 8000, weight)

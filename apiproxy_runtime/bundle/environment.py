"""An environment of a workspace: what `environments/ENV/` says about everything outside the bundles.

The files are the Apigee emulator's; flow hooks may also be written as a list, keystores are PEM files, and the folder
may hold `resources/TYPE/FILE` for all its proxies. A malformed entry is an error and left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, field

from apiproxy_runtime.bundle.archive import Source, SourceError, open_source
from apiproxy_runtime.bundle.cache import Cache, read_cache
from apiproxy_runtime.bundle.debugmask import DebugMask, read_debug_mask
from apiproxy_runtime.bundle.deployments import Deployments, deployments_of
from apiproxy_runtime.bundle.entry import Entry, entries_of, name_values
from apiproxy_runtime.bundle.finding import Findings, Place, Placed
from apiproxy_runtime.bundle.flowhook import FlowHook, read_flow_hooks
from apiproxy_runtime.bundle.jsonfile import JsonNode, read_json
from apiproxy_runtime.bundle.keystore import Keystore, read_keystores
from apiproxy_runtime.bundle.model import Resource
from apiproxy_runtime.bundle.propertyset import parse_properties
from apiproxy_runtime.bundle.targetserver import TargetServer, read_target_server
from apiproxy_runtime.bundle.workspace import Workspace, choose_environment, find_workspace

#: The organization that the emulator calls its own.
DEFAULT_ORGANIZATION = "hybrid"


class DataCollector(Struct, frozen=True):
    name: str
    type: str
    place: Placed


class Found(Struct, frozen=True):
    """A file that was read, and the names of what was in it, for the list at start."""

    file: str
    noun: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        noun = self.noun if len(self.names) == 1 else f"{self.noun}s"
        names = f": {', '.join(self.names[:8])}" if self.names else ""
        more = f", … {len(self.names) - 8} more" if len(self.names) > 8 else ""
        return f"{self.file}: {len(self.names)} {noun}{names}{more}"


class Environment(Struct, frozen=True, eq=False):
    """Everything by name; `flow_hooks` by point, `resources` by (type, name), `references` from name to keystore."""

    name: str = "test"
    organization: str = DEFAULT_ORGANIZATION
    target_servers: dict[str, TargetServer] = field(default_factory=dict)
    flow_hooks: dict[str, FlowHook] = field(default_factory=dict)
    property_sets: dict[str, dict[str, str]] = field(default_factory=dict)
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    keystores: dict[str, Keystore] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    debug_mask: DebugMask = field(default_factory=DebugMask)
    caches: dict[str, Cache] = field(default_factory=dict)
    data_collectors: dict[str, DataCollector] = field(default_factory=dict)
    feature_flags: dict[str, str] = field(default_factory=dict)
    #: how local stand-ins of cloud services answer: service → its settings (`standins.json`)
    stand_ins: dict[str, Any] = field(default_factory=dict)
    deployments: Deployments | None = None
    found: tuple[Found, ...] = ()

    def keystore(self, name: str) -> Keystore | None:
        """A keystore by name, or by `ref://name`, which may be a reference or a keystore itself."""
        plain = name.removeprefix("ref://")
        return self.keystores.get(self.references.get(plain, plain))

    def resource(self, url: str) -> Resource | None:
        """The environment's own resource that `jsc://name.js` and its like name."""
        type_, _, name = url.strip().partition("://")
        return self.resources.get((type_, name))


def read_environment(
    place: Path | str | Source | Workspace,
    name: str | None,
    findings: Findings,
    organization: str = DEFAULT_ORGANIZATION,
) -> Environment:
    """The environment of a workspace: the one named, or the only one, or `test`. Empty if nothing describes it."""
    try:
        workspace = _workspace(place)
        chosen = choose_environment(workspace, name, findings)
        return _EnvironmentFiles(workspace, chosen, findings).read(organization)
    except SourceError as error:
        findings.error(Place(str(place)), "InvalidEnvironment", str(error))
        return Environment(name or "test", organization)


def _workspace(place: Path | str | Source | Workspace) -> Workspace:
    if isinstance(place, Workspace):
        return place
    found = find_workspace(place)
    if found is not None:
        return found
    return Workspace(open_source(Path(place)) if isinstance(place, (str, Path)) else place)


class _EnvironmentFiles:
    """The files of one environment while they are read."""

    def __init__(self, workspace: Workspace, name: str, findings: Findings) -> None:
        self.workspace = workspace
        self.source = workspace.source
        self.name = name
        self.folder = workspace.folder("environments", name)
        self.findings = findings
        self.files = self.source.files(self.folder)
        self.found: list[Found] = []

    def read(self, organization: str) -> Environment:
        caches = self.caches()
        data_collectors = self.data_collectors()
        resources = self.resources()
        return Environment(
            name=self.name,
            organization=organization,
            target_servers=self.target_servers(),
            flow_hooks=self.flow_hooks(),
            property_sets=self.property_sets(resources),
            resources=resources,
            keystores=self.keystores(),
            references=self.references(),
            debug_mask=self.debug_mask(),
            caches=caches,
            data_collectors=data_collectors,
            feature_flags=self.feature_flags(),
            stand_ins=self.stand_ins(),
            deployments=self.deployments(),
            found=tuple(sorted(self.found, key=lambda found: found.file)),
        )

    def json(self, *names: str) -> JsonNode | None:
        """The first file of these names, in any case of letters; None if there is none or it is not JSON."""
        wanted = {f"{self.folder}/{name}".lower() for name in names}
        for file in self.files:
            if file.lower() in wanted:
                return read_json(self.source, file, self.findings)
        return None

    def note(self, file: str, noun: str, names: tuple[str, ...]) -> None:
        self.found.append(Found(file, noun, names))

    def target_servers(self) -> dict[str, TargetServer]:
        node = self.json("targetservers.json")
        servers: dict[str, TargetServer] = {}
        if node is not None:
            for entry in entries_of(node, "the target server", self.findings):
                server = read_target_server(entry, self.findings)
                if server is not None and servers.setdefault(server.name, server) is not server:
                    self.duplicate(entry)
            self.note(node.file, "target server", tuple(servers))
        return servers

    def duplicate(self, entry: Entry) -> None:
        self.findings.error(
            entry, "DuplicateName", f"{entry.noun} is there twice", "Remove or rename one of the two."
        )

    def flow_hooks(self) -> dict[str, FlowHook]:
        node = self.json("flowhooks.json")
        if node is None:
            return {}
        hooks = read_flow_hooks(node, self.findings)
        self.note(
            node.file, "flow hook", tuple(f"{point} -> {hook.shared_flow}" for point, hook in hooks.items())
        )
        return hooks

    def resources(self) -> dict[tuple[str, str], Resource]:
        prefix = f"{self.folder}/resources/"
        resources: dict[tuple[str, str], Resource] = {}
        for file in self.files:
            if file.startswith(prefix):
                type_, _, name = file[len(prefix) :].partition("/")
                if name:
                    resources[type_, name] = Resource(type_, name, file, self.source)
        if resources:
            names = tuple(f"{type_}://{name}" for type_, name in resources)
            self.note(prefix.removesuffix("/"), "resource", names)
        return resources

    def property_sets(self, resources: dict[tuple[str, str], Resource]) -> dict[str, dict[str, str]]:
        sets: dict[str, dict[str, str]] = {}
        for (type_, name), resource in resources.items():
            if type_ == "properties":
                try:
                    sets[name.removesuffix(".properties")] = parse_properties(resource.read())
                except SourceError as error:
                    self.findings.error(Place(resource.file), "InvalidPropertySet", str(error))
        return sets

    def keystores(self) -> dict[str, Keystore]:
        node = self.json("keystores.json")
        stores = read_keystores(self.workspace, self.name, node, self.findings)
        if stores:
            names = tuple(
                f"{store.name} ({', '.join(store.aliases) or 'empty'})" for store in stores.values()
            )
            self.note(node.file if node is not None else f"{self.folder}/keystores", "keystore", names)
        return stores

    def references(self) -> dict[str, str]:
        node = self.json("references.json")
        references: dict[str, str] = {}
        if node is not None:
            for entry in entries_of(node, "the reference", self.findings):
                name, refers = entry.name("name"), entry.name("refers")
                if name and refers:
                    references[name] = refers
            self.note(node.file, "reference", tuple(references))
        return references

    def debug_mask(self) -> DebugMask:
        node = self.json("debugmask.json", "debugmasks.json")
        if node is None:
            return DebugMask()
        mask = read_debug_mask(Entry(node, "the debug mask", self.findings))
        self.note(node.file, "masked variable", mask.variables)
        return mask

    def caches(self) -> dict[str, Cache]:
        node = self.json("caches.json")
        caches: dict[str, Cache] = {}
        if node is not None:
            for entry in entries_of(node, "the cache", self.findings):
                cache = read_cache(entry)
                if cache is not None and caches.setdefault(cache.name, cache) is not cache:
                    self.duplicate(entry)
            self.note(node.file, "cache", tuple(caches))
        return caches

    def data_collectors(self) -> dict[str, DataCollector]:
        node = self.json("datacollectors.json")
        collectors: dict[str, DataCollector] = {}
        if node is not None:
            for entry in entries_of(node, "the data collector", self.findings):
                name = entry.name("name")
                if name:
                    place = Place(entry.file, entry.line, entry.column)
                    type_ = entry.text("type", default="STRING").upper()
                    collectors[name] = DataCollector(name, type_, place)
            self.note(node.file, "data collector", tuple(collectors))
        return collectors

    def feature_flags(self) -> dict[str, str]:
        node = self.json("featureflags.json")
        return name_values(node, "a feature flag", self.findings)

    def stand_ins(self) -> dict[str, Any]:
        node = self.json("standins.json")
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.findings.error(
                node,
                "InvalidValue",
                "standins.json must hold an object",
                'Write {"modelArmor": {…}}, a key for each service.',
            )
            return {}
        self.note(node.file, "stand-in", tuple(node.value))
        return {name: member.plain() for name, member in node.value.items()}

    def deployments(self) -> Deployments | None:
        node = self.json("deployments.json")
        if node is None:
            return None
        deployments = deployments_of(node, self.findings)
        names = tuple(item.name for item in (*deployments.proxies, *deployments.shared_flows))
        self.note(node.file, "deployment", names)
        return deployments

"""A bundle from its folders. What lies in them counts; the lists in the manifest decide nothing.

Every file is read and every reference checked even after the first error, so that one look shows all of them.
Files are called by their path from the folder that holds `apiproxy/` or `sharedflowbundle/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from apiproxy_runtime.bundle.archive import Source, SourceError
from apiproxy_runtime.bundle.discover import BundleSource, NoBundleFound, find_bundles
from apiproxy_runtime.bundle.elements import name_of
from apiproxy_runtime.bundle.endpoints import (
    read_integration_endpoint,
    read_proxy_endpoint,
    read_shared_flow,
    read_target_endpoint,
)
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.flows import read_flag
from apiproxy_runtime.bundle.model import (
    Bundle,
    BundleKind,
    IntegrationEndpoint,
    PolicySource,
    ProxyEndpoint,
    Resource,
    SharedFlow,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.references import check_references
from apiproxy_runtime.bundle.xml import Node, XmlError, parse_xml

_MANIFEST: dict[BundleKind, str] = {"apiproxy": "APIProxy", "sharedflowbundle": "SharedFlowBundle"}
_Named = TypeVar("_Named", ProxyEndpoint, TargetEndpoint, SharedFlow, IntegrationEndpoint, PolicySource)


def read_bundle(place: Path | str | Source | BundleSource, findings: Findings) -> Bundle | None:
    """Read one bundle; what is wrong with it goes to `findings`.

    `place` is a folder or zip (of `apiproxy/`, of its parent, or the folder itself), a Source of one, or what
    `discover` found. None if there is nothing to read at all; otherwise a Bundle, which is fit to run only if
    `findings.ok`.
    """
    try:
        bundle = _locate(place)
        files = bundle.source.files(bundle.kind)
    except (SourceError, NoBundleFound) as error:
        findings.error(Place(_name(place)), "InvalidBundle", str(error))
        return None
    return _BundleFiles(bundle, files, findings).read()


def _name(place: Path | str | Source | BundleSource) -> str:
    return str(place) if isinstance(place, (str, Path)) else place.name


def _locate(place: Path | str | Source | BundleSource) -> BundleSource:
    if isinstance(place, BundleSource):
        return place
    found = find_bundles(place)
    if len(found) > 1:
        raise NoBundleFound(f"{_name(place)}: holds {len(found)} bundles; name one of them")
    return found[0]


class _BundleFiles:
    """The files of one bundle while they are read."""

    def __init__(self, bundle: BundleSource, files: tuple[str, ...], findings: Findings) -> None:
        self.kind = bundle.kind
        self.source = bundle.source
        self.files = files
        self.findings = findings

    def read(self) -> Bundle:
        manifest = self._manifest()
        proxies = self._endpoints("proxies", "ProxyEndpoint", read_proxy_endpoint)
        targets = self._endpoints("targets", "TargetEndpoint", read_target_endpoint)
        shared_flows = self._endpoints("sharedflows", "SharedFlow", read_shared_flow)
        integrations = self._endpoints(
            "integration-endpoints", "IntegrationEndpoint", read_integration_endpoint
        )
        policies = self._endpoints("policies", None, self._policy)
        if self.kind == "apiproxy" and not self._xml_files("proxies"):
            self.findings.error(
                Place("apiproxy/proxies"),
                "BadBundle",
                "The proxy must contain a ProxyEndpoint",
                "Add proxies/default.xml.",
            )
        if self.kind == "sharedflowbundle" and not self._xml_files("sharedflows"):
            self.findings.error(
                Place("sharedflowbundle/sharedflows"),
                "BadBundle",
                "the bundle must contain a SharedFlow",
                "Add sharedflows/default.xml.",
            )
        bundle = Bundle(
            kind=self.kind,
            name=name_of(manifest, PurePosixPath(manifest.file).stem, self.findings),
            revision=manifest.attributes.get("revision", "1").strip() or "1",
            description=manifest.child_text("Description", ""),
            display_name=manifest.child_text("DisplayName", ""),
            proxies=tuple(proxies.values()),
            targets=targets,
            shared_flows=tuple(shared_flows.values()),
            policies=policies,
            integration_endpoints=integrations,
            resources=self._resources(),
            manifest=manifest,
            source=self.source,
            files=self.files,
        )
        check_references(bundle, self.findings)
        return bundle

    def _parse(self, file: str) -> Node | None:
        try:
            return parse_xml(self.source.read(file), file)
        except XmlError as error:
            self.findings.error(
                Place(error.file, error.line, error.column),
                "InvalidXml",
                f"not readable as XML: {error.message}",
            )
        except SourceError as error:
            self.findings.error(Place(file), "InvalidBundle", str(error))
        return None

    def _xml_files(self, folder: str) -> list[str]:
        """The XML files directly in a folder of the bundle; deeper ones are never read."""
        prefix = f"{self.kind}/{folder}/" if folder else f"{self.kind}/"
        return [
            file
            for file in self.files
            if file.startswith(prefix) and "/" not in file[len(prefix) :] and file.lower().endswith(".xml")
        ]

    def _manifest(self) -> Node:
        """The file at the top whose root says so. Without one an empty one: Apigee X takes the name from the import."""
        tag = _MANIFEST[self.kind]
        nodes = [node for file in self._xml_files("") if (node := self._parse(file)) is not None]
        manifests = [node for node in nodes if node.tag == tag]
        if manifests:
            for extra in manifests[1:]:
                self.findings.warning(
                    extra, "InvalidBundle", f"{manifests[0].file} is a manifest too", "Keep one of the two."
                )
            return manifests[0]
        name = self._folder_name()
        place = Place(f"{self.kind}/")
        if self.files:
            self.findings.warning(
                place,
                "MissingManifest",
                f"no file at the top has the root <{tag}>",
                f'The bundle is called {name}; add {self.kind}/{name}.xml with <{tag} name="{name}"/>.',
            )
        else:
            self.findings.error(place, "InvalidBundle", f"Unable to read/find {tag} contents")
        return parse_xml(f'<{tag} name="{name}"/>'.encode(), f"{self.kind}/{name}.xml")

    def _folder_name(self) -> str:
        """A name for a bundle without manifest: that of the folder or zip it lies in."""
        name = "".join(letter for letter in self.source.stem if letter.isalnum() or letter in "-_.")
        return name or "bundle"

    def _endpoints(
        self, folder: str, tag: str | None, read: Callable[[Node, str, Findings], _Named]
    ) -> dict[str, _Named]:
        """What the files of a folder hold, by name; the first of two with one name stays."""
        named: dict[str, _Named] = {}
        for file in self._xml_files(folder):
            node = self._parse(file)
            if node is None:
                continue
            if tag is not None and node.tag != tag:
                self.findings.error(
                    node,
                    "BadBundle",
                    f"a file in {folder}/ must be a <{tag}>, not a <{node.tag}>",
                    "Move or mend it.",
                )
                continue
            item = read(node, PurePosixPath(file).stem, self.findings)
            first = named.setdefault(item.name, item)
            if first is not item:
                self.findings.error(
                    node,
                    "DuplicateName",
                    f"{first.node.file} has the name {item.name!r} too",
                    "Rename one of the two.",
                )
        return named

    def _policy(self, node: Node, fallback: str, findings: Findings) -> PolicySource:
        name = name_of(node, fallback, findings)
        if len(name) > 255:
            findings.error(node, "InvalidName", f"the name has {len(name)} characters", "Apigee allows 255.")
        if name != fallback:
            findings.warning(
                node,
                "PolicyFileName",
                f"the policy {name!r} lies in {PurePosixPath(node.file).name}",
                f"Apigee X wants it in {name}.xml.",
            )
        return PolicySource(
            name=name,
            element=node.tag,
            file=node.file,
            node=node,
            enabled=read_flag(node, "enabled", True, findings),
            continue_on_error=read_flag(node, "continueOnError", False, findings),
        )

    def _resources(self) -> dict[tuple[str, str], Resource]:
        prefix = f"{self.kind}/resources/"
        resources: dict[tuple[str, str], Resource] = {}
        for file in self.files:
            if file.startswith(prefix):
                type_, _, name = file[len(prefix) :].partition("/")
                if name:
                    resources[type_, name] = Resource(type_, name, file, self.source)
        return resources

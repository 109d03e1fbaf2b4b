"""What the paths of a command line hold: bundles, and at most one workspace with environments.

A path may be the folder `apiproxy/` or `sharedflowbundle/`, the folder that holds one, a folder with several such
folders directly below it, a workspace, or a zip of any of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct

from apiproxy_runtime.bundle.archive import FolderSource, Source, SourceError, open_source, sub_source
from apiproxy_runtime.bundle.deployments import Deployment, read_deployments
from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.bundle.workspace import Workspace, choose_environment, find_workspace

_KINDS: tuple[BundleKind, ...] = ("apiproxy", "sharedflowbundle")
_HINT_DEPTH = 3
_HINT_FOLDERS = 1000
_LOOKED_FOR = "looked for apiproxy/ or sharedflowbundle/ in it and in the folders directly below it, and for src/main/apigee/"


class NoBundleFound(Exception):
    """A path holds no bundle, or several where one is wanted; the text says what was looked for."""


class BundleSource(Struct, frozen=True):
    """A bundle that was found: `source` is the folder (or zip) that holds `apiproxy/` or `sharedflowbundle/`."""

    source: Source
    kind: BundleKind

    @property
    def name(self) -> str:
        """The path of the bundle, for messages."""
        return f"{self.source.name}/{self.kind}"


class Workload(Struct, frozen=True):
    """Bundles in the order of the paths, and the workspace that was among them, if any."""

    bundles: tuple[BundleSource, ...]
    workspace: Workspace | None


def discover(
    paths: Sequence[Path | str | Source], findings: Findings, environment: str | None = None
) -> Workload:
    """Find the bundles at each path. Of a workspace, those that `deployments.json` of the environment names.

    Without that file all bundles of the workspace count; a name in it without a bundle is an error.
    Raises NoBundleFound for a path with nothing to run, or for a second workspace.
    """
    bundles: list[BundleSource] = []
    workspace: Workspace | None = None
    for path in paths:
        try:
            found = None if _is_bundle_folder(path) else find_workspace(path)
            if found is None:
                bundles.extend(find_bundles(path))
            elif workspace is not None:
                raise NoBundleFound(f"{found.source.name}: a second workspace; name one at a time")
            else:
                workspace = found
                bundles.extend(workspace_bundles(found, environment, findings))
        except SourceError as error:
            raise NoBundleFound(str(error)) from None
    return Workload(tuple(bundles), workspace)


def _is_bundle_folder(path: Path | str | Source) -> bool:
    """Whether the path is the folder apiproxy/ or sharedflowbundle/ itself."""
    return isinstance(path, (str, Path)) and Path(path).resolve().name in _KINDS and Path(path).is_dir()


def find_bundles(path: Path | str | Source) -> list[BundleSource]:
    """The bundle that the path is, or those that it holds, or else those directly below.

    Raises NoBundleFound if there are none, SourceError if the path cannot be read.
    """
    if not isinstance(path, (str, Path)):
        source = path
    elif _is_bundle_folder(path):
        real = Path(path).resolve()
        parent = FolderSource(real.parent, str(Path(path).parent))
        return [BundleSource(parent, kind) for kind in _KINDS if kind == real.name]
    else:
        source = open_source(Path(path))
    found = _at(source, "") or [bundle for folder in source.folders() for bundle in _at(source, folder)]
    if found:
        return found
    visited = islice(_further_down(source, "", 0), _HINT_FOLDERS)
    deeper = list(islice((path for path in visited if _at(source, path)), 5))
    hint = f"; there are bundles further down: {', '.join(deeper)}" if deeper else ""
    raise NoBundleFound(f"{source.name}: no bundle here ({_LOOKED_FOR}){hint}")


def _further_down(source: Source, below: str, depth: int) -> Iterator[str]:
    """The folders of the first few levels, to look into for a hint."""
    for folder in source.folders(below):
        path = f"{below}/{folder}" if below else folder
        yield path
        if depth < _HINT_DEPTH and not folder.startswith(".") and folder != "node_modules":
            yield from _further_down(source, path, depth + 1)


def _at(source: Source, folder: str) -> list[BundleSource]:
    inside = source.folders(folder)
    return [BundleSource(sub_source(source, folder), kind) for kind in _KINDS if kind in inside]


def workspace_bundles(
    workspace: Workspace, environment: str | None, findings: Findings
) -> list[BundleSource]:
    """The bundles of a workspace that the environment deploys, shared flows first."""
    shared_flows = _bundles_below(workspace, "sharedflows", "sharedflowbundle")
    proxies = _bundles_below(workspace, "apiproxies", "apiproxy")
    if not workspace.environments():
        return [*shared_flows.values(), *proxies.values()]
    deployments = read_deployments(workspace, choose_environment(workspace, environment, findings), findings)
    if deployments is None:
        return [*shared_flows.values(), *proxies.values()]
    return [
        *_deployed(shared_flows, deployments.shared_flows, "SharedFlowDoesNotExist", "shared flow", findings),
        *_deployed(proxies, deployments.proxies, "ProxyDoesNotExist", "proxy", findings),
    ]


def _bundles_below(workspace: Workspace, folder: str, kind: BundleKind) -> dict[str, BundleSource]:
    below = workspace.folder(folder)
    return {
        name: BundleSource(sub_source(workspace.source, f"{below}/{name}"), kind)
        for name in workspace.source.folders(below)
        if kind in workspace.source.folders(f"{below}/{name}")
    }


def _deployed(
    bundles: dict[str, BundleSource], names: Sequence[Deployment], error: str, noun: str, findings: Findings
) -> list[BundleSource]:
    found: list[BundleSource] = []
    for deployment in names:
        bundle = bundles.get(deployment.name)
        if bundle is not None:
            found.append(bundle)
        else:
            cure = suggestion(deployment.name, bundles) or "Remove it, or add its bundle."
            message = f"the {noun} {deployment.name!r} is not in the workspace"
            findings.error(deployment.place, error, message, cure)
    return found

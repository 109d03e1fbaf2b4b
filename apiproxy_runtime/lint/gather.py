"""From paths to bundles: a path may be a bundle, a workspace, or a folder (a whole repository) with bundles anywhere in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from apiproxy_runtime.bundle.archive import FolderSource, SourceError
from apiproxy_runtime.bundle.discover import BundleSource, NoBundleFound, find_bundles
from apiproxy_runtime.bundle.environment import DEFAULT_ORGANIZATION, Environment, read_environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData, read_test_data
from apiproxy_runtime.bundle.workspace import Workspace, find_workspace
from apiproxy_runtime.lint.bundle import LintBundle

_KINDS: tuple[BundleKind, ...] = ("apiproxy", "sharedflowbundle")
_PARTS = frozenset(("proxies", "targets", "sharedflows", "policies"))
_SKIPPED = frozenset(("node_modules", "__pycache__", "target"))
#: What only an environment can tell; without one it is not known and not told.
_ENVIRONMENT_ONLY = frozenset(
    (
        "TargetServerNotFound",
        "LdapResourceNotFound",
        "KeyStoreNotFound",
        "KeyAliasNotFound",
        "TrustStoreNotFound",
    )
)


class Run(Struct, frozen=True):
    """Everything that was read. `findings` are those about the environment; those about bundles are with them."""

    bundles: tuple[LintBundle, ...]
    findings: Findings
    workspace: Workspace | None


def gather(
    paths: Sequence[Path],
    *,
    profile: str = "apigeex",
    environment: str | None = None,
    organization: str | None = None,
    env_dir: Path | None = None,
    compiled: bool = True,
) -> Run:
    """Read all bundles at the paths; `compiled` tries to deploy them too. Raises NoBundleFound."""
    sources: dict[tuple[str, str], BundleSource] = {}
    workspace = find_workspace(env_dir) if env_dir is not None else None
    if env_dir is not None and workspace is None:
        raise NoBundleFound(f"{env_dir}: no workspace here (looked for src/main/apigee/)")
    for path in paths:
        for source in bundles_at(path):
            sources.setdefault((source.source.name, source.kind), source)
        if workspace is None and path.resolve().name not in _KINDS:
            workspace = find_workspace(path)
    findings = Findings()
    world, test_data = _environment(workspace, environment, organization, findings)
    bundles: list[LintBundle] = []
    for source in sources.values():
        own = Findings()
        model = read_bundle(source, own)
        if model is None:
            folder = source.source.name.removeprefix("./") if len(sources) > 1 else ""
            findings.extend(finding.below(folder, source.kind) for finding in own)
            continue
        known = world if workspace is not None else None
        bundles.append(LintBundle(model, tuple(own), profile, known))
    if compiled:
        _compile(bundles, world, test_data, workspace)
    for bundle in bundles:
        bundle.siblings = tuple(other for other in bundles if other is not bundle)
    return Run(tuple(bundles), findings, workspace)


def _environment(
    workspace: Workspace | None, name: str | None, organization: str | None, findings: Findings
) -> tuple[Environment, TestData]:
    organization = organization or DEFAULT_ORGANIZATION
    if workspace is None:
        return Environment(name=name or "test", organization=organization), TestData()
    environment = read_environment(workspace, name, findings, organization)
    return environment, read_test_data(workspace, findings, environment.name)


def _compile(
    bundles: Sequence[LintBundle], environment: Environment, test_data: TestData, workspace: Workspace | None
) -> None:
    """Add to each bundle what a deploy of it would find."""
    from apiproxy_runtime.lint.deploy import Checker, base_path_conflicts  # compilers, only where asked for

    conflicts = base_path_conflicts(bundle.model for bundle in bundles) if workspace is not None else {}
    with Checker(environment, test_data) as checker:
        for number, bundle in enumerate(bundles):
            own = Findings(bundle.findings)
            try:
                checker.check(bundle.model, own)
            except Exception as error:  # ours or a plugin's, and no reason to hide what the rules find
                bundle.failure = f"compiling the bundle failed: {type(error).__name__}: {error}"
            own.extend(conflicts.get(number, ()))
            bundle.findings = tuple(
                finding for finding in own if workspace is not None or finding.name not in _ENVIRONMENT_ONLY
            )


def bundles_at(path: Path) -> list[BundleSource]:
    """The bundles of a path, else those anywhere below it. Raises NoBundleFound."""
    try:
        if path.is_file() or path.resolve().name in _KINDS or any((path / kind).is_dir() for kind in _KINDS):
            return find_bundles(path)
        found = list(_below(path))
    except SourceError as error:
        raise NoBundleFound(str(error)) from None
    if not found:
        raise NoBundleFound(f"{path}: no bundle here (looked for folders apiproxy/ and sharedflowbundle/)")
    return found


def _below(folder: Path) -> Iterator[BundleSource]:
    """Bundles below a folder, sorted; links are not followed."""
    try:
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return
    for entry in folders:
        if entry.name in _KINDS and _is_bundle(entry):
            kind: BundleKind = "apiproxy" if entry.name == "apiproxy" else "sharedflowbundle"
            yield BundleSource(FolderSource(folder), kind)
        elif not entry.name.startswith(".") and entry.name not in _SKIPPED:
            yield from _below(entry)


def _is_bundle(folder: Path) -> bool:
    return any((folder / part).is_dir() for part in _PARTS) or any(folder.glob("*.xml"))

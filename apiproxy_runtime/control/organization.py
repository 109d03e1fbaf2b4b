"""What an organization holds: revisions of bundles, what is deployed of them where, and the documents around them.

This is plain data. Whoever changes it works on the copy that `Host.change` gives; the host compiles the copy and puts
it in place, or refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.discover import BundleSource
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, BundleKind
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.control.documents import Documents
from apiproxy_runtime.control.files import Files

#: Where a deployment comes from: named on the command line, part of a workspace's archive, or by itself.
Origin: TypeAlias = Literal["command line", "archive", "api"]
Key: TypeAlias = tuple[BundleKind, str]


class Revision(Struct, frozen=True, eq=False):
    """A numbered state of a bundle. It may be unfit to run: clients put a bundle together file by file.

    files       paths begin with `apiproxy/` or `sharedflowbundle/`
    folder      where these lie in the archive they came in; findings name files from there
    created_at  milliseconds since the epoch
    """

    kind: BundleKind
    name: str
    number: str
    files: Files
    folder: str = ""
    created_at: int = 0

    @property
    def key(self) -> Key:
        return self.kind, self.name

    def holds(self, path: str) -> bool:
        """Whether findings name a file of this bundle by a path."""
        folder = f"{self.folder}/{self.kind}" if self.folder else self.kind
        return path == folder or path.startswith(f"{folder}/")

    def read(self, findings: Findings) -> Bundle | None:
        """The bundle with the number and name of the revision; None if there is nothing to read."""
        found = Findings()
        bundle = read_bundle(BundleSource(self.files, self.kind), found)
        findings.extend(finding.below(self.folder, self.kind) for finding in found)
        return replace(bundle, revision=self.number, name=self.name) if bundle is not None else None


class Deployment(Struct, frozen=True, eq=False):
    """A revision in an environment. `base_path` goes before the base paths of its endpoints ("/" adds nothing)."""

    revision: Revision
    origin: Origin = "api"
    base_path: str = "/"
    deployed_at: int = 0

    def placed(self, bundle: Bundle) -> Bundle:
        """The bundle with its base paths as deployed."""
        prefix = "/" + self.base_path.strip("/")
        if prefix == "/":
            return bundle
        return replace(
            bundle,
            proxies=tuple(
                replace(proxy, base_path=prefix + (proxy.base_path if proxy.base_path != "/" else ""))
                for proxy in bundle.proxies
            ),
        )


class EnvironmentState(Struct, eq=False):
    """`contract` numbers the deploys, over all environments; 0 before the first."""

    name: str
    documents: Documents = field(default_factory=Documents)
    resources: Files = field(default_factory=lambda: Files({}, "resources"))
    deployments: dict[Key, Deployment] = field(default_factory=dict)
    contract: int = 0

    def copy(self) -> EnvironmentState:
        return EnvironmentState(
            self.name, self.documents.copy(), self.resources, dict(self.deployments), self.contract
        )

    def runs_as(self, other: EnvironmentState | None) -> bool:
        """Whether both would compile to the same."""
        return (
            other is not None
            and self.documents == other.documents
            and self.resources is other.resources
            and self.deployments == other.deployments
        )


class Organization(Struct, eq=False):
    """`environments` in the order of their last deploy: where base paths meet, the later one answers.

    documents  products, developers, developerapps
    revisions  that were imported: (kind, name) → number → revision
    contract   the number of the last deploy
    seeded     key value maps that came with test data: scope, environment, proxy, name
    """

    name: str
    documents: Documents = field(default_factory=Documents)
    revisions: dict[Key, dict[str, Revision]] = field(default_factory=dict)
    environments: dict[str, EnvironmentState] = field(default_factory=dict)
    contract: int = 0
    seeded: tuple[tuple[str, str, str, str], ...] = ()

    def copy(self) -> Organization:
        """A copy that can be changed; revisions and documents are shared, they never change."""
        return Organization(
            self.name,
            self.documents.copy(),
            {key: dict(revisions) for key, revisions in self.revisions.items()},
            {name: state.copy() for name, state in self.environments.items()},
            self.contract,
            self.seeded,
        )

    def environment(self, name: str) -> EnvironmentState:
        """The environment of that name, made if there is none."""
        return self.environments.setdefault(name, EnvironmentState(name))

    # ---- revisions

    def names(self, kind: BundleKind) -> list[str]:
        """The proxies, or shared flows, that were imported or are deployed."""
        keys = {*self.revisions, *(key for state in self.environments.values() for key in state.deployments)}
        return sorted(name for found, name in keys if found == kind)

    def revisions_of(self, kind: BundleKind, name: str) -> dict[str, Revision]:
        """Number → revision, imported or deployed, in order of the numbers."""
        found = {
            deployment.revision.number: deployment.revision
            for state in self.environments.values()
            if (deployment := state.deployments.get((kind, name))) is not None
        }
        found.update(self.revisions.get((kind, name), {}))
        return dict(sorted(found.items(), key=lambda item: _ordinal(item[0])))

    def revision(self, kind: BundleKind, name: str, number: str) -> Revision | None:
        return self.revisions_of(kind, name).get(number)

    def import_revision(
        self, kind: BundleKind, name: str, files: Files, *, created_at: int, number: str = ""
    ) -> Revision:
        """Keep a bundle as the next revision, or as the one with that number."""
        if not number:
            number = str(1 + max((_ordinal(known)[0] for known in self.revisions_of(kind, name)), default=0))
        revision = Revision(kind, name, number, files, created_at=created_at)
        self.revisions.setdefault(revision.key, {})[number] = revision
        return revision

    def edit_revision(self, revision: Revision, path: str, content: bytes | None) -> Revision:
        """Add, replace or (None) remove a file of a revision. Where it is deployed, the edited one is from now on."""
        edited = replace(revision, files=revision.files.changed(path, content))
        self.revisions.setdefault(revision.key, {})[revision.number] = edited
        for state in self.environments.values():
            deployment = state.deployments.get(revision.key)
            if deployment is not None and deployment.revision is revision:
                state.deployments[revision.key] = replace(deployment, revision=edited, origin="api")
        return edited

    def forget(self, kind: BundleKind, name: str, number: str = "") -> bool:
        """Delete one revision or (without a number) all of them; deployed ones are undeployed first.

        With the last one goes what was said of the whole: labels, and a proxy's masks.
        """
        known = self.revisions_of(kind, name)
        gone = [number] if number else list(known)
        for state in self.environments.values():
            deployment = state.deployments.get((kind, name))
            if deployment is not None and deployment.revision.number in gone:
                del state.deployments[kind, name]
        imported = self.revisions.get((kind, name), {})
        for each in gone:
            imported.pop(each, None)
        if not imported:
            self.revisions.pop((kind, name), None)
        if not self.revisions_of(kind, name):
            self.documents.delete("labels", f"{kind}/{name}")
            for key in self.documents.keys("maskconfigs") if kind == "apiproxy" else ():
                if key.startswith(f"{name}/"):
                    self.documents.delete("maskconfigs", key)
        return any(each in known for each in gone)

    # ---- deployments

    def deploy(self, environment: str, deployments: Iterable[Deployment]) -> EnvironmentState:
        """Put revisions in place in an environment; those of other bundles stay."""
        state = self.environment(environment)
        for deployment in deployments:
            state.deployments[deployment.revision.key] = deployment
        self.touch(environment)
        return state

    def undeploy(self, environment: str, kind: BundleKind, name: str) -> bool:
        """Whether it was deployed."""
        state = self.environments.get(environment)
        if state is None or state.deployments.pop((kind, name), None) is None:
            return False
        self.touch(environment)
        return True

    def touch(self, environment: str) -> int:
        """Count a deploy: the environment becomes the last deployed one. The deploy's number."""
        state = self.environments.pop(environment, None) or EnvironmentState(environment)
        self.environments[environment] = state
        self.contract += 1
        state.contract = self.contract
        return self.contract


def _ordinal(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isdecimal() else (0, number)

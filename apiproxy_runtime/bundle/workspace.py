"""The layout of the Apigee emulator's workspace: bundles, environments and test data in one tree.

`src/main/apigee/{apiproxies/NAME/apiproxy, sharedflows/NAME/sharedflowbundle, environments/ENV}` and
`src/tests/ANY/*.json`. Source: docs.cloud.google.com/apigee, "Developing locally with Apigee in Cloud Code".
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from apiproxy_runtime.bundle.archive import FolderSource, Source, open_source
from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.finding import Findings, Place

APIGEE = "src/main/apigee"
DEFAULT_ENVIRONMENT = "test"
_PARTS = ("apiproxies", "sharedflows", "environments")


class Workspace(Struct, frozen=True):
    """`source` is the workspace's root; `apigee` the folder in it that holds apiproxies/ and environments/."""

    source: Source
    apigee: str = APIGEE

    def folder(self, *parts: str) -> str:
        """The path from the root of something below the apigee folder."""
        return "/".join((self.apigee, *parts) if self.apigee else parts)

    def environments(self) -> tuple[str, ...]:
        """The names of the environments it describes."""
        return self.source.folders(self.folder("environments"))


def find_workspace(place: Path | str | Source) -> Workspace | None:
    """The workspace at a place: its root, `.../src/main/apigee` itself, or a zip of the root; None if it is none.

    Raises SourceError if the place cannot be read.
    """
    if isinstance(place, (Path, str)):
        path = Path(place)
        real = path.resolve()
        if path.is_dir() and real.parts[-3:] == ("src", "main", "apigee"):
            return Workspace(FolderSource(real.parents[2], str(path)))
        source: Source = open_source(path)
    else:
        source = place
    for root in ("", *_only_folder(source)):
        apigee = f"{root}/{APIGEE}" if root else APIGEE
        if source.folders(apigee) or source.files(apigee):
            return Workspace(source, apigee)
    if "environments" in source.folders() and not source.folders("src"):
        return Workspace(source, "")
    return None


def _only_folder(source: Source) -> tuple[str, ...]:
    """The single folder at the top, as archives of a repository have it."""
    folders = source.folders()
    return folders if len(folders) == 1 else ()


def choose_environment(workspace: Workspace, name: str | None, findings: Findings) -> str:
    """The environment to use: the one named, or the only one there is, or `test`.

    A named one that the workspace does not describe is an error (InvalidEnvironment), unless it describes none.
    """
    known = workspace.environments()
    place = Place(workspace.folder("environments"))
    if name is not None:
        if known and name not in known:
            findings.error(
                place, "InvalidEnvironment", f"there is no environment {name!r}", suggestion(name, known)
            )
        return name
    if len(known) == 1:
        return known[0]
    if known and DEFAULT_ENVIRONMENT not in known:
        findings.error(
            place,
            "InvalidEnvironment",
            f"there are {len(known)} environments: {', '.join(known)}",
            "Name one of them.",
        )
    return DEFAULT_ENVIRONMENT

"""What a workspace or a set of bundles brings, as the host takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from apiproxy_runtime.bundle.accesstoken import AccessToken
from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.keyvaluemap import KeyValueMap
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.testdata import find_test_files
from apiproxy_runtime.bundle.workspace import Workspace
from apiproxy_runtime.control.documents import Documents
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.organization import Deployment, EnvironmentState, Organization, Origin, Revision
from apiproxy_runtime.control.workspace import consumer_documents, workspace_documents


class Content(Struct, frozen=True):
    """What the command line (or a workspace) brings: environments with their deployments, documents, what to seed."""

    environments: dict[str, EnvironmentState] = field(default_factory=dict)
    documents: Documents = field(default_factory=Documents)
    maps: tuple[KeyValueMap, ...] = ()
    tokens: tuple[AccessToken, ...] = ()


def merged(kept: Organization, content: Content) -> Organization:
    """What was kept, beneath what is named; where base paths meet, the environments named answer."""
    draft = kept.copy()
    overlay(draft, content)
    for name, state in content.environments.items():
        if state.deployments:
            draft.environments[name] = draft.environments.pop(name)
    return draft


def overlay(draft: Organization, content: Content) -> None:
    draft.documents.update(content.documents)
    for name, named in content.environments.items():
        state = draft.environment(name)
        state.documents.update(named.documents)
        if named.resources.content:
            state.resources = named.resources
        state.deployments.update(named.deployments)


def environment_state(
    name: str,
    workspace: Workspace | None,
    bundles: Iterable[Bundle],
    findings: Findings,
    origin: Origin,
    now: int,
    folders: Mapping[str, str] | None = None,
) -> EnvironmentState:
    """An environment that deploys exactly these bundles, with the documents of a workspace.

    folders  where bundles lie, by kind and name with a slash between; by default, in the workspace
    now      milliseconds
    """
    state = EnvironmentState(name)
    if workspace is not None:
        try:
            state.documents, state.resources = workspace_documents(workspace, name)
        except SourceError as error:
            findings.error(Place(workspace.folder("environments", name)), "InvalidEnvironment", str(error))
    for bundle in bundles:
        folder = (folders or {}).get(f"{bundle.kind}/{bundle.name}") or workspace_folder(workspace, bundle)
        try:
            files = Files.of(bundle.source, (bundle.kind,), bundle.name)
        except SourceError as error:
            findings.error(Place(folder or bundle.kind), "InvalidBundle", str(error))
            continue
        revision = Revision(bundle.kind, bundle.name, bundle.revision, files, folder, now)
        state.deployments[revision.key] = Deployment(revision, origin, deployed_at=now)
    return state


def workspace_folder(workspace: Workspace | None, bundle: Bundle) -> str:
    """Where a bundle lies in its workspace, if that is a zip: there the path says nothing about this machine."""
    if workspace is None:
        return ""
    return bundle.source.name.removeprefix(f"{workspace.source.name}/")


def command_line_content(
    environment: str,
    workspace: Workspace | None,
    bundles: Iterable[Bundle],
    maps: tuple[KeyValueMap, ...],
    findings: Findings,
    now: int,
    folders: Mapping[str, str] | None = None,
    tokens: tuple[AccessToken, ...] = (),
) -> Content:
    """What `apiproxy serve` was given. Findings name files from the bundle's own folder, or from those in `folders`."""
    state = environment_state(environment, None, bundles, findings, "command line", now, folders)
    if workspace is None:
        return Content({environment: state}, maps=maps, tokens=tokens)
    try:
        state.documents, state.resources = workspace_documents(workspace, environment)
        documents = consumer_documents(
            workspace.source, find_test_files(workspace.source, workspace, environment)
        )
    except SourceError as error:
        findings.error(Place(workspace.apigee), "InvalidEnvironment", str(error))
        return Content({environment: state}, maps=maps, tokens=tokens)
    return Content({environment: state}, documents, maps, tokens)

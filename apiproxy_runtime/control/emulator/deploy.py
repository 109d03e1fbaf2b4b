"""`POST /v1/emulator/deploy`: a whole workspace takes the place of what an environment had."""

from __future__ import annotations

import asyncio

from aiohttp import web

from apiproxy_runtime.bundle.archive import Source, SourceError
from apiproxy_runtime.bundle.discover import BundleSource, NoBundleFound, find_bundles, workspace_bundles
from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.environment import read_environment
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.workspace import Workspace, find_workspace
from apiproxy_runtime.control.answer import Refused, detail, json_answer
from apiproxy_runtime.control.content import environment_state
from apiproxy_runtime.control.documents import ENVIRONMENT_NOUNS
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.control.organization import EnvironmentState
from apiproxy_runtime.control.upload import uploaded


async def deploy(host: Host, request: web.Request) -> web.Response:
    """`{"revision": "5"}`: the number of the deploy; `warnings` too, where there are any."""
    source = await uploaded(request)
    name = check_name(request.query.get("environment", "").strip(), "environment")
    try:
        contract = await deploy_archive(host, source, name)
    except SourceError as error:
        raise Refused(400, "InvalidArchive", str(error)) from None
    answer: dict[str, object] = {"revision": str(contract)}
    if host.warnings:
        answer["warnings"] = [detail(finding) for finding in host.warnings]
    return json_answer(answer)


async def deploy_archive(host: Host, source: Source, name: str) -> int:
    """Have an environment serve exactly what an archive holds; the number of the deploy.

    A workspace may be left out for bare bundles: these keep the documents that the environment has.
    Raises Refused, DeployError, SourceError, StoreError; then what was served before goes on being served.
    """
    findings = Findings()
    workspace, state = await asyncio.to_thread(_read, host, source, name, findings)
    async with host.change(findings) as draft:
        own = draft.environment(state.name)
        if workspace is not None:
            own.documents.clear(*ENVIRONMENT_NOUNS)
            own.documents.update(state.documents)
            own.resources = state.resources
        own.deployments = state.deployments
        return draft.touch(state.name)


def _read(
    host: Host, source: Source, name: str, findings: Findings
) -> tuple[Workspace | None, EnvironmentState]:
    """What an archive says of an environment. It is parsed beside the event loop, and touches nothing of the host."""
    workspace = find_workspace(source)
    name = name or _only_environment(host, workspace)
    sources = _bundles(host, source, workspace, name, findings)
    if workspace is not None:
        read_environment(workspace, name, findings, host.organization.name)
    bundles = []
    for each in sources:
        found = Findings()
        bundle = read_bundle(each, found)
        if bundle is not None:
            bundles.append(bundle)
        else:
            # it cannot be read at all: nobody else will tell
            findings.extend(found)
    return workspace, environment_state(name, workspace, bundles, findings, "archive", host.now())


def _only_environment(host: Host, workspace: Workspace | None) -> str:
    """The environment of a call that names none: the workspace's only one, or the host's own."""
    known = workspace.environments() if workspace is not None else ()
    return known[0] if len(known) == 1 else host.environment


def _bundles(
    host: Host, source: Source, workspace: Workspace | None, name: str, findings: Findings
) -> list[BundleSource]:
    if workspace is None:
        if host.strict:
            raise Refused(400, "InvalidEnvironment", "the archive holds no src/main/apigee/")
        try:
            return find_bundles(source)
        except NoBundleFound as error:
            raise Refused(400, "NoValidProxiesFound", str(error)) from None
    folder = workspace.folder("environments", name)
    known = workspace.environments()
    if name not in known and (known or host.strict):
        message = f"the archive has no {folder}/. {suggestion(name, known)}".strip()
        raise Refused(
            400,
            "InvalidEnvironment",
            message,
            [{"code": "InvalidEnvironment", "message": message, "file": folder, "line": 0, "column": 1}],
        )
    listed = f"{folder}/deployments.json"
    sources = workspace_bundles(workspace, name, findings)
    if host.strict and listed not in workspace.source.files(folder):
        sources = []
    if not sources:
        findings.error(
            Place(listed),
            "NoValidProxiesFound",
            f"nothing is deployed to the environment {name!r}",
            "Name its proxies in deployments.json, and have their bundles in apiproxies/.",
        )
    return sources

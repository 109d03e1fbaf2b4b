"""Deployments: which revision serves where; deploying, undeploying, and what a deploy would do.

A lists holds what Edge has (`environment`, `aPIProxy`, `revision`) and what X has (`deployments`): the two do not meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiohttp import web

from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management.apis import need
from apiproxy_runtime.control.management.call import BUNDLE, ENVIRONMENT, Call, Route
from apiproxy_runtime.control.management.flavour import violations
from apiproxy_runtime.control.management.revisions import find
from apiproxy_runtime.control.organization import Deployment, Organization, Revision
from apiproxy_runtime.program.program import ProxyProgram, SharedFlowProgram

#: What apigeetool reports a partial failure of, if its status is not the deployment's state.
_SERVER = {"pod": "local", "type": ["message-processor", "router"], "uUID": "local"}

#: X's word for an undeployment that something deployed would not survive.
_BREAKS = "WOULD_BREAK_DEPENDENT"


# ---- lists


def of_environments(call: Call) -> Iterator[tuple[str, Deployment]]:
    """All deployments, or those of the environment in the path."""
    for name, state in call.host.organization.environments.items():
        if call.environment in ("", name):
            for deployment in state.deployments.values():
                yield name, deployment


def of_bundle(call: Call, number: str = "") -> list[tuple[str, Deployment]]:
    """Those of the proxy or shared flow in the path, perhaps of one revision."""
    key = call.kind, call.part("name")
    return [
        (name, deployment)
        for name, deployment in of_environments(call)
        if deployment.revision.key == key and number in ("", deployment.revision.number)
    ]


def x_item(environment: str, deployment: Deployment) -> Document:
    """A deployment as X lists it; shared flows have `apiProxy` too."""
    return {
        "environment": environment,
        "apiProxy": deployment.revision.name,
        "revision": deployment.revision.number,
        "deployStartTime": deployment.deployed_at,
        "proxyDeploymentType": "EXTENSIBLE",
    }


def edge_revision(deployment: Deployment) -> Document:
    """A deployed revision as Edge lists it."""
    return {
        "configuration": {"basePath": deployment.base_path, "steps": []},
        "name": deployment.revision.number,
        "server": [{"status": "deployed", **_SERVER}],
        "state": "deployed",
    }


def _edge_bundles(deployments: Iterable[Deployment]) -> list[Document]:
    return [{"name": item.revision.name, "revision": [edge_revision(item)]} for item in deployments]


async def of_organization(call: Call) -> web.Response:
    """`?sharedFlows=true` has Edge list shared flows, and X these alone."""
    found = [item for item in of_environments(call) if _wanted(call, item[1].revision.kind)]
    environments: dict[str, list[Deployment]] = {}
    for name, deployment in found:
        environments.setdefault(name, []).append(deployment)
    return call.answer(
        {
            "name": call.organization,
            "environment": [
                {"name": name, "aPIProxy": _edge_bundles(items)} for name, items in environments.items()
            ],
            "deployments": [x_item(*item) for item in found],
        }
    )


def _wanted(call: Call, kind: BundleKind) -> bool:
    if call.flag("sharedFlows"):
        return kind == "sharedflowbundle"
    return not call.edge or kind == "apiproxy"


async def of_environment(call: Call) -> web.Response:
    found = [item for item in of_environments(call) if _wanted(call, item[1].revision.kind)]
    bundles = _edge_bundles(deployment for _, deployment in found)
    return call.answer(
        {
            "name": call.environment,
            "organization": call.organization,
            "aPIProxy": bundles,
            "sharedFlow": bundles if call.flag("sharedFlows") else [],
            "deployments": [x_item(*item) for item in found],
        }
    )


async def of_name(call: Call) -> web.Response:
    need(call.host.organization, call.kind, call.part("name"))
    found = of_bundle(call)
    return call.answer(
        {
            "name": call.part("name"),
            "organization": call.organization,
            "environment": [
                {"name": name, "revision": [edge_revision(deployment)]} for name, deployment in found
            ],
            "deployments": [x_item(*item) for item in found],
        }
    )


async def of_name_there(call: Call) -> web.Response:
    """In one environment. Edge answers 400 where nothing of that name is deployed."""
    need(call.host.organization, call.kind, call.part("name"))
    found = of_bundle(call)
    if not found and call.edge:
        raise _not_deployed(call, "")
    return call.answer(
        {
            "name": call.part("name"),
            "organization": call.organization,
            "environment": call.environment,
            "revision": [edge_revision(deployment) for _, deployment in found],
            "deployments": [x_item(*item) for item in found],
        }
    )


async def of_revision(call: Call) -> web.Response:
    revision = find(call.host.organization, call.kind, call.part("name"), call.part("revision"))
    found = of_bundle(call, revision.number)
    return call.answer(
        {
            "aPIProxy": revision.name,
            "name": revision.number,
            "organization": call.organization,
            "environment": [{"name": name, **edge_revision(item)} for name, item in found],
            "deployments": [x_item(*item) for item in found],
        }
    )


async def of_revision_there(call: Call) -> web.Response:
    """What clients poll after a deploy, until `state` is `deployed` (Edge) or `READY` (X)."""
    revision = find(call.host.organization, call.kind, call.part("name"), call.part("revision"))
    found = of_bundle(call, revision.number)
    if not found:
        raise _not_deployed(call, revision.number)
    return call.answer(deployment_document(call, found[0][1], "deployed"))


def _not_deployed(call: Call, number: str) -> Refused:
    what = f"revision {number} of {call.part('name')!r}" if number else repr(call.part("name"))
    return Refused(
        400 if call.edge else 404,
        "distribution.RevisionNotDeployed" if number else "distribution.ApplicationNotDeployed",
        f"{what} is not deployed in the environment {call.environment!r}",
    )


def deployment_document(call: Call, deployment: Deployment, state: str) -> Document:
    """One deployment: the flat form, whose keys suit both flavours. `state` is Edge's word."""
    revision = deployment.revision
    return {
        "aPIProxy" if revision.kind == "apiproxy" else "sharedFlow": revision.name,
        **x_item(call.environment, deployment),
        "configuration": {"basePath": deployment.base_path, "steps": []},
        "name": revision.number,
        "organization": call.organization,
        "state": state if call.edge else "READY",
        "server": [{"status": state, **_SERVER}],
    }


# ---- changes


async def deploy(call: Call) -> web.Response:
    """Parameters, in the query or in a form: `override`, `basepath`, `action` (deploy, undeploy); others do nothing."""
    form = await call.form()
    if form.get("action") == "undeploy":
        return await undeploy(call)
    return call.answer(await put_in_place(call, call.environment, call.part("revision"), form))


async def put_in_place(call: Call, environment: str, number: str, form: dict[str, str]) -> Document:
    """Deploy a revision; the answer. Without `override` another deployed revision is in the way."""
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), number)
        _refuse_other(draft, environment, revision, form)
        deployment = Deployment(
            revision, base_path=_base_path(form.get("basepath", "")), deployed_at=call.host.now()
        )
        draft.deploy(environment, [deployment])
    return {**deployment_document(call, deployment, "deployed"), "environment": environment}


def _refuse_other(draft: Organization, environment: str, revision: Revision, form: dict[str, str]) -> None:
    state = draft.environments.get(environment)
    other = state.deployments.get(revision.key) if state is not None else None
    if (
        other is None
        or other.revision.number == revision.number
        or form.get("override", "").lower() == "true"
    ):
        return
    raise Refused(
        400,
        "distribution.OtherRevisionDeployed",
        f"revision {other.revision.number} of {revision.name!r} is deployed in the environment {environment!r}: "
        "undeploy it, or deploy with override=true",
    )


def _base_path(text: str) -> str:
    return "/" + text.strip().strip("/")


async def undeploy(call: Call) -> web.Response:
    form = await call.form()
    return call.answer(
        await take_away(call, call.environment, call.part("revision") or form.get("revision", ""))
    )


async def take_away(call: Call, environment: str, number: str) -> Document:
    """Undeploy a revision; the answer. Raises Refused if it is not deployed."""
    async with call.host.change() as draft:
        need(draft, call.kind, call.part("name"))
        state = draft.environments.get(environment)
        deployment = state.deployments.get((call.kind, call.part("name"))) if state is not None else None
        if deployment is None or number not in ("", deployment.revision.number):
            raise _not_deployed(call, number)
        _refuse_used(call, environment, deployment.revision)
        # a revision that the command line or an archive brought is known by its deployment alone
        numbers = draft.revisions.setdefault(deployment.revision.key, {})
        numbers.setdefault(deployment.revision.number, deployment.revision)
        draft.undeploy(environment, call.kind, call.part("name"))
    if not call.edge:
        return {}
    return {**deployment_document(call, deployment, "undeployed"), "environment": environment}


def _users(call: Call, environment: str, name: str) -> list[str]:
    """What would run a shared flow of an environment and find it gone: flow hooks, and policies of what is deployed."""
    host = call.host
    state = host.organization.environments.get(environment)
    documents = state.documents if state is not None else Documents()
    found = [
        point
        for point in documents.keys("flowhooks")
        if (documents.get("flowhooks", point) or {}).get("sharedFlow") == name
    ]
    programs: list[ProxyProgram | SharedFlowProgram] = [
        *host.programs(environment),
        *host.shared_flows(environment),
    ]
    for program in programs:
        found += [
            f"{source.name} of {program.bundle.name}"
            for source in program.bundle.policies.values()
            if source.element == "FlowCallout"
            and (source.node.child_text("SharedFlowBundle") or "").strip() == name
        ]
    return found


def _refuse_used(call: Call, environment: str, revision: Revision) -> None:
    """Raises Refused for a shared flow that is in use, with the code of the flavour."""
    users = _users(call, environment, revision.name) if revision.kind == "sharedflowbundle" else []
    if users:
        raise Refused(
            400,
            "distribution.SharedFlowInUse" if call.edge else _BREAKS,
            f"The Shared flow {revision.name} is in use by {', '.join(users)} in the environment {environment!r}: "
            "detach it from flow hooks and undeploy the proxies that call it first",
        )


async def by_form(call: Call) -> web.Response:
    """Edge's older form: `action=deploy|undeploy`, `revision` and `env` come as parameters."""
    form = await call.form()
    environment, number = form.get("env", ""), call.part("revision") or form.get("revision", "")
    if not environment or not number:
        raise Refused(400, "MissingField", "name the environment and the revision: env=test&revision=1")
    if form.get("action") == "undeploy":
        return call.answer(await take_away(call, environment, number))
    return call.answer(await put_in_place(call, environment, number, form))


async def change_report(call: Call) -> web.Response:
    """What would refuse the deploy, found by compiling it; nothing is put in place."""
    form = await call.form()
    errors: list[Document] = []
    try:
        async with call.host.trial() as draft:
            revision = find(draft, call.kind, call.part("name"), call.part("revision"))
            if call.part("verb") == "generateDeployChangeReport":
                base_path = _base_path(form.get("basepath", ""))
                draft.deploy(call.environment, [Deployment(revision, base_path=base_path)])
            else:
                draft.undeploy(call.environment, revision.kind, revision.name)
                _refuse_used(call, call.environment, revision)
    except Refused as error:
        if error.code != _BREAKS:
            raise
        errors = [{"type": error.code, "subject": call.part("name"), "description": error.message}]
    except DeployError as error:
        errors = violations(error.errors)
    if not errors:
        return call.answer({})
    return call.answer({"validationErrors": {"violations": errors, "violation": errors}})


_THERE = f"{ENVIRONMENT}/{BUNDLE}"
_REVISION = f"{BUNDLE}/revisions/{{revision}}"
ROUTES: list[Route] = [
    ("GET", "deployments", of_organization),
    ("GET", f"{ENVIRONMENT}/deployments", of_environment),
    ("GET", f"{BUNDLE}/deployments", of_name),
    ("POST", f"{BUNDLE}/deployments", by_form),
    ("GET", f"{_REVISION}/deployments", of_revision),
    ("POST", f"{_REVISION}/deployments", by_form),
    ("GET", f"{_THERE}/deployments", of_name_there),
    ("GET", f"{_THERE}/revisions/{{revision}}/deployments", of_revision_there),
    ("POST", f"{_THERE}/revisions/{{revision}}/deployments", deploy),
    ("DELETE", f"{_THERE}/revisions/{{revision}}/deployments", undeploy),
    (
        "POST",
        f"{_THERE}/revisions/{{revision}}/deployments:"
        "{verb:generateDeployChangeReport|generateUndeployChangeReport}",
        change_report,
    ),
]

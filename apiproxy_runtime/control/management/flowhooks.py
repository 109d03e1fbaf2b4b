"""Flow hooks of an environment: four points, to each of which a shared flow can be attached."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.bundle.flowhook import FLOW_HOOKS
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.management.collection import documents_of


def _point(call: Call) -> str:
    point = call.part("point")
    if point not in FLOW_HOOKS:
        raise Refused(
            404,
            "flowhooks.DoesNotExist",
            f"there is no flow hook {point!r}, only {', '.join(FLOW_HOOKS)}",
        )
    return point


async def list_all(call: Call) -> web.Response:
    return call.answer(list(FLOW_HOOKS))


def _shown(point: str, document: Document | None) -> Document:
    return {"continueOnError": True, **(document or {}), "flowHookPoint": point}


async def get(call: Call) -> web.Response:
    """A point to which nothing is attached is there as well, without `sharedFlow`."""
    point = _point(call)
    return call.answer(_shown(point, documents_of(call.host, call.environment).get("flowhooks", point)))


async def attach(call: Call) -> web.Response:
    """Edge's apigeetool posts, all others put."""
    point = _point(call)
    document = await call.document()
    shared_flow = required(document, "sharedFlow", "flow hook")
    kept = {
        "sharedFlow": shared_flow,
        "continueOnError": document.get("continueOnError", True),
    }
    if isinstance(document.get("description"), str):
        kept["description"] = document["description"]
    async with call.host.change() as draft:
        state = draft.environment(call.environment)
        if ("sharedflowbundle", shared_flow) not in state.deployments:
            raise Refused(
                400,
                "SharedFlowDoesNotExist",
                f"the shared flow {shared_flow!r} is not deployed in the environment {call.environment!r}: deploy it",
            )
        state.documents.put("flowhooks", point, kept)
    return call.answer(_shown(point, kept))


async def detach(call: Call) -> web.Response:
    point = _point(call)
    async with call.host.change() as draft:
        draft.environment(call.environment).documents.delete("flowhooks", point)
    return call.answer(_shown(point, None))


_ONE = f"{ENVIRONMENT}/flowhooks/{{point}}"
ROUTES: list[Route] = [
    ("GET", f"{ENVIRONMENT}/flowhooks", list_all),
    ("GET", _ONE, get),
    ("POST", _ONE, attach),
    ("PUT", _ONE, attach),
    ("DELETE", _ONE, detach),
]

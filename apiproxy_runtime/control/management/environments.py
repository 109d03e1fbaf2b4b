"""Environments: listed, made, described, deleted. One that is deployed to comes into being as well."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.absent import refusal_of
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.management.collection import documents_of
from apiproxy_runtime.control.management.organization import done
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.control.organization import EnvironmentState

_NOUN = "environment"
_KEPT = ("displayName", "description", "properties")


async def list_all(call: Call) -> web.Response:
    return call.answer(list(call.host.organization.environments))


def shown(call: Call, name: str) -> Document:
    """What a client has said of it (name, description, properties) among what every environment has."""
    kept = documents_of(call.host, name).get(_NOUN, _NOUN) or {}
    return {
        "name": name,
        "displayName": name,
        "createdAt": 0,
        "lastModifiedAt": 0,
        "properties": {"property": []},
        "state": "ACTIVE",
        "deploymentType": "PROXY",
        "apiProxyType": "PROGRAMMABLE",
        **kept,
    }


def _need(call: Call) -> None:
    if ":" in call.environment:
        raise refusal_of(call)
    if call.environment not in call.host.organization.environments:
        raise Refused(
            404,
            "messaging.config.beans.EnvironmentDoesNotExist",
            f"there is no environment {call.environment!r}; deploy to it, or create it",
        )


async def get(call: Call) -> web.Response:
    _need(call)
    return call.answer(shown(call, call.environment))


async def create(call: Call) -> web.Response:
    """Edge: the environment. X: an operation, which is over."""
    document = await call.document()
    name = check_name(required(document, "name", "environment"), "environment")
    async with call.host.change() as draft:
        if name in draft.environments:
            raise Refused(409, "environments.AlreadyExists", f"there is an environment {name!r} already")
        _keep(draft.environment(name), document)
    described = shown(call, name)
    if call.edge:
        return call.answer(described, 201)
    return call.answer({**done(call, name), "response": described})


def _keep(state: EnvironmentState, document: Document) -> None:
    known = state.documents.get(_NOUN, _NOUN) or {}
    given = {field: document[field] for field in _KEPT if document.get(field) is not None}
    if {**known, **given} != known:
        state.documents.put(_NOUN, _NOUN, {**known, **given})


async def update(call: Call) -> web.Response:
    """Display name, description and properties that are sent take the place of those before; nothing else can change."""
    _need(call)
    document = await call.document()
    async with call.host.change() as draft:
        _keep(draft.environments[call.environment], document)
    return call.answer(shown(call, call.environment))


async def delete(call: Call) -> web.Response:
    """An environment to which something is deployed stays."""
    _need(call)
    described = shown(call, call.environment)
    async with call.host.change() as draft:
        if draft.environments[call.environment].deployments:
            raise Refused(
                400,
                "environments.EnvironmentInUse",
                f"undeploy what is deployed in the environment {call.environment!r} first",
            )
        del draft.environments[call.environment]
    return call.answer(described if call.edge else done(call, call.environment))


async def get_mask(call: Call) -> web.Response:
    """X: what traces hide."""
    mask = documents_of(call.host, call.environment).get("debugmask", "debugmask") or {}
    return call.answer(
        {"name": f"organizations/{call.organization}/environments/{call.environment}/debugmask", **mask}
    )


async def change_mask(call: Call) -> web.Response:
    """The fields that are sent take the place of those before; with `replaceRepeatedFields=false` lists are added to.

    Fields that `updateMask` names and that are not sent are emptied.
    """
    document = await call.document()
    document.pop("name", None)
    named = [field for field in call.request.query.get("updateMask", "").split(",") if field]
    if named:
        document = {field: document.get(field) for field in named}
    adding = call.request.query.get("replaceRepeatedFields", "").lower() == "false"
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        mask = documents.get("debugmask", "debugmask") or {}
        for field, value in document.items():
            known = mask.get(field)
            both = adding and isinstance(known, list) and isinstance(value, list)
            mask[field] = [*known, *value] if both and isinstance(known, list) else value
            if value is None:
                del mask[field]
        documents.put("debugmask", "debugmask", mask)
    return await get_mask(call)


ROUTES: list[Route] = [
    ("GET", "environments", list_all),
    ("POST", "environments", create),
    ("GET", ENVIRONMENT, get),
    ("PUT", ENVIRONMENT, update),
    ("POST", ENVIRONMENT, update),
    ("PATCH", ENVIRONMENT, update),
    ("DELETE", ENVIRONMENT, delete),
    ("GET", f"{ENVIRONMENT}/debugmask", get_mask),
    ("PATCH", f"{ENVIRONMENT}/debugmask", change_mask),
]

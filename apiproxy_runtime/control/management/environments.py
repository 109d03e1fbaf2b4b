"""Environments: listed, made, described, deleted. One that is deployed to comes into being as well."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, required
from apiproxy_runtime.control.management.collection import documents_of
from apiproxy_runtime.control.management.organization import done


async def list_all(call: Call) -> web.Response:
    return call.answer(list(call.host.organization.environments))


def shown(name: str) -> Document:
    return {
        "name": name,
        "displayName": name,
        "createdAt": 0,
        "lastModifiedAt": 0,
        "properties": {"property": []},
        "state": "ACTIVE",
        "deploymentType": "PROXY",
        "apiProxyType": "PROGRAMMABLE",
    }


def _need(call: Call) -> None:
    if call.environment not in call.host.organization.environments:
        raise Refused(
            404,
            "messaging.config.beans.EnvironmentDoesNotExist",
            f"there is no environment {call.environment!r}; deploy to it, or create it",
        )


async def get(call: Call) -> web.Response:
    _need(call)
    return call.answer(shown(call.environment))


async def create(call: Call) -> web.Response:
    """Edge: the environment. X: an operation, which is over."""
    name = required(await call.document(), "name", "environment")
    async with call.host.change() as draft:
        if name in draft.environments:
            raise Refused(409, "environments.AlreadyExists", f"there is an environment {name!r} already")
        draft.environment(name)
    return (
        call.answer(shown(name), 201)
        if call.edge
        else call.answer({**done(call, name), "response": shown(name)})
    )


async def delete(call: Call) -> web.Response:
    """An environment to which something is deployed stays."""
    _need(call)
    async with call.host.change() as draft:
        if draft.environments[call.environment].deployments:
            raise Refused(
                400,
                "environments.EnvironmentInUse",
                f"undeploy what is deployed in the environment {call.environment!r} first",
            )
        del draft.environments[call.environment]
    return call.answer(shown(call.environment) if call.edge else done(call, call.environment))


async def get_mask(call: Call) -> web.Response:
    """X: what traces hide."""
    mask = documents_of(call.host, call.environment).get("debugmask", "debugmask") or {}
    return call.answer(
        {"name": f"organizations/{call.organization}/environments/{call.environment}/debugmask", **mask}
    )


async def change_mask(call: Call) -> web.Response:
    """The fields that are sent take the place of those before; with `replaceRepeatedFields=false` lists are added to."""
    document = await call.document()
    document.pop("name", None)
    adding = call.request.query.get("replaceRepeatedFields", "").lower() == "false"
    async with call.host.change() as draft:
        documents = draft.environment(call.environment).documents
        mask = documents.get("debugmask", "debugmask") or {}
        for field, value in document.items():
            known = mask.get(field)
            both = adding and isinstance(known, list) and isinstance(value, list)
            mask[field] = [*known, *value] if both and isinstance(known, list) else value
        documents.put("debugmask", "debugmask", mask)
    return await get_mask(call)


ROUTES: list[Route] = [
    ("GET", "environments", list_all),
    ("POST", "environments", create),
    ("GET", ENVIRONMENT, get),
    ("DELETE", ENVIRONMENT, delete),
    ("GET", f"{ENVIRONMENT}/debugmask", get_mask),
    ("PATCH", f"{ENVIRONMENT}/debugmask", change_mask),
]

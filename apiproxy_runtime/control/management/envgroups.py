"""X's environment groups: host names and the environments behind them. Here all of them are the traffic port.

One group, `default`, is always there and has every environment, whatever is attached or detached; others are kept as
clients make them.
Source: docs.cloud.google.com/apigee, REST resource organizations.envgroups.
"""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.management.call import Call, Route, name_of, required
from apiproxy_runtime.control.management.organization import done
from apiproxy_runtime.control.management.virtualhosts import traffic

_NOUN = "envgroups"
DEFAULT = "default"


def _found(call: Call, documents: Documents, group: str) -> Document:
    kept = documents.get(_NOUN, group)
    there = list(call.host.organization.environments)
    if group == DEFAULT:
        default: Document = {"name": DEFAULT, "hostnames": [traffic(call)[0]], "createdAt": 0}
        return {**default, **(kept or {}), "environments": there}
    if kept is None:
        raise Refused(404, "envgroups.DoesNotExist", f"there is no environment group {group!r}")
    return {**kept, "environments": [name for name in kept["environments"] if name in there]}


def _shown(document: Document) -> Document:
    shown = {"lastModifiedAt": document.get("createdAt", 0), "state": "ACTIVE", **document}
    return {key: value for key, value in shown.items() if key != "environments"}


def _attachment(group: str, environment: str) -> Document:
    return {
        "name": environment,
        "environment": environment,
        "environmentGroupId": group,
        "createdAt": 0,
    }


async def list_all(call: Call) -> web.Response:
    documents = call.host.organization.documents
    names = dict.fromkeys((DEFAULT, *documents.keys(_NOUN)))
    return call.answer({"environmentGroups": [_shown(_found(call, documents, name)) for name in names]})


async def create(call: Call) -> web.Response:
    """`{"name", "hostnames"}`; the answer is an operation that is over, as are those of all changes."""
    document = await call.document()
    name = name_of(call, document, "environment group")
    now = call.host.now()
    kept: Document = {"hostnames": [], **document, "name": name, "createdAt": now, "environments": []}
    async with call.host.change() as draft:
        if draft.documents.get(_NOUN, name) is not None:
            raise Refused(409, "envgroups.AlreadyExists", f"there is an environment group {name!r} already")
        draft.documents.put(_NOUN, name, kept)
    return call.answer({**done(call, name), "response": _shown(kept)})


async def get(call: Call) -> web.Response:
    return call.answer(_shown(_found(call, call.host.organization.documents, call.part("group"))))


async def update(call: Call) -> web.Response:
    """The fields that are sent take the place of those before."""
    document = await call.document()
    name = call.part("group")
    async with call.host.change() as draft:
        before = _found(call, draft.documents, name)
        stays: Document = {key: before[key] for key in ("name", "createdAt", "environments") if key in before}
        kept: Document = {**before, **document, **stays, "lastModifiedAt": call.host.now()}
        draft.documents.put(_NOUN, name, kept)
    return call.answer({**done(call, name), "response": _shown(kept)})


async def delete(call: Call) -> web.Response:
    name = call.part("group")
    async with call.host.change() as draft:
        _found(call, draft.documents, name)
        draft.documents.delete(_NOUN, name)
    return call.answer(done(call, name))


async def attachments(call: Call) -> web.Response:
    group = call.part("group")
    environments = _found(call, call.host.organization.documents, group)["environments"]
    return call.answer({"environmentGroupAttachments": [_attachment(group, name) for name in environments]})


async def attach(call: Call) -> web.Response:
    """`{"environment"}`. The attachment has the environment's name."""
    group = call.part("group")
    environment = required(await call.document(), "environment", "attachment")
    async with call.host.change() as draft:
        if environment not in draft.environments:
            raise Refused(
                400,
                "messaging.config.beans.EnvironmentDoesNotExist",
                f"there is no environment {environment!r}; deploy to it, or create it",
            )
        before = _found(call, draft.documents, group)
        environments = list(dict.fromkeys((*before["environments"], environment)))
        draft.documents.put(_NOUN, group, {**before, "environments": environments})
    return call.answer({**done(call, environment), "response": _attachment(group, environment)})


async def attachment(call: Call) -> web.Response:
    return call.answer(_attachment(call.part("group"), _attached(call, call.host.organization.documents)))


def _attached(call: Call, documents: Documents) -> str:
    group, environment = call.part("group"), call.part("attachment")
    if environment not in _found(call, documents, group)["environments"]:
        raise Refused(
            404,
            "envgroups.AttachmentDoesNotExist",
            f"the environment group {group!r} has no attachment {environment!r}",
        )
    return environment


async def detach(call: Call) -> web.Response:
    group = call.part("group")
    async with call.host.change() as draft:
        environment = _attached(call, draft.documents)
        before = _found(call, draft.documents, group)
        left = [name for name in before["environments"] if name != environment]
        draft.documents.put(_NOUN, group, {**before, "environments": left})
    return call.answer(done(call, environment))


_ONE = f"{_NOUN}/{{group}}"
ROUTES: list[Route] = [
    ("GET", _NOUN, list_all),
    ("POST", _NOUN, create),
    ("GET", _ONE, get),
    ("PATCH", _ONE, update),
    ("DELETE", _ONE, delete),
    ("GET", f"{_ONE}/attachments", attachments),
    ("POST", f"{_ONE}/attachments", attach),
    ("GET", f"{_ONE}/attachments/{{attachment}}", attachment),
    ("DELETE", f"{_ONE}/attachments/{{attachment}}", detach),
]

"""Documents of an environment under one noun: listed, created, read, replaced, deleted. Several nouns are nothing more."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document, Documents
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, name_of

Change = Callable[[Document], Document]


def documents_of(host: Host, environment: str) -> Documents:
    """The documents of an environment; none for one that does not exist."""
    state = host.organization.environments.get(environment)
    return state.documents if state is not None else Documents()


def found(documents: Documents, noun: str, title: str, name: str) -> Document:
    """A document. Raises Refused."""
    document = documents.get(noun, name)
    if document is None:
        raise Refused(404, f"{noun}.DoesNotExist", f"there is no {title} named {name!r}")
    return document


def collection(noun: str, title: str, prepare: Change, shown: Change) -> list[Route]:
    """The routes of a noun. `prepare` makes what is kept of what a client sent, `shown` what is told of what is kept.

    Either changes nothing in place.
    """

    async def list_all(call: Call) -> web.Response:
        return call.answer(documents_of(call.host, call.environment).keys(noun))

    async def create(call: Call) -> web.Response:
        document = await call.document()
        name = name_of(call, document, title)
        async with call.host.change() as draft:
            documents = draft.environment(call.environment).documents
            if documents.get(noun, name) is not None:
                raise Refused(409, f"{noun}.AlreadyExists", f"there is a {title} named {name!r} already")
            kept = prepare({**document, "name": name})
            documents.put(noun, name, kept)
        return call.answer(shown(kept), 201)

    async def get(call: Call) -> web.Response:
        documents = documents_of(call.host, call.environment)
        return call.answer(shown(found(documents, noun, title, call.part("item"))))

    async def update(call: Call) -> web.Response:
        document = await call.document()
        name = call.part("item")
        async with call.host.change() as draft:
            documents = draft.environment(call.environment).documents
            found(documents, noun, title, name)
            kept = prepare({**document, "name": name})
            documents.put(noun, name, kept)
        return call.answer(shown(kept))

    async def delete(call: Call) -> web.Response:
        async with call.host.change() as draft:
            documents = draft.environment(call.environment).documents
            document = found(documents, noun, title, call.part("item"))
            documents.delete(noun, call.part("item"))
        return call.answer(shown(document))

    place = f"{ENVIRONMENT}/{noun}"
    return [
        ("GET", place, list_all),
        ("POST", place, create),
        ("GET", f"{place}/{{item}}", get),
        ("PUT", f"{place}/{{item}}", update),
        ("POST", f"{place}/{{item}}", update),
        ("DELETE", f"{place}/{{item}}", delete),
    ]


def as_it_is(document: Document) -> Document:
    return document

"""One call of the management API, as its handlers see it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from aiohttp import web
from msgspec import Struct

from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.control.answer import Refused, json_answer
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management.flavour import Flavour, in_words_of
from apiproxy_runtime.control.name import check_name

#: The words of the paths for the two kinds of bundles.
COLLECTIONS: dict[str, BundleKind] = {"apis": "apiproxy", "sharedflows": "sharedflowbundle"}
#: The beginning of a path that concerns either.
BUNDLE = "{collection:apis|sharedflows}/{name}"
ENVIRONMENT = "environments/{environment}"


class Call(Struct, frozen=True):
    """A request with what its path names."""

    host: Host
    request: web.Request
    flavour: Flavour

    def part(self, name: str) -> str:
        """A part of the path; empty if this path has none of that name."""
        return self.request.match_info.get(name, "")

    @property
    def edge(self) -> bool:
        return self.flavour == "edge"

    @property
    def organization(self) -> str:
        """As the client calls it: there is one organization here, whatever its name."""
        return self.part("organization")

    @property
    def environment(self) -> str:
        return self.part("environment")

    @property
    def kind(self) -> BundleKind:
        """What the path is about: proxies or shared flows."""
        return COLLECTIONS[self.part("collection")]

    def flag(self, name: str) -> bool:
        """A parameter of the query that is true or false."""
        return self.request.query.get(name, "").lower() == "true"

    async def form(self) -> dict[str, str]:
        """The query's parameters and those of a form, which win."""
        fields = dict(self.request.query)
        if self.request.content_type == "application/x-www-form-urlencoded":
            posted = await self.request.post()
            fields.update({name: value for name, value in posted.items() if isinstance(value, str)})
        return fields

    async def document(self) -> Document:
        """The JSON object in the body, whatever its content type. Raises Refused."""
        body = await self.request.read()
        try:
            value = json.loads(body) if body.strip() else {}
        except ValueError as error:
            raise Refused(400, "InvalidJson", f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Refused(400, "InvalidJson", "the body must be a JSON object")
        return value

    def answer(self, value: Any, status: int = 200) -> web.Response:
        """JSON, with times as the flavour writes them."""
        return json_answer(in_words_of(self.flavour, value), status)

    def page(self, keys: list[str], limit: str) -> list[str]:
        """Those of some keys that the query asks for: at most `limit` (the parameter's name) from `startKey` on.

        Without either all of them, in order of arrival; with one in order of the alphabet. `startKey` is among them.
        """
        query = self.request.query
        start, most = query.get("startKey", ""), number_of(query.get(limit), 0)
        if not start and most <= 0:
            return keys
        found = sorted(key for key in keys if key >= start)
        return found[:most] if most > 0 else found

    def listed(self, member: str, names: list[str], items: list[Document] | None = None) -> web.Response:
        """A list: of names for Edge, of objects for X; of objects in both when `items` are asked for.

        X wraps the list in an object with one `member`; without items it has objects that hold the name alone.
        """
        if items is not None:
            return self.answer({member: items})
        if self.edge:
            return self.answer(names)
        return self.answer({member: [{"name": name} for name in names]})


Handler: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]
#: Method, path below the organization, handler.
Route: TypeAlias = tuple[str, str, Handler]


def required(document: Document, field: str, noun: str) -> str:
    """A text field that must be there. Raises Refused."""
    value = document.get(field)
    if not isinstance(value, str) or not value.strip():
        raise Refused(400, "MissingField", f'the {noun} needs a "{field}"')
    return value.strip()


def name_of(call: Call, document: Document, noun: str, parameter: str = "name") -> str:
    """The name of a new thing, from the query's parameter or the document. Raises Refused."""
    return check_name(call.request.query.get(parameter, "").strip() or required(document, "name", noun), noun)


def number_of(value: object, default: int) -> int:
    """A whole number that comes as a number or as its text, else the default."""
    try:
        return int(str(value))
    except ValueError:
        return default


def texts_of(value: object) -> list[str]:
    """A list of texts, of which each item may also be an object with the text as `apiproduct`."""
    items = value if isinstance(value, list) else []
    found = [item.get("apiproduct") if isinstance(item, dict) else item for item in items]
    return [item for item in found if isinstance(item, str) and item]

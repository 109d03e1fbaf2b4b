"""`/event-hooks` on the control port, in the shapes of Kong's Admin API.

Source: Kong's documentation of event hooks, and the OpenAPI document of its Admin API.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from apiproxy_runtime.control.events.handlers.handler import Undelivered
from apiproxy_runtime.control.events.handlers.table import HANDLERS
from apiproxy_runtime.control.events.hooks import ActiveHook, Exists, Hooks, ping_of
from apiproxy_runtime.control.events.schema import JsonObject, SchemaViolation, from_form
from apiproxy_runtime.control.events.sources import catalogue, of_policies
from apiproxy_runtime.policy.events import EventKind
from apiproxy_runtime.state.store import StoreError

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Hooks on one page where the request does not say, and at most.
PAGE, LONGEST_PAGE = 100, 1000


class _Refused(Exception):
    def __init__(self, status: int, body: JsonObject) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


def routes(hooks: Hooks, published: Callable[[], list[EventKind]]) -> list[web.RouteDef]:
    """The routes for some hooks; `published` tells what is published in the runtimes now."""
    area = _Area(hooks, published)
    table: list[tuple[str, str, Handle]] = [
        ("GET", "/event-hooks", area.list),
        ("POST", "/event-hooks", area.create),
        ("GET", "/event-hooks/sources", area.sources),
        ("GET", "/event-hooks/sources/{source}", area.source),
        ("GET", "/event-hooks/sources/{source}/{event}", area.event),
        ("GET", "/event-hooks/{id}", area.show),
        ("PATCH", "/event-hooks/{id}", area.change),
        ("PUT", "/event-hooks/{id}", area.replace),
        ("DELETE", "/event-hooks/{id}", area.delete),
        ("GET", "/event-hooks/{id}/ping", area.ping),
        ("POST", "/event-hooks/{id}/test", area.test),
        ("GET", "/event-hooks/{id}/status", area.status),
    ]
    return [web.route(method, path, _answering(handle)) for method, path, handle in table]


def _answering(handle: Handle) -> Handle:
    """The handler with its refusals answered as Kong words them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except _Refused as refused:
            return web.json_response(refused.body, status=refused.status)
        except SchemaViolation as violation:
            return web.json_response(violation.body(), status=400)
        except Exists as exists:
            fields = {"id": str(exists)}
            message = f"UNIQUE violation detected on '{{id=\"{exists}\"}}'"
            body = {"code": 5, "name": "unique constraint violation", "message": message, "fields": fields}
            return web.json_response(body, status=409)
        except StoreError as error:
            return web.json_response({"message": str(error)}, status=503)

    return answer


class _Area:
    def __init__(self, hooks: Hooks, published: Callable[[], list[EventKind]]) -> None:
        self.hooks = hooks
        self.published = published
        self._of_policies: list[EventKind] | None = None

    # ---- hooks

    async def list(self, request: web.Request) -> web.Response:
        size, start = _page(request)
        found = self.hooks.all()
        page, rest = found[start : start + size], found[start + size :]
        body: JsonObject = {"data": [hook.shown() for hook in page], "next": None}
        if rest:
            offset = base64.urlsafe_b64encode(str(start + size).encode()).decode()
            body["offset"] = offset
            body["next"] = f"/event-hooks?offset={offset}" + (
                f"&size={size}" if "size" in request.query else ""
            )
        return web.json_response(body)

    async def create(self, request: web.Request) -> web.Response:
        hook = await self.hooks.create(await _document(request))
        return web.json_response(hook.shown(), status=201)

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(self._find(request).hook.shown())

    async def change(self, request: web.Request) -> web.Response:
        hook = await self.hooks.change(self._find(request), await _document(request))
        return web.json_response(hook.shown())

    async def replace(self, request: web.Request) -> web.Response:
        hook = await self.hooks.replace(request.match_info["id"], await _document(request))
        return web.json_response(hook.shown())

    async def delete(self, request: web.Request) -> web.Response:
        active = self.hooks.find(request.match_info["id"])
        if active is not None:
            await self.hooks.delete(active)
        return web.Response(status=204)

    async def status(self, request: web.Request) -> web.Response:
        """What became of the hook's events (Kong has no such call)."""
        active = self._find(request)
        return web.json_response({"id": active.hook.id, **active.delivery.status()})

    async def ping(self, request: web.Request) -> web.Response:
        active = self._find(request)
        if not HANDLERS[active.hook.handler].pings:
            message = f"the handler '{active.hook.handler}' cannot be pinged, only 'webhook' can"
            raise _Refused(400, {"message": message})
        event = ping_of(active.hook)
        try:
            await active.deliver(event)
        except Undelivered as error:
            raise _Refused(502, {"message": str(error)}) from None
        return web.json_response(event)

    async def test(self, request: web.Request) -> web.Response:
        active = self._find(request)
        given = await _document(request)
        if not isinstance(given, dict):
            raise SchemaViolation({"@entity": "expected a record"})
        hook = active.hook
        data = {**given, "source": hook.source, "event": hook.event or given.get("event", "test")}
        try:
            result = await active.deliver(data)
        except Undelivered as error:
            raise _Refused(502, {"message": str(error), "data": data}) from None
        return web.json_response({"data": data, "result": result})

    def _find(self, request: web.Request) -> ActiveHook:
        active = self.hooks.find(request.match_info["id"])
        if active is None:
            raise _Refused(404, {"message": "Not found"})
        return active

    # ---- sources

    async def sources(self, request: web.Request) -> web.Response:
        return web.json_response({"data": await self._catalogue()})

    async def source(self, request: web.Request) -> web.Response:
        found = (await self._catalogue()).get(request.match_info["source"])
        if found is None:
            raise _Refused(404, {"message": "Not found"})
        return web.json_response({"data": found})

    async def event(self, request: web.Request) -> web.Response:
        found = (await self._catalogue()).get(request.match_info["source"], {})
        if request.match_info["event"] not in found:
            raise _Refused(404, {"message": "Not found"})
        return web.json_response({"data": found[request.match_info["event"]]})

    async def _catalogue(self) -> dict[str, dict[str, Any]]:
        if self._of_policies is None:
            self._of_policies = await asyncio.to_thread(of_policies)
        return catalogue([*self._of_policies, *self.published()])


def _page(request: web.Request) -> tuple[int, int]:
    """How many hooks to show, and the first of them."""
    size, start = request.query.get("size", str(PAGE)), 0
    if not size.isdecimal() or not 1 <= int(size) <= LONGEST_PAGE:
        raise _Refused(400, {"message": f"size must be a number between 1 and {LONGEST_PAGE}"})
    offset = request.query.get("offset")
    if offset is not None:
        try:
            start = int(base64.urlsafe_b64decode(offset.encode()))
        except (ValueError, binascii.Error):
            raise _Refused(400, {"message": "invalid offset"}) from None
    return int(size), max(start, 0)


async def _document(request: web.Request) -> Any:
    """The body: JSON, or a form as curl's -d sends it; an empty one is an empty record."""
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        form = await request.post()
        return from_form([(name, value) for name, value in form.items() if isinstance(value, str)])
    text = await request.text()
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        raise _Refused(400, {"message": "Cannot parse JSON body"}) from None

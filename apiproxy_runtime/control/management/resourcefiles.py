"""Resource files of an environment, for all its proxies."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.form import file_of
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route
from apiproxy_runtime.control.management.resources import resource_path


def _files(call: Call) -> Files:
    state = call.host.organization.environments.get(call.environment)
    return state.resources if state is not None else Files({}, "resources")


async def list_all(call: Call) -> web.Response:
    paths = [path.partition("/") for path in _files(call).content]
    wanted = call.part("type") or call.request.query.get("type", "")
    found = [{"name": name, "type": type_} for type_, _, name in paths if wanted in ("", type_)]
    return call.answer({"resourceFile": found})


async def create(call: Call) -> web.Response:
    type_, name = call.request.query.get("type", ""), call.request.query.get("name", "")
    path = resource_path(type_, name)
    content = await file_of(call.request)
    async with call.host.change() as draft:
        state = draft.environment(call.environment)
        if path in state.resources.content:
            raise Refused(409, "resourcefiles.AlreadyExists", f"there is a resource {type_}://{name} already")
        state.resources = state.resources.changed(path, content)
    return call.answer({"name": name, "type": type_}, 201)


def _path(call: Call, files: Files) -> str:
    path = resource_path(call.part("type"), call.part("item"))
    if path not in files.content:
        what = f"{call.part('type')}://{call.part('item')}"
        raise Refused(
            404,
            "resourcefiles.DoesNotExist",
            f"the environment {call.environment!r} has no resource {what}",
        )
    return path


async def get(call: Call) -> web.Response:
    files = _files(call)
    return web.Response(body=files.read(_path(call, files)), content_type="application/octet-stream")


async def update(call: Call) -> web.Response:
    content = await file_of(call.request)
    return await _change(call, content)


async def delete(call: Call) -> web.Response:
    return await _change(call, None)


async def _change(call: Call, content: bytes | None) -> web.Response:
    async with call.host.change() as draft:
        state = draft.environment(call.environment)
        state.resources = state.resources.changed(_path(call, state.resources), content)
    return call.answer({"name": call.part("item"), "type": call.part("type")})


_PLACE = f"{ENVIRONMENT}/resourcefiles"
ROUTES: list[Route] = [
    ("GET", _PLACE, list_all),
    ("POST", _PLACE, create),
    ("GET", f"{_PLACE}/{{type}}", list_all),
    ("GET", f"{_PLACE}/{{type}}/{{item}}", get),
    ("PUT", f"{_PLACE}/{{type}}/{{item}}", update),
    ("DELETE", f"{_PLACE}/{{type}}/{{item}}", delete),
]

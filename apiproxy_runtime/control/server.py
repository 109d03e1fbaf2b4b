"""The control port: every area's routes in one web application, behind one guard."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable

from aiohttp import web

from apiproxy_runtime.control.emulator import routes as emulator
from apiproxy_runtime.control.guard import MAX_UPLOAD, guard, harden
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management import routes as management
from apiproxy_runtime.control.management.flavour import Choice
from apiproxy_runtime.control.page import routes as page
from apiproxy_runtime.control.trace import routes as trace

#: An area of the control port makes its routes for a host. Where paths meet, the first area has them.
Area = Callable[[Host], list[web.RouteDef]]
AREAS: tuple[Area, ...] = (emulator.routes, page.routes)


def make_application(
    host: Host,
    *,
    token: str = "",
    names: Iterable[str] = (),
    more: Iterable[Area] = (),
    flavour: Choice = "auto",
) -> web.Application:
    """The control API of a host, with `more` areas. `names` are hosts, besides loopback, by which it may be called.

    `flavour` is the dialect of the management API; `auto` is the one that a request shows.
    """
    recordings = trace.trace_of(host)
    areas = (*AREAS, trace.area(recordings), management.area(flavour, recordings), *more)
    return guarded((route for area in areas for route in area(host)), token=token, names=names)


def guarded(routes: Iterable[web.RouteDef], *, token: str = "", names: Iterable[str] = ()) -> web.Application:
    """An application of routes that lets through only whom the control port is for; `names` as in `make_application`."""
    application = web.Application(client_max_size=MAX_UPLOAD, middlewares=[guard(token, names)])
    application.on_response_prepare.append(harden)
    application.router.add_routes(routes)
    return application


async def run(
    host: Host,
    listening: socket.socket,
    *,
    token: str = "",
    names: Iterable[str] = (),
    more: Iterable[Area] = (),
    flavour: Choice = "auto",
) -> None:
    """Answer on a listening socket until cancelled."""
    await answer(make_application(host, token=token, names=names, more=more, flavour=flavour), listening)


async def answer(application: web.Application, listening: socket.socket) -> None:
    """Answer on a listening socket until cancelled."""
    # bytes that are no HTTP are the sender's trouble: no traceback in the log for each
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()

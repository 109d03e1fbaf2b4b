"""What `serve` does about its control port: who may have it open, listening, and starting its web server."""

from __future__ import annotations

import argparse
import asyncio
import errno
import importlib
import logging
import os
import socket
import sys
from collections.abc import Callable

from apiproxy_runtime.cli.announce import say
from apiproxy_runtime.cli.options.serve import DEFAULT_CONTROL_PORT
from apiproxy_runtime.control.deployevent import DeployEvent, in_brief
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.loopback import is_loopback
from apiproxy_runtime.control.observe.reporting import Reporting
from apiproxy_runtime.control.observe.tally import Deploys

logger = logging.getLogger("apiproxy")

TOKEN_VARIABLE = "APIPROXY_CONTROL_TOKEN"


def check_control(options: argparse.Namespace) -> None:
    """Raises ValueError for a control port that would be open to others without a token."""
    if not options.control_token:
        options.control_token = os.environ.get(TOKEN_VARIABLE, "")
    if not options.no_control and not options.control_token and not is_loopback(options.control_host):
        raise ValueError(
            f"--control-host {options.control_host} lets others deploy: give a --control-token too (or set "
            f"{TOKEN_VARIABLE}), or keep to 127.0.0.1"
        )


def open_control(options: argparse.Namespace) -> socket.socket:
    """The listening socket of the control port. A default port that is taken gives way to any free one.

    Raises OSError.
    """
    family = socket.AF_INET6 if ":" in options.control_host else socket.AF_INET
    wanted = DEFAULT_CONTROL_PORT if options.control_port is None else options.control_port
    try:
        return socket.create_server((options.control_host, wanted), family=family)
    except OSError as error:
        if options.control_port is not None or error.errno != errno.EADDRINUSE:
            raise
        print(
            f"Port {wanted} is taken: the control API takes a free one (--control-port names one)",
            file=sys.stderr,
        )
        return socket.create_server((options.control_host, 0), family=family)


async def serve_control(
    host: Host, reporting: Reporting, listening: socket.socket, options: argparse.Namespace
) -> None:
    """Answer the control port until cancelled. Its web server is loaded while traffic is served already."""
    server = await asyncio.to_thread(importlib.import_module, "apiproxy_runtime.control.server")
    observe = await asyncio.to_thread(importlib.import_module, "apiproxy_runtime.control.observe.routes")
    await server.run(
        host,
        listening,
        token=options.control_token,
        names=(options.control_host,),
        more=(observe.area(reporting),),
        flavour=options.flavour,
    )


async def serve_reports(
    reporting: Reporting,
    deploys: Callable[[], Deploys],
    listening: socket.socket,
    options: argparse.Namespace,
) -> None:
    """Answer a control port that reports and does not deploy (a kong.yml's) until cancelled."""
    server = await asyncio.to_thread(importlib.import_module, "apiproxy_runtime.control.server")
    observe = await asyncio.to_thread(importlib.import_module, "apiproxy_runtime.control.observe.routes")
    application = server.guarded(
        observe.report_routes(reporting, deploys),
        token=options.control_token,
        names=(options.control_host,),
    )
    await server.answer(application, listening)


def listen_for_control(options: argparse.Namespace) -> socket.socket | None:
    """The listening socket; None, once it was said why, where there can be none."""
    try:
        return open_control(options)
    except OSError as error:
        print(
            f"apiproxy serve: cannot listen on {options.control_host}:{options.control_port} for the control "
            f"API: {error.strerror}; name another --control-port, or say --no-control",
            file=sys.stderr,
        )
        return None


def report_end(serving: asyncio.Task[None]) -> None:
    """Say why the control port has closed, if it was not told to."""
    if not serving.cancelled() and serving.exception() is not None:
        logger.error("The control port has closed", exc_info=serving.exception())


def print_event(event: DeployEvent) -> None:
    """A line for what came over the control port, or by a changed file."""
    noun = "shared flow " if event.kind == "sharedflowbundle" else ""
    what = f"{noun}{event.name} revision {event.revision} in" if event.name else "a deploy to"
    line = f"{event.what.capitalize()} {what} {event.environment}"
    if event.what == "refused":
        say(f"{line}: {in_brief(event.findings)}", sys.stderr)
        return
    paths = f": {', '.join(event.base_paths)}" if event.base_paths else ""
    say(f"{line}{paths}")

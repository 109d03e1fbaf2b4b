"""`apiproxy serve kong.yml`: Kong's declarative configuration in place of bundles.

A kong.yml is served alone: its routes may match any path, so that bundles beside it would never be sure of theirs.
Its control port reports (metrics, health, event hooks); nothing is deployed over it.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.environment import DEFAULT_ORGANIZATION
from apiproxy_runtime.bundle.finding import DeployError, Findings
from apiproxy_runtime.cli.announce import address_of, report, say
from apiproxy_runtime.cli.control import listen_for_control, report_end, serve_reports
from apiproxy_runtime.cli.running import GRACE, records_folder, told_to_stop
from apiproxy_runtime.cli.trace import TextTrace
from apiproxy_runtime.cli.watch import watch_files
from apiproxy_runtime.control.events.configuration import read_functions
from apiproxy_runtime.control.observe.accesslog import AccessLog
from apiproxy_runtime.control.observe.reported import Reported
from apiproxy_runtime.control.observe.reporting import Reporting
from apiproxy_runtime.control.observe.tally import Deploys
from apiproxy_runtime.gateway.http.heap import keep_freed_memory
from apiproxy_runtime.gateway.http.limits import Limits
from apiproxy_runtime.gateway.http.server import Server
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.gateway import render_refusal
from apiproxy_runtime.kong.logline import event_record
from apiproxy_runtime.kong.model import Configuration
from apiproxy_runtime.kong.runtime import KongDeployed, KongRuntime, load_kong
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.events import Events
from apiproxy_runtime.state.open import open_store
from apiproxy_runtime.state.records import Records
from apiproxy_runtime.state.store import StoreError


async def serve_kong(
    options: argparse.Namespace, path: Path, connect_to: Mapping[str, str], share_port: bool = False
) -> int:
    """Deploy, listen, and serve until a signal says stop; 0, or 2 when it cannot be deployed."""
    try:
        check_options(options)
        store = open_store("memory" if options.check else options.state)
    except (StoreError, ValueError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        return 2
    runtime = KongRuntime(
        store,
        connect_to=connect_to,
        records=Records(records_folder(options)),
        organization=options.organization or DEFAULT_ORGANIZATION,
        environment=options.environment or "test",
    )
    if options.trace:
        runtime.watch(TextTrace(sys.stdout))
    try:
        deployed = deploy(runtime, path)
    except DeployError as error:
        report(error.findings, sys.stderr)
        count = len(error.errors)
        print(f"Refused: {count} error{'s' * (count != 1)}, nothing was deployed.", file=sys.stderr)
        await runtime.close(0)
        return 2
    report(deployed.warnings, sys.stderr)
    announce(deployed)
    if options.check:
        await runtime.close(0)
        return 0
    try:
        reporting, log = make_reports(options, runtime, connect_to)
    except (ValueError, OSError) as error:
        print(f"apiproxy serve: {error}", file=sys.stderr)
        await runtime.close(0)
        return 2
    # several workers would each tell of their own requests
    control = None
    if not options.no_control and not share_port:
        control = listen_for_control(options)
        if control is None:
            await runtime.close(0)
            return 2
        print(f"Control: {address_of(options.control_host, control.getsockname()[1])}", flush=True)
    try:
        return await listen(options, path, runtime, reporting, control, share_port)
    finally:
        if control is not None:
            control.close()
        if log is not None:
            log.close()


def make_reports(
    options: argparse.Namespace, runtime: KongRuntime, connect_to: Mapping[str, str]
) -> tuple[Reporting, AccessLog | None]:
    """What this process reports of its requests. Raises ValueError, OSError for files that cannot be used."""
    functions = read_functions(options.event_hooks) if options.event_hooks else None
    log = AccessLog(options.access_log, options.access_log_format) if options.access_log else None
    reporting = Reporting(
        runtime.store, connect_to=connect_to, metrics=not options.no_control, functions=functions
    )

    def secrets() -> frozenset[str]:
        return key_names(runtime.configuration)

    def record(ctx: MessageContext, names: frozenset[str]) -> dict[str, Any]:
        return event_record(ctx, names) if isinstance(ctx, KongContext) else {}

    gateway = runtime.gateway
    reporting.report(Reported(runtime.environment, gateway, Events(), secrets, record))
    if log is not None:
        gateway.concluded = (*gateway.concluded, log.listener(secrets))
    return reporting, log


def check_options(options: argparse.Namespace) -> None:
    """Raises ValueError for what a kong.yml cannot have, rather than to go without it in silence."""
    if options.record is not None:
        raise ValueError("--record works with bundles, not with a kong.yml: leave it out")
    if options.workers > 1 and (options.control_port is not None or options.event_hooks is not None):
        raise ValueError(
            "a kong.yml has a control port, and event hooks, in one process: leave --workers out"
        )


def key_names(configuration: Configuration) -> frozenset[str]:
    """Headers and parameters in which plugins look for credentials, in lower case."""
    return frozenset(
        name.lower()
        for instance in configuration.plugins
        for field in ("key_names", "header_names", "uri_param_names")
        for name in instance.config.get(field) or ()
    )


def deploy(runtime: KongRuntime, path: Path) -> KongDeployed:
    """Serve what the file holds now. Raises DeployError."""
    findings = Findings()
    configuration = load_kong(path, findings)
    findings.raise_errors()
    assert configuration is not None
    return runtime.deploy(configuration, findings)


async def listen(
    options: argparse.Namespace,
    path: Path,
    runtime: KongRuntime,
    reporting: Reporting,
    control: socket.socket | None,
    share_port: bool,
) -> int:
    """Accept traffic until SIGINT or SIGTERM; then let requests in flight finish."""
    server = Server(runtime.gateway.handle, Limits(), render=render_refusal)
    try:
        await server.start(options.host, options.port, reuse_port=share_port)
    except OSError as error:
        place = f"{options.host}:{options.port}"
        print(f"apiproxy serve: cannot listen on {place}: {error.strerror}", file=sys.stderr)
        await runtime.close(0)
        return 2
    reporting.server = server
    await reporting.start()
    stop = told_to_stop()
    loop = asyncio.get_running_loop()
    beside: list[asyncio.Task[None]] = []
    if options.watch:
        beside.append(loop.create_task(watch_files([path], lambda: redeploy(runtime, path))))
    keep_freed_memory()
    count = len(runtime.router.routes)
    say(f"Ready: {address_of(options.host, server.port)} ({count} route{'s' * (count != 1)})")
    if control is not None:

        def deploys() -> Deploys:
            return Deploys({}, {(runtime.environment, "route"): len(runtime.router.routes)})

        beside.append(loop.create_task(serve_reports(reporting, deploys, control, options)))
        beside[-1].add_done_callback(report_end)
    await stop.wait()
    for task in beside:
        task.cancel()
    if beside:
        await asyncio.wait(beside, timeout=1)
    await server.stop(GRACE)
    await runtime.drain(GRACE)
    await reporting.close()
    await runtime.close(GRACE)
    return 0


def redeploy(runtime: KongRuntime, path: Path) -> None:
    """A broken save leaves the old configuration serving."""
    try:
        deployed = deploy(runtime, path)
    except DeployError as error:
        report(error.findings, sys.stderr)
        print("Refused: the configuration before goes on serving.", file=sys.stderr, flush=True)
    else:
        report(deployed.warnings, sys.stderr)
        print("Deployed anew.", flush=True)


def announce(deployed: KongDeployed) -> None:
    """What is deployed, a route a line."""
    for route in deployed.configuration.routes:
        what = " ".join((*route.methods, *route.hosts, *route.paths)) or "everything"
        where = f"{route.service.title}" if route.service is not None else "no service"
        say(f"Deployed route {route.title}: {what} -> {where}")
    live = [instance for instance in deployed.configuration.plugins if instance.enabled]
    if live:
        names = sorted({instance.plugin.name for instance in live if instance.plugin.runs})
        say(f"Plugins: {', '.join(names)}")
